"""What a program sees of this package in the traceback of an error."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import doorcode

SOURCE: Final = Path(doorcode.__file__).parent
MOST: Final = 5
"""Frames of this package between a caller and an error: more hide the line that the caller can change."""


def frames_of_ours(error: BaseException) -> list[str]:
    """Return the functions of this package that stand in an error's traceback."""
    stack = traceback.extract_tb(error.__traceback__)
    return [frame.name for frame in stack if SOURCE in Path(frame.filename).parents]
