"""The emulated authority without HTTP: its directory, state, grants and tokens."""
