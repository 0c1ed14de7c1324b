"""What the sync and the asyncio DeviceCodeCredential share: their flow, and how a sign-in is begun and continued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode import _clock
from doorcode._session.credential_base import BaseCredential, authentication_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from doorcode._core.flows.device_code import Deadline, Progress
    from doorcode._core.model import Failure, TokenRequest, Tokens
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._core.steps import Flow


class BaseDeviceCode(BaseCredential):
    """Sign a user in with a code."""

    _max_codes: int = 1

    def _prompts_here(self) -> bool:
        from doorcode._core.account_selection import prompts_here

        return prompts_here(self._prompt_callback)

    def _sign_in_flow(self, request: TokenRequest, started: float, now: float) -> Flow[Tokens | Failure]:
        from doorcode._core.flows import device_code

        return device_code.sign_in(request, started=started, timeout=self._timeout, max_codes=self._max_codes, now=now)

    def _begin(
        self,
        scopes: Iterable[str] | None,
        claims: str | None,
        tenant_id: str | None,
        enable_cae: bool,  # noqa: FBT001 - azure-core's name and place
    ) -> tuple[TokenRequest, Flow[tuple[DeviceCode, Deadline] | Failure]]:
        """Return the request of ``begin``, and the flow that asks for its code."""
        from doorcode._core.flows import device_code

        request = self._sign_in_request("begin", scopes, claims, tenant_id, enable_cae, {})
        self._session.account.ask_elsewhere()
        return request, device_code.begin_pending(request, started=_clock.monotonic(), timeout=self._timeout)

    def _resumed(self, text: str) -> tuple[TokenRequest, DeviceCode, Deadline, Progress | None]:
        """Return what a sign-in that another process began goes on with.

        Raises:
            ValueError: the text is not a sign-in, or is one of another application or authority.
            ClientAuthenticationError: the sign-in is for a tenant that this credential may not ask.
        """
        from doorcode._session.pending.text import read_pending

        try:
            resumed = read_pending(text, self._session)
        except authentication_errors(ValueError) as exception:
            self._failed("resume", exception)
            raise
        self._session.account.ask_elsewhere()
        return resumed

    def _show_message(self, message: str) -> bool:
        from doorcode._session.prompt import tell

        return tell(message, self._prompt_callback)
