"""The token stores, one module each."""
