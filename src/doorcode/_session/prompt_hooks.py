"""The methods that a prompt may have besides being callable, and the sign-in that it belongs to."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from doorcode._core.display import log_line
from doorcode._core.messages.outcome import outcome_of
from doorcode._log import logger
from doorcode._session.nesting import put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from doorcode._core.messages.outcome import SignInOutcome
    from doorcode._core.model import Failure, Tokens
    from doorcode._session.prompt import PromptCallback

_LOGGER: Final = logger(__name__)


class PromptHooks:
    """The prompt of one sign-in.

    Args:
        callback: the program's own; None for the service's message.

    Attributes:
        shown: whether the prompt was called, with or without success.
    """

    def __init__(self, callback: PromptCallback | None) -> None:
        # A ready-made prompt has a state while it is on the screen; several sign-ins may use one.
        copy = hook_of(callback, "for_sign_in")
        self.callback: PromptCallback | None = callback if copy is None else copy()  # type: ignore[assignment] # likewise
        self.shown: bool = False

    def call_waiting(self, seconds_left: float) -> object:
        """Call ``waiting``, if there is one and the prompt was shown; return what it returns."""
        hook = hook_of(self.callback, "waiting") if self.shown else None
        return None if hook is None else hook(seconds_left)

    def call_finished(self, outcome: SignInOutcome) -> object:
        """Call ``finished``, if there is one and the prompt was shown; return what it returns."""
        hook = hook_of(self.callback, "finished") if self.shown else None
        self.shown = False
        return None if hook is None else hook(outcome)


P = TypeVar("P", bound=PromptHooks)


class SignInPrompts(Generic[P]):
    """The prompts of one sign-in, which all learn the same outcome.

    Args:
        make: makes a prompt from the program's callback.

    Attributes:
        current: the prompt that shows codes now, if one does.
        all: the prompts, those of flows inside a program's ``_request_token`` included.
    """

    def __init__(self, make: Callable[[PromptCallback | None], P]) -> None:
        self._make = make
        self._apart = False
        self.current: P | None = None
        self.all: list[P] = []

    def start(self) -> None:
        """Start a sign-in of its own, even if another one goes on further up this thread or task."""
        self._apart = True

    def for_code(self, callback: PromptCallback | None) -> P:
        """Return the prompt that shows a code, made for the first code of a sign-in."""
        if self.current is None:
            self.current = self._make(callback)
            outer: list[P] | None = None if self._apart else _UNDER_WAY.get()
            (self.all if outer is None else outer).append(self.current)
        return self.current

    @contextmanager
    def inside(self) -> Generator[None]:
        """Let prompts of flows inside a program's ``_request_token`` belong to this sign-in."""
        token = _UNDER_WAY.set(self.all)
        try:
            yield
        finally:
            put_back(_UNDER_WAY, token)

    def finish(self, end: Tokens | Failure | BaseException) -> list[tuple[P, SignInOutcome]]:
        """Return each prompt with the outcome that it is to be told, once."""
        prompts, self.all, self.current = self.all, [], None
        if not prompts:
            return []
        outcome = outcome_of(end)
        return [(prompt, outcome) for prompt in prompts]


_UNDER_WAY: Final[ContextVar[Any]] = ContextVar("doorcode_sign_in", default=None)
"""The prompts of the sign-in that has called a program's ``_request_token`` in this thread or task."""


def hook_of(callback: object, name: str) -> Callable[..., object] | None:
    """Return a method that a prompt defines; None if it has none, or is a mock, which answers to every name."""
    if inspect.getattr_static(callback, name, None) is None:
        return None
    hook = getattr(callback, name)
    return hook if callable(hook) else None


def log_failed_hook(error: Exception) -> None:
    """Log that ``finished`` failed: the sign-in is over, and its result must not be lost."""
    _LOGGER.warning("prompt_callback.finished raised %s: %s", type(error).__name__, log_line(error))
