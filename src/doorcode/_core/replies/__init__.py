"""The authority's replies, as typed values and named faults."""
