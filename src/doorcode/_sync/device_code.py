"""DeviceCodeCredential: a user signs in on another screen, with a code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from doorcode import _clock
from doorcode._azure_core import ClientAuthenticationError
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._frames import clears_frames
from doorcode._sync.credential import InteractiveCredential

if TYPE_CHECKING:
    from datetime import datetime

    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._sync.pending import PendingSignIn


class DeviceCodeCredential(InteractiveCredential):
    """Sign a user in with a code that they enter on any device with a browser (RFC 8628).

    For programs without a browser: over SSH, in containers, notebooks, on login nodes. A drop-in for
    ``azure.identity.DeviceCodeCredential``. Thread-safe; constructing it asks nobody and sends nothing.

    Args:
        client_id: the application that people sign in to. The default is Microsoft's own for developers;
            register one of your own for anything that others use.
        timeout: seconds to wait for the user; by default, and at most, as long as the code is valid.
            0 asks nobody and times out at once.
        prompt_callback: called with ``verification_uri``, ``user_code`` and ``expires_on`` (an aware UTC
            ``datetime``) instead of printing the service's message. What it raises ends the sign-in.
        max_codes: how many codes to show, one after the other, when one runs out before anybody has come.
        **kwargs: as for :class:`InteractiveCredential`.

    Raises:
        TypeError: an option of a wrong type, or a name that is nearly an option's.
        ValueError: an option that cannot be right.
    """

    def __init__(
        self,
        client_id: str = DEVELOPER_CLIENT_ID,
        *,
        timeout: float | None = None,
        prompt_callback: Callable[[str, str, datetime], None] | None = None,
        max_codes: int = 1,
        **kwargs: Any,
    ) -> None:
        from doorcode._core.checks import check_count, check_plain_callback, check_timeout

        self._timeout = check_timeout(timeout)
        self._max_codes = check_count("max_codes", max_codes)
        self._prompt_callback = check_plain_callback(prompt_callback)
        super().__init__(client_id=client_id, **kwargs)

    def begin(
        self,
        *,
        scopes: Iterable[str] | None = None,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
    ) -> PendingSignIn:
        """Begin a sign-in and return at once with a code to show; nothing is printed and no callback is called.

        For programs that must not block: servers, agents, user interfaces. Whether the user is asked does not
        depend on ``disable_automatic_authentication``.

        Args:
            scopes: what to ask for, such as an AuthenticationRequiredError's; by default the cloud's Resource Manager.
            claims: claims that a resource demands, such as an AuthenticationRequiredError's.
            tenant_id: another tenant than the credential's.
            enable_cae: whether the token is for a caller that handles claims challenges.

        Returns:
            the sign-in: show its ``message``, then ``poll`` or ``wait``.

        Raises:
            CacheUnavailableError: the persistent token cache cannot be used.
            CredentialUnavailableError: no ``scopes``, at an authority whose scopes are not known here.
            ClientAuthenticationError: the authority gave no code.
        """
        from doorcode._core.flows import device_code
        from doorcode._sync.pending import PendingSignIn

        request = self._sign_in_request("begin", scopes, claims, tenant_id, enable_cae, {})
        self._session.account.ask_elsewhere()
        flow = device_code.begin_pending(request, started=_clock.monotonic(), timeout=self._timeout)
        code, deadline = self._logged("begin", request, flow)
        return PendingSignIn(self._session, request, code, deadline)

    @clears_frames
    def resume(self, text: str) -> PendingSignIn:
        """Go on with a sign-in that another process began.

        Args:
            text: what its ``serialize`` returned.

        Raises:
            ValueError: it is no sign-in, or one of another application or authority.
            ClientAuthenticationError: it is of a tenant that this credential may not ask.
        """
        from doorcode._session.pending_text import read_pending
        from doorcode._sync.pending import PendingSignIn

        try:
            went_on = read_pending(text, self._session)
        except (ValueError, ClientAuthenticationError) as exception:
            self._failed("resume", exception)
            raise
        self._session.account.ask_elsewhere()
        return PendingSignIn(self._session, *went_on)

    def _prompts_here(self) -> bool:
        from doorcode._core.account_selection import prompts_here

        return prompts_here(self._prompt_callback)

    def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        from doorcode._core.flows import device_code
        from doorcode._session.step_handler import StepHandler, TokenResult

        request = self._session.person_request(scopes, kwargs)
        flow = device_code.sign_in(
            request, started=_clock.monotonic(), timeout=self._timeout, max_codes=self._max_codes
        )
        return TokenResult(self._drive(flow, StepHandler(self._session), request, self._show))

    def _show(self, code: DeviceCode) -> None:
        from doorcode._session.prompt import present, prompting

        with prompting():
            present(code, self._prompt_callback)

    def _show_message(self, message: str) -> bool:
        from doorcode._session.prompt import tell

        return tell(message, self._prompt_callback)
