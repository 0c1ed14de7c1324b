"""The exit codes of the command line, and which of them an error of the library becomes."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from doorcode import errors
from doorcode._cli.account_file import FOLDER_ERRORS
from doorcode.cache import StoreError

TOO_LATE: Final = "The user did not sign in in time. `doorcode login --timeout SECONDS` waits longer."
UNWRITABLE: Final = "\nLet this user write there, or set HOME to a folder in which this user may write."


class ExitCode(IntEnum):
    """The exit codes of commands; docs/cli.md lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    SIGN_IN_NEEDED = 3
    UNREACHABLE = 4
    NO_CACHE = 5
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    SIGNALLED = 128
    INTERRUPTED = 130


class CommandError(Exception):
    """End a command with a message for the user and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def sign_in_needed(words: str = "", command: str = "doorcode login") -> CommandError:
    """Return the error of a command that needs a sign-in and may not start one.

    Args:
        words: why.
        command: the command that signs the user in.
    """
    lead = f"A sign-in is needed: {words}" if words else "A sign-in is needed."
    return CommandError(f"{lead}\nRun `{command}`.", ExitCode.SIGN_IN_NEEDED)


def as_command_error(error: Exception) -> CommandError | None:
    """Return an error of the library as the end of a command; None for any other error."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, errors.AuthenticationRequiredError):
        return sign_in_needed(error.error_description or "")
    if isinstance(error, (errors.CacheUnavailableError, StoreError)):
        advice = UNWRITABLE if getattr(error, "errno", None) in FOLDER_ERRORS else ""
        return CommandError(f"No token cache can be used: {error}{advice}", ExitCode.NO_CACHE)
    if isinstance(error, errors.AuthorityUnreachableError):
        return CommandError(f"{error}\n`doorcode doctor` checks the network.", ExitCode.UNREACHABLE)
    if isinstance(error, errors.AuthenticationFailedError):
        late = isinstance(error, errors.SignInTimedOutError)
        return CommandError(TOO_LATE if late else str(error))
    return None
