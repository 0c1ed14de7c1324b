"""The methods that a prompt may have besides being callable, and the sign-in that it belongs to."""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from doorcode._core.display import log_line
from doorcode._core.outcome import outcome_of
from doorcode._log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorcode._core.model import Failure, Tokens
    from doorcode._core.outcome import SignInOutcome
    from doorcode._session.prompt import PromptCallback

_LOGGER: Final = logger(__name__)


class PromptHooks:
    """The prompt of one sign-in, and the sign-in that it belongs to.

    Args:
        callback: the program's own; None for the service's message.
        sign_in: the sign-in.

    Attributes:
        shown: whether the prompt was called, with or without success.
    """

    def __init__(self, callback: PromptCallback | None, sign_in: SignIn) -> None:
        # A ready-made prompt has a state while it is on the screen; several sign-ins may use one.
        copy = hook_of(callback, "for_sign_in")
        self.callback: PromptCallback | None = callback if copy is None else copy()  # type: ignore[assignment] # likewise
        self.shown = False
        self._sign_in = sign_in

    def ended_with(self, tokens: Tokens) -> Tokens:
        """Note the tokens that the sign-in brought, and return them."""
        self._sign_in.end = tokens
        return tokens

    def call_waiting(self, seconds_left: float) -> object:
        """Call ``waiting``, if there is one and the prompt was shown; return what it returns."""
        hook = hook_of(self.callback, "waiting") if self.shown else None
        return None if hook is None else hook(seconds_left)

    def call_finished(self, outcome: SignInOutcome) -> object:
        """Call ``finished``, if there is one and the prompt was shown; return what it returns."""
        hook = hook_of(self.callback, "finished") if self.shown else None
        self.shown = False
        return None if hook is None else hook(outcome)


class SignIn:
    """One sign-in, whose prompts all learn the same outcome.

    Attributes:
        end: the tokens that are accepted, or why there are none.
        prompts: the prompts that were made for it.
    """

    def __init__(self) -> None:
        self.end: Tokens | Failure | BaseException | None = None
        self.prompts: list[PromptHooks] = []

    @property
    def outcome(self) -> SignInOutcome:
        """Return how it ended."""
        return outcome_of(self.end if self.end is not None else GeneratorExit())


UNDER_WAY: Final[ContextVar[SignIn | None]] = ContextVar("doorcode_sign_in", default=None)
"""The sign-in that this thread or task performs."""


def hook_of(callback: object, name: str) -> Callable[..., object] | None:
    """Return a method that a prompt really has: a mock, which seems to have any, has none."""
    if inspect.getattr_static(callback, name, None) is None:
        return None
    hook = getattr(callback, name)
    return hook if callable(hook) else None


def log_failed_hook(error: Exception) -> None:
    """Log that ``finished`` failed: the sign-in is over, and its result must not be lost."""
    _LOGGER.warning("prompt_callback.finished raised %s: %s", type(error).__name__, log_line(error))
