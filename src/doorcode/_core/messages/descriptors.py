"""The words for a process that may open no further file or connection; loaded before that can happen."""

from __future__ import annotations

import errno
from typing import Final

NO_DESCRIPTORS: Final = "This process has too many files and connections open"
FREE_DESCRIPTORS: Final = "Close some, or raise the limit (ulimit -n), then call again. Stored tokens stay stored."
"""The next step."""


def is_without_descriptors(error: BaseException | None) -> bool:
    """Return whether an error says that this process, or the system, may open no further file or connection."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
