"""The loggers of this package, which print nothing unless the program configures logging.

Without a handler, Python would print their warnings on standard error, beside the traceback of the same error.
"""

from __future__ import annotations

import logging

_ROOT = logging.getLogger("doorcode")
_ROOT.addHandler(logging.NullHandler())


def logger(name: str) -> logging.Logger:
    """Return a module's logger, below ``doorcode``."""
    return logging.getLogger(name)
