"""The prompt of a sign-in: shown, told of each wait and told the outcome, in this thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._session.prompt import check_has_run, present, prompting
from doorcode._session.prompt_hooks import PromptHooks, log_failed_hook

if TYPE_CHECKING:
    from doorcode._core.messages.outcome import SignInOutcome
    from doorcode._core.replies.device_code import DeviceCode


class Prompt(PromptHooks):
    """The prompt of one sign-in."""

    def show(self, code: DeviceCode) -> None:
        """Show a code to the user.

        Raises:
            AuthenticationFailedError: the prompt failed.
        """
        self.shown = True
        with prompting():
            answer = present(code, self.callback)
        check_has_run(answer)

    def waiting(self, seconds_left: float) -> None:
        """Tell the prompt how long the user still has.

        Raises:
            AuthenticationFailedError: the prompt failed.
        """
        with prompting("prompt_callback.waiting"):
            answer = self.call_waiting(seconds_left)
        check_has_run(answer, "prompt_callback.waiting")

    def finish(self, outcome: SignInOutcome) -> None:
        """Tell the prompt how the sign-in ended."""
        try:
            check_has_run(self.call_finished(outcome), "prompt_callback.finished")
        except Exception as error:  # noqa: BLE001 - whatever the program raises
            log_failed_hook(error)
