"""The flows: what a token request does, step by step, without I/O."""
