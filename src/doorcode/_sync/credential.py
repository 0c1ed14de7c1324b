"""InteractiveCredential: get_token, get_token_info, authenticate and close, driven with threads."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import Self

from doorcode._azure_core import AccessToken, AccessTokenInfo, ClientAuthenticationError, TokenRequestOptions
from doorcode._frames import clears_frames
from doorcode._record import AuthenticationRecord
from doorcode._session.credential_base import INFO, BaseCredential, is_logged, shortened
from doorcode._session.memory import SafeAccessToken, SafeAccessTokenInfo

if TYPE_CHECKING:
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._core.steps import Failure, Flow, TokenRequest
    from doorcode._session.step_handler import StepHandler

R = TypeVar("R")


class InteractiveCredential(BaseCredential, ABC):
    """The base of credentials that sign a user in and keep them signed in. Thread-safe.

    A subclass says how a user is asked: :meth:`_request_token`.

    Args:
        authentication_record: the account, as an earlier ``authenticate`` returned it; it names the application
            too, and the tenant and the authority where those are not given.
        disable_automatic_authentication: whether get_token raises AuthenticationRequiredError rather than ask.
        client_id: the application that people sign in to.
        **kwargs: ``username`` (names the account), ``use_cached_account`` (whether the only account in the cache is
            used without a record; by default where the prompt appears on this machine), ``authority``, ``tenant_id``,
            ``cache_persistence_options``, ``disable_instance_discovery``, ``enable_support_logging``,
            ``additionally_allowed_tenants``, and what an azure-core pipeline takes. An empty text counts as not given.

    Raises:
        TypeError: an option of a wrong type, or a name that is nearly an option's.
        ValueError: an option that cannot be right.
    """

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """Return an access token, from memory, the cache, a refresh token, or by asking the user.

        Azure SDK clients call this. It blocks for as long as that takes.

        Args:
            *scopes: what the token is for, at least one.
            claims: claims that a resource demands, a JSON object as text; tokens at hand do not answer it.
            tenant_id: another tenant than the credential's.
            enable_cae: whether the caller handles claims challenges (continuous access evaluation).
            **kwargs: passed to :meth:`_request_token`.

        Returns:
            azure-core's ``AccessToken``, ``expires_on`` in Unix seconds.

        Raises:
            ValueError: no scope, or an argument that cannot be right.
            AuthenticationRequiredError: a user is needed, and ``disable_automatic_authentication`` was set.
            ClientAuthenticationError: anything else; ``doorcode.errors`` tells the cases apart.
        """
        try:
            entry = self._memory.get((scopes, tenant_id, enable_cae))
        except TypeError:
            entry = None  # a list has no hash; the check of the request says what to write instead
        if entry is not None and not claims and not kwargs and entry.cached_at <= time.time() < entry.fresh_until:
            if is_logged(INFO):
                self._succeeded("get_token")
            return entry.token
        request = self._request("get_token", scopes, claims, tenant_id, enable_cae, kwargs)
        stored = self._logged("get_token", request, self._acquisition(request))
        return SafeAccessToken(stored.secret.reveal(), stored.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return an access token with its type and its time to refresh.

        Args:
            *scopes: what the token is for, at least one.
            options: ``claims``, ``tenant_id``, ``enable_cae``; others are passed to :meth:`_request_token`.

        Returns:
            azure-core's ``AccessTokenInfo``, times in Unix seconds.

        Raises:
            ValueError: as get_token.
            ClientAuthenticationError: as get_token.
        """
        fresh = self._fresh_info(scopes, options)
        if fresh is not None:
            return fresh
        request = self._request_of("get_token_info", scopes, options or {})
        return SafeAccessTokenInfo(self._logged("get_token_info", request, self._acquisition(request)))

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

        A credential that has a record already, given or from an earlier sign-in, returns it without asking when a
        token for the scopes can be had silently.

        Args:
            scopes: what to ask for; by default the cloud's Resource Manager.
            claims: claims that a resource demands, such as an AuthenticationRequiredError's.
            tenant_id: another tenant than the credential's.
            enable_cae: whether the token is for a caller that handles claims challenges.
            force_prompt: ask in any case, for example to change the account.
            **kwargs: passed to :meth:`_request_token`.

        Returns:
            the record; keep ``record.serialize()``, it holds no secret.

        Raises:
            CredentialUnavailableError: no ``scopes``, at an authority whose scopes are not known here.
            ClientAuthenticationError: the sign-in failed.
        """
        request, flow = self._authentication(scopes, claims, tenant_id, enable_cae, force_prompt, kwargs)
        token = self._logged("authenticate", request, flow, anybody=True)
        return self._record_of(token, request)

    @clears_frames
    def accounts(self) -> tuple[AuthenticationRecord, ...]:
        """Return the accounts that are signed in here to this application, each as a record.

        Reads every store that may hold the token caches; makes no request. Pass one as ``authentication_record`` to
        choose it.

        Raises:
            StoreError: a store may hold more and cannot be looked into, such as a locked keyring.
        """
        from doorcode._session.accounts import accounts

        self._session.after_fork()
        return accounts(self._session)

    @clears_frames
    def sign_out(self, account: AuthenticationRecord | None = None) -> None:
        """Forget an account: remove its tokens from this credential's memory and from every store that may hold them.

        Once this has returned, this credential hands out nothing of that account. A call that started earlier may still
        return a token, or fail, and stores nothing. Access tokens that were handed out live on until they expire. Other
        objects and processes notice when they next look at the cache, and write nothing of the account back.

        Args:
            account: one of :meth:`accounts`; by default the one that this credential uses, or would use.

        Raises:
            StoreError: its tokens may still be stored, in what the error names; everything else was cleared.
            ValueError: none was named, and there are several, or this credential may use none of them.
        """
        from doorcode._session.accounts import sign_out

        self._session.after_fork()
        sign_out(self._session, account)

    @clears_frames
    def close(self) -> None:
        """Release the HTTP transport, and nothing else: a later call opens a new one."""
        self._session.close()

    def cancel(self) -> None:
        """End every sign-in and request of this credential that is under way, PendingSignIns too; safe from any thread.

        Whoever waits gets a SignInCancelledError. No further poll is sent.
        """
        self._session.cancel()

    @clears_frames
    def __enter__(self) -> Self:
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
        """Ask the user, and return a result of MSAL's shape.

        Args:
            *scopes: what the token is for.
            **kwargs: ``claims``, ``tenant_id``, ``enable_cae``, and what get_token was given beyond these.

        Returns:
            ``access_token``, ``expires_in`` (seconds), ``id_token_claims``, ``client_info`` and so on, or
            ``error`` and ``error_description``.
        """

    @clears_frames
    def _logged(self, method: str, request: TokenRequest, flow: Flow[R | Failure], *, anybody: bool = False) -> R:
        from doorcode._session.step_handler import StepHandler

        try:
            result = self._drive(flow, StepHandler(self._session, anybody=anybody), request)
        except ClientAuthenticationError as exception:
            self._failed(method, exception)
            raise shortened(exception)  # noqa: B904 - the same exception
        except Exception as exception:
            self._failed(method, exception)
            raise
        self._succeeded(method)
        return result

    def _drive(
        self,
        flow: Flow[R | Failure],
        turn: StepHandler,
        request: TokenRequest,
        show: Callable[[DeviceCode], object] | None = None,
    ) -> R:
        """Perform a flow in this thread, and raise its failure."""
        from doorcode._core.steps import Failure
        from doorcode._sync.driver import drive

        outcome = drive(flow, self, turn, show, self._session.waits)
        if isinstance(outcome, Failure):
            error = self._error(outcome, request)
            raise error from error.__cause__
        return outcome
