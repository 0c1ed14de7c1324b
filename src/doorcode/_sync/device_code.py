"""DeviceCodeCredential: a user signs in on another screen, with a code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from doorcode import _clock
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._frames import clears_frames
from doorcode._session.credential_base import authentication_errors
from doorcode._sync.credential import InteractiveCredential

if TYPE_CHECKING:
    from datetime import datetime

    from doorcode._sync.pending import PendingSignIn


class DeviceCodeCredential(InteractiveCredential):
    """Sign a user in with a code that they enter on any device with a browser (RFC 8628).

    For programs without a browser: over SSH, in containers, notebooks, on login nodes. A drop-in for
    ``azure.identity.DeviceCodeCredential``. Thread-safe; the constructor sends no request and shows no prompt.

    Args:
        client_id: the application that users sign in to. The default is Microsoft's own application for developers;
            register your own for programs that others use.
        timeout: seconds to wait for the user; by default, and at most, as long as the code is valid.
            0 shows no code and times out at once.
        prompt_callback: called with ``verification_uri``, ``user_code`` and ``expires_on`` (an aware UTC
            ``datetime``) instead of printing the service's message. An exception that it raises ends the sign-in. An
            object may also have ``waiting(seconds_left)``, called before each wait, and ``finished(outcome)``, called
            once when the sign-in has ended, with a :class:`doorcode.prompts.SignInOutcome`.
        max_codes: how many codes to show, one after the other, if each expires before the user signs in.
        **kwargs: as for :class:`InteractiveCredential`.

    Raises:
        TypeError: an option has a wrong type, or a name close to an option's.
        ValueError: an option has an invalid value.
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
        """Start a sign-in and return at once with a code to show; nothing is printed and no callback is called.

        For programs that must not block: servers, agents, user interfaces. The setting of
        ``disable_automatic_authentication`` makes no difference.

        Args:
            scopes: what to request, such as an AuthenticationRequiredError's; by default the cloud's Resource Manager.
            claims: the claims that a resource demands, such as an AuthenticationRequiredError's.
            tenant_id: another tenant than the credential's.
            enable_cae: whether the token is for a caller that handles claims challenges.

        Returns:
            The sign-in: show its ``message``, then ``poll`` or ``wait``.

        Raises:
            CacheUnavailableError: the persistent token cache cannot be used.
            CredentialUnavailableError: ``scopes`` are missing, and the authority's default scope is unknown.
            ClientAuthenticationError: the authority issued no code.
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
        """Continue a sign-in that another process started.

        Args:
            text: the text that its ``serialize`` returned.

        Raises:
            ValueError: the text is not a sign-in, or is one of another application or authority.
            ClientAuthenticationError: the sign-in is for a tenant that this credential may not ask.
        """
        from doorcode._session.pending_text import read_pending
        from doorcode._sync.pending import PendingSignIn

        try:
            went_on = read_pending(text, self._session)
        except authentication_errors(ValueError) as exception:
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
        from doorcode._sync.prompt import prompt_for

        request = self._session.user_request(scopes, kwargs)
        flow = device_code.sign_in(
            request, started=_clock.monotonic(), timeout=self._timeout, max_codes=self._max_codes
        )
        with prompt_for(self._prompt_callback) as prompt:
            return TokenResult(prompt.ended_with(self._drive(flow, StepHandler(self._session), request, prompt)))

    def _show_message(self, message: str) -> bool:
        from doorcode._session.prompt import tell

        return tell(message, self._prompt_callback)
