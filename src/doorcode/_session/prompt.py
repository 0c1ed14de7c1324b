"""How a user is told: the program's own callback, or the service's message on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Final, TextIO, TypeAlias

from doorcode._core.display import wrapped
from doorcode._core.messages.failures import prompt_failed
from doorcode._core.replies.device_code import DeviceCode

PromptCallback: TypeAlias = Callable[[str, str, datetime], Awaitable[object] | object]

_READY_MADE: Final = "doorcode.prompts."
"""The package of this library's own prompts; messages other than codes go to standard error beside them."""
_ARGUMENTS: Final = {
    "paste": "one argument, a PasteRequest",
    "prompt_callback": "three arguments: verification_uri, user_code and expires_on",
}
"""The arguments of each kind of prompt, for a program whose function takes others."""
_UNSEEN: Final = prompt_failed(
    "there is neither a standard output nor a standard error to show the code on; pass prompt_callback"
)


def present(code: DeviceCode, callback: PromptCallback | None) -> object:
    """Show a code to the user.

    Args:
        code: what to show.
        callback: the program's own, called with ``verification_uri``, ``user_code`` and ``expires_on``;
            None prints the service's message.

    Returns:
        What the callback returned; an awaitable if it is a coroutine function.
    """
    if callback is None:
        complete = code.verification_uri_complete
        say(code.message if complete is None else f"{code.message}\nThe code is filled in already at {complete}")
        return None
    return callback(code.verification_uri, code.user_code, datetime.fromtimestamp(code.expires_on, timezone.utc))


@contextmanager
def prompting(option: str = "prompt_callback") -> Generator[None]:
    """Turn an exception of a prompt into the end of the sign-in, with the program's own error as its cause.

    Args:
        option: the program's name for the prompt, for the message.

    Raises:
        AuthenticationFailedError: the prompt failed.
    """
    try:
        yield
    except Exception as exception:
        if getattr(exception, "_failure", None) is _UNSEEN:
            raise
        from doorcode._error_mapping import exception_for

        words = f"{option} raised {type(exception).__name__}: {exception}{_call_shape(option, exception)}"
        raise exception_for(prompt_failed(words, exception)) from exception


def check_has_run(answer: object, option: str = "prompt_callback") -> None:
    """Refuse what a prompt returned if its code has not run: the user would wait for a code that nobody shows.

    Args:
        answer: what the prompt returned.
        option: the program's name for the prompt, for the message.

    Raises:
        AuthenticationFailedError: it is a coroutine or a generator.
    """
    if isinstance(answer, (CoroutineType, GeneratorType, AsyncGeneratorType)):
        from doorcode._error_mapping import exception_for

        if isinstance(answer, CoroutineType):
            answer.close()  # otherwise Python warns that it was never awaited
            words = f"{option} returned a coroutine, which only the credentials of doorcode.aio await"
        else:
            words = f"{option} is a generator function: the code in it does not run. Write it without yield"
        raise exception_for(prompt_failed(words))


def _call_shape(option: str, exception: Exception) -> str:
    """Return how a prompt is called, where the call itself failed: its parameters are others."""
    link = exception.__traceback__
    while link is not None and link.tb_next is not None:
        link = link.tb_next
    at_the_call = link is not None and str(link.tb_frame.f_globals.get("__name__")).startswith("doorcode.")
    return (
        f"\n{option} is called with {_ARGUMENTS[option]}." if at_the_call and isinstance(exception, TypeError) else ""
    )


def tell(message: str, callback: Callable[..., object] | None) -> bool:
    """Tell the user something in the place where a prompt would appear.

    Args:
        message: what to tell.
        callback: the program's prompt, which takes nothing but codes; or None.

    Returns:
        Whether it was shown.

    Raises:
        AuthenticationFailedError: there is no callback, and neither output can be written.
    """
    if callback is None:
        say(message)
        return True
    ready_made = str(getattr(callback, "__module__", "")).startswith(_READY_MADE)
    return ready_made and print_whole(message, sys.stderr)


def say(message: str) -> None:
    """Print a message at once, on standard error if standard output cannot be written.

    Raises:
        AuthenticationFailedError: neither can be written.
    """
    if not any(print_whole(message, stream) for stream in (sys.stdout, sys.stderr)):
        from doorcode._error_mapping import exception_for

        raise exception_for(_UNSEEN)


def print_whole(message: str, stream: TextIO | None) -> bool:
    """Print a message at once, with no word broken at a line's end; return whether the stream is there and took it."""
    return stream is not None and print_as_is(_unbroken(message, stream), stream)


def print_as_is(text: str, stream: TextIO | None) -> bool:
    """Print lines at once; characters that the encoding lacks are replaced.

    Returns:
        Whether the stream is there and took them.
    """
    if stream is None:
        return False
    try:
        print(_encodable(text, stream), file=stream, flush=hasattr(stream, "flush"))
    except (OSError, ValueError, TypeError, AttributeError):  # a program's own stream may be of bytes, or lack a method
        return False
    return True


def _encodable(message: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None)
    if not isinstance(encoding, str):  # a mock's, for example
        encoding = "utf-8"
    try:
        return message.encode(encoding, "replace").decode(encoding)
    except LookupError:
        return message


def _unbroken(message: str, stream: TextIO) -> str:
    """Break a message between words, where the terminal that shows it would break a code or an address."""
    columns = 0
    with suppress(OSError, ValueError, TypeError, AttributeError):
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    return message if columns <= 0 else "\n".join(wrapped(line, columns) for line in message.split("\n"))
