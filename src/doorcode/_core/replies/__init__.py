"""What the authority answers, as typed values and named faults."""
