"""The prompt of a sign-in: shown, told of each wait and told the outcome, in this thread."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from doorcode._session.nesting import put_back
from doorcode._session.prompt import present, prompting
from doorcode._session.prompt_hooks import UNDER_WAY, PromptHooks, SignIn, log_failed_hook

if TYPE_CHECKING:
    from doorcode._core.outcome import SignInOutcome
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._session.prompt import PromptCallback


class Prompt(PromptHooks):
    """The prompt of one sign-in."""

    def show(self, code: DeviceCode) -> None:
        """Show a code to the user.

        Raises:
            AuthenticationFailedError: the prompt failed.
        """
        self.shown = True
        with prompting():
            present(code, self.callback)

    def waiting(self, seconds_left: float) -> None:
        """Tell the prompt how long the user still has.

        Raises:
            AuthenticationFailedError: the prompt failed.
        """
        with prompting("prompt_callback.waiting"):
            self.call_waiting(seconds_left)

    def finish(self, outcome: SignInOutcome) -> None:
        """Tell the prompt how the sign-in ended."""
        try:
            self.call_finished(outcome)
        except Exception as error:  # noqa: BLE001 - whatever the program raises
            log_failed_hook(error)


@contextmanager
def signing_in() -> Generator[SignIn]:
    """Perform a sign-in within a block, and tell its prompts how it ended."""
    sign_in = SignIn()
    token = UNDER_WAY.set(sign_in)
    try:
        yield sign_in
    except BaseException as exception:
        sign_in.end = exception
        raise
    finally:
        put_back(UNDER_WAY, token)
        for prompt in sign_in.prompts:
            assert isinstance(prompt, Prompt)
            prompt.finish(sign_in.outcome)


@contextmanager
def prompt_for(callback: PromptCallback | None) -> Generator[Prompt]:
    """Make the prompt of the sign-in under way; a block that no sign-in contains is one itself."""
    outer = UNDER_WAY.get()
    if outer is None:
        with signing_in(), prompt_for(callback) as prompt:
            yield prompt
    else:
        prompt = Prompt(callback, outer)
        outer.prompts.append(prompt)
        yield prompt
