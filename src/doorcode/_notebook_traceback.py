"""The traceback of an error as a notebook shows it: the program's own lines, and what happened."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traceback import FrameSummary


def rendered(error: BaseException) -> list[str]:
    """Return the lines that IPython prints for an error, without those of installed packages.

    IPython would show each frame with ten lines of its code: sixty for an error that says itself what to do. ``%debug``
    and ``error.__traceback__`` have all frames.
    """
    import traceback

    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_of_the_program(frame.filename)]
    return [*map(_line, frames), f"{type(error).__name__}: {error}"]


def _is_of_the_program(filename: str) -> bool:
    import sysconfig

    installed = (*sysconfig.get_paths().values(), __file__.rpartition("_notebook_traceback")[0], "<frozen")
    return not filename.startswith(installed) and not {"site-packages", "dist-packages"} & set(PurePath(filename).parts)


def _line(frame: FrameSummary) -> str:
    return f"{_place(frame.filename)}, line {frame.lineno}: {frame.line or ''}"


def _place(filename: str) -> str:
    """Return the name that IPython gives to a cell, or the name of a file."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    compiler: Any = getattr(shell, "compile", None)
    named = compiler.format_code_name(filename) if hasattr(compiler, "format_code_name") else None
    return " ".join(named) if named else filename
