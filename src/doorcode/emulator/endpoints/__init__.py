"""The endpoints that the emulated authority answers, one module each."""
