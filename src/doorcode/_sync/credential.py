"""InteractiveCredential: get_token, get_token_info, authenticate and close, with threads."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from doorcode import _clock
from doorcode._frames import clears_frames
from doorcode._lazy import LazyModule
from doorcode._record import AuthenticationRecord
from doorcode._session.credential_base import INFO, BaseCredential, is_logged
from doorcode._session.memory import fresh

if TYPE_CHECKING:
    import typing_extensions
    from azure.core import credentials

    from doorcode._core.model import Failure, TokenRequest
    from doorcode._core.steps import Flow

else:
    credentials, typing_extensions = LazyModule("azure.core.credentials"), LazyModule("typing_extensions")

R = TypeVar("R")


class InteractiveCredential(BaseCredential, ABC):
    """The base of credentials that sign a user in and keep them signed in. Thread-safe.

    A subclass says how the user signs in: ``_request_token``.

    Args:
        authentication_record: the account, as an earlier ``authenticate`` returned it; it also names the application,
            and the tenant and the authority if those are not given.
        disable_automatic_authentication: whether get_token raises AuthenticationRequiredError instead of prompting.
        client_id: the application that users sign in to.
        **kwargs: the options of every credential: ``InteractiveCredentialOptions``.

    Raises:
        TypeError: an option has a wrong type, or a name close to an option's.
        ValueError: an option has an invalid value.
    """

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> credentials.AccessToken:
        """Return an access token, from memory, the cache, a refresh token, or by prompting the user.

        Azure SDK clients call this. It blocks for as long as that takes.

        Args:
            *scopes: what the token is for, at least one.
            claims: the claims that a resource demands, a JSON object as text; stored tokens do not satisfy them.
            tenant_id: another tenant than the credential's.
            enable_cae: whether the caller handles claims challenges (continuous access evaluation).
            **kwargs: passed to ``_request_token``.

        Returns:
            azure-core's ``AccessToken``, ``expires_on`` in Unix seconds.

        Raises:
            ValueError: there is no scope, or an argument is invalid.
            AuthenticationRequiredError: interaction is required, and ``disable_automatic_authentication`` is set.
            ClientAuthenticationError: any other failure; ``doorcode.errors`` has a class for each.
        """
        try:
            entry = self._memory.get((scopes, tenant_id, enable_cae))
        except TypeError:
            entry = None  # A list has no hash; the check of the request raises the error.
        if entry is not None and not claims and not kwargs and entry.trusted_from <= time.time() < entry.fresh_until:
            if is_logged(INFO):
                self._succeeded("get_token")
            return entry.token
        request = self._request("get_token", scopes, claims, tenant_id, enable_cae, kwargs)
        stored = self._logged("get_token", request, self._acquisition(request))
        from doorcode._session.access_tokens import token_of

        return token_of(stored)

    def get_token_info(
        self, *scopes: str, options: credentials.TokenRequestOptions | None = None
    ) -> credentials.AccessTokenInfo:
        """Return an access token with its type and the time to refresh it.

        Args:
            *scopes: what the token is for, at least one.
            options: ``claims``, ``tenant_id``, ``enable_cae``; others are passed to ``_request_token``.

        Returns:
            azure-core's ``AccessTokenInfo``, times in Unix seconds.

        Raises:
            TypeError: ``options`` is no mapping.
            ValueError: as get_token.
            ClientAuthenticationError: as get_token.
        """
        entry = fresh(self._memory, scopes, options, time.time())
        if entry is not None:
            if is_logged(INFO):
                self._succeeded("get_token_info")
            return entry.info
        request = self._request_of("get_token_info", scopes, options)
        stored = self._logged("get_token_info", request, self._acquisition(request))
        from doorcode._session.access_tokens import SafeAccessTokenInfo

        return SafeAccessTokenInfo(stored)

    def authenticate(
        self,
        *,
        scopes: Iterable[str] | None = None,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        force_prompt: bool = False,
        **kwargs: Any,
    ) -> AuthenticationRecord:
        """Sign a user in, and return the record of their account.

        If the credential has a record already, given or from an earlier sign-in, and gets a token for the scopes
        silently, it returns that record without a prompt.

        Args:
            scopes: the scopes to request; by default the cloud's Resource Manager.
            claims: the claims that a resource demands, such as an AuthenticationRequiredError's.
            tenant_id: another tenant than the credential's.
            enable_cae: whether the token is for a caller that handles claims challenges.
            force_prompt: prompt in any case, for example to change the account.
            **kwargs: passed to ``_request_token``; one that is nearly a keyword of this method is refused.

        Returns:
            The record; keep ``record.serialize()``, it holds no secret.

        Raises:
            CredentialUnavailableError: ``scopes`` are missing, and the authority's default scope is unknown.
            ClientAuthenticationError: the sign-in failed.
        """
        request, flow = self._authentication(scopes, claims, tenant_id, enable_cae, force_prompt, kwargs)
        token = self._logged("authenticate", request, flow, any_account=True)
        return self._record_of(token, request)

    @clears_frames
    def accounts(self) -> tuple[AuthenticationRecord, ...]:
        """Return the accounts that are signed in here to this application, each as a record.

        Reads every store that may hold the token caches; makes no request. Pass one as ``authentication_record`` to
        choose it.

        Raises:
            StoreError: a store that may hold further accounts cannot be read, such as a locked keyring.
        """
        from doorcode._session.accounts.stored import accounts

        self._session.after_fork()
        return accounts(self._session)

    @clears_frames
    def sign_out(self, account: AuthenticationRecord | None = None) -> None:
        """Forget an account: remove its tokens from this credential's memory and from every store that may hold them.

        After this has returned, this credential hands out no token of that account. A call that started earlier may
        still return a token, or fail, and stores nothing. Access tokens that were handed out stay valid until they
        expire. Other objects and processes notice when they next read the cache, and do not write the account back.

        Args:
            account: one of ``accounts``; by default the one that this credential uses, or would use.

        Raises:
            StoreError: its tokens may still be in a store that the error names; all other stores were cleared.
            ValueError: no account was named, and there are several, or this credential may use none of them.
        """
        from doorcode._session.accounts.stored import sign_out

        self._session.after_fork()
        sign_out(self._session, account)

    @clears_frames
    def close(self) -> None:
        """Release the HTTP transport, and nothing else: a later call opens a new one."""
        self._session.close()

    def cancel(self) -> None:
        """Cancel every sign-in and request of this credential, PendingSignIns too; safe from any thread.

        Waiting calls raise SignInCancelledError, unless their tokens have come already. No further poll is sent.
        """
        self._session.cancel()

    @clears_frames
    def __enter__(self) -> typing_extensions.Self:
        self._session.transport.enter()
        return self

    @clears_frames
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._session.close(exc_type, exc_value, traceback)

    @abstractmethod
    def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        """Prompt the user, and return a result of MSAL's shape.

        Args:
            *scopes: the scopes that the token is for.
            **kwargs: ``claims``, ``tenant_id``, ``enable_cae``, and further arguments of get_token.

        Returns:
            ``access_token``, ``expires_in`` (seconds), ``id_token_claims``, ``client_info`` and so on, or
            ``error`` and ``error_description``.
        """

    def _run_sign_in(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        """Sign a user in with this credential's own flow: for a subclass whose ``_request_token`` calls its super's."""
        from doorcode._core.flows.interactive import for_program_call
        from doorcode._session.step_handler import TokenResult

        request, now = self._session.requests.of_options("get_token", scopes, kwargs), _clock.monotonic()
        return TokenResult(self._drive(for_program_call(self._sign_in_flow(request, now, now)), request))

    @clears_frames
    def _logged(self, method: str, request: TokenRequest, flow: Flow[R | Failure], *, any_account: bool = False) -> R:
        try:
            result = self._drive(flow, request, any_account=any_account)
        except Exception as exception:  # noqa: BLE001 - it is raised again
            raise self._reported(method, exception)  # noqa: B904 - the same exception
        self._succeeded(method)
        return result

    def _drive(self, flow: Flow[R | Failure], request: TokenRequest, *, any_account: bool = False) -> R:
        """Run a flow in this thread, and raise its failure."""
        from doorcode._sync.cancel_scope import Cancelled
        from doorcode._sync.driver import Driver

        driver = Driver(self._handler(any_account=any_account), self)
        self._session.waits.add(driver.scope)
        try:
            outcome = driver.run(flow)
        except Cancelled:
            from doorcode._core.messages.failures import cancelled

            outcome = cancelled()
        finally:
            self._session.waits.discard(driver.scope)
        return self._outcome(outcome, request)
