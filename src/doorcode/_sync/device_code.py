"""DeviceCodeCredential: a user signs in on another screen, with a code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._frames import clears_frames
from doorcode._lazy import LazyModule
from doorcode._session.device_code_base import BaseDeviceCode
from doorcode._sync.credential import InteractiveCredential

if TYPE_CHECKING:
    import datetime as dt

    import typing_extensions

    from doorcode import _credential_options
    from doorcode._sync import pending
else:
    typing_extensions = LazyModule("typing_extensions")
    _credential_options = LazyModule("doorcode._credential_options")
    pending = LazyModule("doorcode._sync.pending")
    dt = LazyModule("datetime")


class DeviceCodeCredential(BaseDeviceCode, InteractiveCredential):
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
            once when the sign-in has ended, with a ``doorcode.prompts.SignInOutcome``.
        max_codes: how many codes to show, one after the other, if each expires before the user signs in.
        **kwargs: the options of every credential: ``InteractiveCredentialOptions``.

    Raises:
        TypeError: an option has a wrong type, or a name close to an option's.
        ValueError: an option has an invalid value.
    """

    def __init__(
        self,
        client_id: str | None = DEVELOPER_CLIENT_ID,
        *,
        timeout: float | None = None,
        prompt_callback: Callable[[str, str, dt.datetime], None] | None = None,
        max_codes: int = 1,
        **kwargs: typing_extensions.Unpack[_credential_options.InteractiveCredentialOptions],
    ) -> None:
        from doorcode._core.checks import check_plain_callback
        from doorcode._core.numeric_checks import check_count, check_timeout

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
    ) -> pending.PendingSignIn:
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
        request, flow = self._begin(scopes, claims, tenant_id, enable_cae)
        made = self._pending_class()
        code, deadline = self._logged("begin", request, flow)
        return made(self._session, request, code, deadline)

    @clears_frames
    def resume(self, text: str) -> pending.PendingSignIn:
        """Continue a sign-in that another process started.

        Args:
            text: the text that its ``serialize`` returned.

        Raises:
            ValueError: the text is not a sign-in, or is one of another application or authority.
            ClientAuthenticationError: the sign-in is for a tenant that this credential may not ask.
        """
        return self._pending_class()(self._session, *self._resumed(text))

    @staticmethod
    @clears_frames
    def _pending_class() -> type[pending.PendingSignIn]:
        from doorcode._sync.pending import PendingSignIn

        return PendingSignIn

    _request_token = InteractiveCredential._run_sign_in  # noqa: SLF001 - its own base's
