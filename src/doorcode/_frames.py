"""Clear the frames of an error before it leaves doorcode, because crash reporters show their local variables.

Tokens, keys and codes are local variables while they are in use. A decorator on each public operation clears them from
the traceback of every error, Ctrl-C included, and from those of the errors that it wraps.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from doorcode._core.messages.descriptors import FREE_DESCRIPTORS, NO_DESCRIPTORS, is_without_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=BaseException)

PACKAGES: Final = ("doorcode", "msal", "msal_extensions", "azure.core", "requests", "urllib3", "cryptography",
                   "secretstorage", "jeepney", "redis")  # fmt: skip
"""The packages whose frames are cleared: this one, and the libraries that it passes secrets to."""
_COROUTINE: Final = 0x80
"""The flag CO_COROUTINE of ``inspect``, which is slow to import."""
LIBRARY: Final = ("json", "base64", "codecs", "encodings", "http", "ssl", "socket", "email", "re")
"""Modules of the standard library that receive secrets, too."""


def _as_ours(error: BaseException) -> BaseException:
    """Return what to raise for an error: one of this library's if no further file or connection may be opened."""
    if not is_without_descriptors(error):
        return error
    message = f"Authentication failed: {NO_DESCRIPTORS[0].lower()}{NO_DESCRIPTORS[1:]}.\n{FREE_DESCRIPTORS}"
    try:
        from doorcode.errors import AuthorityUnreachableError
    except OSError:  # azure-core, whose subclass that is, cannot be imported any more
        return OSError(cast("OSError", error).errno, message)
    return AuthorityUnreachableError(message)


def shortened(exception: E) -> E:
    """Return an exception of this library without its traceback, because its message and its cause say enough.

    An exception of the program's own code keeps its traceback.
    """
    link = exception.__traceback__
    while link is not None and link.tb_next is not None:
        link = link.tb_next
    ours = link is not None and str(link.tb_frame.f_globals.get("__name__")).startswith("doorcode.")
    return exception.with_traceback(None) if ours else exception


def _is_of_ours(error: BaseException) -> bool:
    return type(error).__module__.startswith("doorcode.")


def clears_frames(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function or coroutine function, so that its errors carry no frame with a secret.

    The program's own frames, of its callbacks and stores, stay as they are.
    """
    if function.__code__.co_flags & _COROUTINE:
        waiting = cast("Callable[..., Any]", function)

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            try:
                return await waiting(*args, **kwargs)
            except BaseException as error:
                args, kwargs = (), {}  # they may hold secrets, and this frame is in the traceback
                clear(error)
                ours = _as_ours(error)
                if ours is not error:
                    raise ours from error
                if _is_of_ours(error):
                    raise shortened(error)  # noqa: B904 - the same exception
                raise

        return cast("Callable[P, R]", awaited)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return cast("Callable[..., Any]", function)(*args, **kwargs)
        except BaseException as error:
            args, kwargs = (), {}  # as above
            clear(error)
            ours = _as_ours(error)
            if ours is not error:
                raise ours from error
            if _is_of_ours(error):
                raise shortened(error)  # noqa: B904 - the same exception
            raise

    return cast("Callable[P, R]", called)


def clear(error: BaseException) -> None:
    """Clear the frames of an error and of all that it wraps, except frames that still run."""
    links = list(chain(error))
    for link in links:
        _drop_what_holds_text(link)
    for link in links:
        for frame in _frames(link.__traceback__):
            if _is_of(frame, PACKAGES) or _is_of(frame, LIBRARY):
                _clear(frame)


def chain(exception: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all exceptions that it wraps, each once."""
    seen: set[int] = set()
    todo = [exception]
    while todo:
        link = todo.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapping = [getattr(link, name, None) for name in ("__cause__", "__context__", "reason", "inner_exception")]
        todo += [wrapped for wrapped in (*wrapping, *link.args) if isinstance(wrapped, BaseException)]


def _drop_what_holds_text(link: BaseException) -> None:
    """Drop wrapped decoding and parsing errors, which hold the whole text, unless the program's code raised them."""
    for name in ("__cause__", "__context__"):
        inner = getattr(link, name)
        if isinstance(inner, ValueError) and (isinstance(inner, UnicodeError) or hasattr(inner, "doc")):
            frames = _frames(inner.__traceback__)
            if all(_is_of(frame, PACKAGES) or _is_of(frame, LIBRARY) for frame in frames):
                suppressed = link.__suppress_context__
                setattr(link, name, None)
                link.__suppress_context__ = suppressed


def _frames(traceback: TracebackType | None) -> list[FrameType]:
    found: list[FrameType] = []
    while traceback is not None:
        found.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return found


def _is_of(frame: FrameType, packages: tuple[str, ...]) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _clear(frame: FrameType) -> None:
    try:
        frame.clear()
    except RuntimeError:
        return  # the frame still runs
