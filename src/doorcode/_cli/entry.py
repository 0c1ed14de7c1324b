"""Start the command line: the fast way to a stored token first, then every command."""

from __future__ import annotations

import os
import sys

MISSING = "doorcode: the command line needs click and rich: pip install 'doorcode[cli]'"


def main(program: str = "doorcode") -> int:
    """Run the command of this process's arguments.

    Args:
        program: how the user calls the command line, for its help.

    Returns:
        The exit code, as docs/cli.md lists them.
    """
    arguments = sys.argv[1:]
    try:
        if arguments[:1] == ["token"]:
            from doorcode._cli.fast_token import print_stored_token

            if print_stored_token(arguments[1:]):
                return 0
        try:
            from doorcode._cli.app import run
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in {"click", "rich"}:
                raise
            _tell(MISSING)
            return 1
        return run(arguments, program)
    except KeyboardInterrupt:
        _tell("\nInterrupted.")
        return 130
    except OSError as error:
        # The reader of the pipe has ended, or the disk is full. Python would report it again at its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            _tell(f"doorcode: {error.strerror or error}")
        return 1


def _tell(message: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{message}\n")
