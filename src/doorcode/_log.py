"""The loggers of this package, quiet where the program configured no logging.

Without a handler, Python prints warnings on standard error, where an error that nobody catches is printed again.
"""

from __future__ import annotations

import logging

_ROOT = logging.getLogger("doorcode")
_ROOT.addHandler(logging.NullHandler())


def logger(name: str) -> logging.Logger:
    """Return a module's logger, below ``doorcode``."""
    return logging.getLogger(name)
