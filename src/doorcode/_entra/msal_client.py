"""Make requests through MSAL's PublicClientApplication, and turn its dicts into typed results."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, cast

import msal

from doorcode import errors
from doorcode._config import Config
from doorcode._core.claims import merge_claims
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.messages.descriptors import is_without_descriptors
from doorcode._core.model import TokenRequest, Tokens
from doorcode._core.msal_cache import changes
from doorcode._core.msal_cache.rows import ACCESS_TOKEN, State, stored_token
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.replies.identity import account_named, identify, mailbox_header
from doorcode._core.replies.parse import read_device_code
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.replies.token import token_reply
from doorcode._core.scopes import wanted
from doorcode._core.secret import Secret, SecretDict
from doorcode._entra.http_client import NO_HEADERS, FailedRequest, HttpClient
from doorcode._entra.metadata import AuthorityMetadata
from doorcode._entra.msal_errors import MsalError, descriptor_fault, in_msal, own_error
from doorcode._entra.redaction import redacted, trace_of
from doorcode._log import logger

T = TypeVar("T")
_LOGGER: Final = logger(__name__)

FORM_POST: Final = "form_post"
CORRELATION_ID: Final = "_correlation_id"
"""Where MSAL keeps the correlation ID in a device flow's dict."""


class _KeepsNothing(dict[str, Any]):
    """An ``http_cache`` for MSAL that keeps nothing: MSAL would replay errors for a minute and discovery for a day."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Forget it."""


@dataclass(slots=True, repr=False)
class _Note:
    """The scopes and the account of a request, and the cache rows that MSAL makes from its reply."""

    scopes: tuple[str, ...]
    home_account_id: str | None
    rows: dict[str, Any] = field(default_factory=dict, repr=False)


class _Recorder(msal.TokenCache):  # type: ignore[misc] # MSAL is not typed
    """A token cache for MSAL that stores nothing; the caller in this thread gets the rows that MSAL would write."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()

    @contextmanager
    def noting(self, scopes: tuple[str, ...], home_account_id: str | None = None) -> Generator[_Note]:
        """Note the rows that MSAL adds inside the block.

        Args:
            scopes: the requested scopes; a reply without scopes granted all of them (RFC 6749 5.1).
            home_account_id: the account of the redeemed refresh token, whose rows these are, whatever the reply says.
        """
        self._local.note = _Note(scopes, home_account_id)
        try:
            yield self._local.note
        finally:
            del self._local.note

    def add(self, event: Mapping[str, Any], now: float | None = None) -> None:
        """Note the rows for a token response. The request's data is dropped: MSAL would log the device code."""
        note: _Note = self._local.note
        response = dict(event["response"])
        noted = {**event, "data": {}, "response": response, "scope": event.get("scope") or list(note.scopes)}
        if note.home_account_id is not None and account_named(response) != note.home_account_id:
            response.pop("client_info", None)
            response["id_token_claims"] = {"sub": note.home_account_id}
            noted["skip_account_creation"] = True
        scratch = msal.SerializableTokenCache()
        scratch.add(noted, now=now)
        note.rows = json.loads(scratch.serialize())


class MsalApplication:
    """Make the requests of the device flow, the authorization code flow and the refresh, through MSAL.

    Thread-safe. Each method blocks for one request, and the first one for a tenant also for discovery.

    Args:
        config: the credential's configuration.
        http: the HTTP client that MSAL uses.
        metadata: the cached endpoints of authorities, which ``http`` uses too.
    """

    def __init__(self, config: Config, http: HttpClient, metadata: AuthorityMetadata) -> None:
        self._config = config
        self._http = http
        self._metadata = metadata
        self._recorder = _Recorder()
        self._applications: dict[str, msal.PublicClientApplication] = {}

    def begin(self, request: TokenRequest, within: float) -> DeviceCode | ServiceError | Fault:
        """Request a device code (RFC 8628 3.1)."""

        def call() -> dict[str, Any]:
            claims = merge_claims(request.claims, request.enable_cae)
            application = self._application(request.tenant_id)
            if not application.authority.device_authorization_endpoint:
                raise FailedRequest(_no_device_flow(self._config))
            with in_msal():
                flow: dict[str, Any] = application.initiate_device_flow(
                    list(wanted(request.scopes)), claims_challenge=claims
                )
            return flow

        flow = self._call(call, within, repeat=True)
        if not isinstance(flow, dict):
            return flow
        code = read_device_code(flow, time.time(), host=self._config.authority.netloc)
        return code if isinstance(code, Fault) else replace(code, correlation_id=str(flow.get(CORRELATION_ID, "")))

    def poll(self, request: TokenRequest, code: DeviceCode, within: float) -> Tokens | ServiceError | Fault:
        """Poll once for the tokens of a device code (RFC 8628 3.4)."""

        def call() -> Tokens:
            application = self._application(request.tenant_id)
            # MSAL changes its argument, and would poll in a loop of its own with an interval of 0.
            flow = {"device_code": code.device_code.reveal(), CORRELATION_ID: code.correlation_id, "interval": 1}
            with self._recorder.noting(wanted(request.scopes)) as note, in_msal():
                result: dict[str, Any] = application.acquire_token_by_device_flow(
                    flow,
                    claims_challenge=merge_claims(request.claims, request.enable_cae),
                    exit_condition=_at_once,
                )
            return self._tokens(request, result, note)

        return self._call(call, within, repeat=False)

    def begin_browser(
        self, request: TokenRequest, redirect_uri: str, login_hint: str | None, response_mode: str, within: float
    ) -> SignInPage | ServiceError | Fault:
        """Make the address of a sign-in page, with PKCE, state and nonce (RFC 6749 4.1.1, RFC 7636 4.3)."""

        def call() -> dict[str, Any]:
            application = self._application(request.tenant_id)
            claims = merge_claims(request.claims, request.enable_cae)
            with in_msal():
                flow: dict[str, Any] = application.initiate_auth_code_flow(
                    list(wanted(request.scopes)),
                    redirect_uri=redirect_uri,
                    prompt="select_account",
                    login_hint=login_hint,
                    claims_challenge=claims,
                    response_mode=FORM_POST,
                )
            return flow

        flow = self._call(call, within, repeat=True)
        if not isinstance(flow, dict):
            return flow
        url = _with_response_mode(flow.pop("auth_uri"), response_mode)
        return SignInPage(url, redirect_uri, Secret(flow["state"]), SecretDict(flow))

    def redeem_code(
        self, request: TokenRequest, page: SignInPage, redirect: Redirect, within: float
    ) -> Tokens | ServiceError | Fault:
        """Redeem an authorization code, with the verifier of its page (RFC 6749 4.1.3, RFC 7636 4.5)."""

        def call() -> Tokens:
            application = self._application(request.tenant_id)
            assert redirect.code is not None, "without a code there is nothing to redeem"
            answer = {"state": page.state.reveal(), "code": redirect.code.reveal()}
            with self._recorder.noting(wanted(request.scopes)) as note, in_msal():
                try:
                    # MSAL changes its argument.
                    result: dict[str, Any] = application.acquire_token_by_auth_code_flow(
                        dict(page.flow), answer, scopes=list(wanted(request.scopes))
                    )
                except RuntimeError as exception:
                    traceback.clear_frames(exception.__traceback__)
                    raise FailedRequest(_wrong_nonce(self._config)) from None
            return self._tokens(request, result, note)

        return self._call(call, within, repeat=False)

    def redeem(
        self, request: TokenRequest, refresh_token: Secret, home_account_id: str, within: float, *, repeat: bool
    ) -> Tokens | ServiceError | Fault:
        """Redeem one refresh token (RFC 6749 6).

        MSAL's own silent call would also discover aliases, redeem family tokens of other applications, and try every
        token.
        """

        def call() -> Tokens:
            application = self._application(request.tenant_id)
            scopes = wanted(request.scopes)
            with self._recorder.noting(scopes, home_account_id) as note, in_msal():
                result: dict[str, Any] = application.acquire_token_by_refresh_token(
                    refresh_token.reveal(),
                    list(scopes),
                    data={"claims": merge_claims(request.claims, request.enable_cae)},
                )
            return self._tokens(request, result, note)

        return self._call(call, within, repeat=repeat, headers=mailbox_header(home_account_id))

    def tokens_of(self, request: TokenRequest, result: Mapping[str, Any]) -> Tokens:
        """Return tokens from a result in MSAL's shape that a subclass obtained; it has a valid access token."""
        now = time.time()
        authority = self._config.authority
        response = token_reply(result, now)
        if isinstance(result.get("id_token_claims"), dict):
            response["id_token_claims"] = result["id_token_claims"]
        event = {
            "client_id": self._config.client_id,
            "scope": str(response.get("scope") or "").split(),
            "token_endpoint": f"{authority.url(request.tenant_id)}/oauth2/v2.0/token",
            "environment": authority.environment,
            "response": response,
        }
        with self._recorder.noting(wanted(request.scopes)) as note:
            self._recorder.add(event, now=now)
        return self._tokens(request, response, note)

    def cut_abandoned(self) -> None:
        """End abandoned requests that redeem nothing."""
        self._http.cut_abandoned()

    def close(self) -> None:
        """Close the HTTP transport; a later request opens a new one."""
        self._http.close()

    def _call(
        self, call: Callable[[], T], within: float, *, repeat: bool, headers: Mapping[str, str] = NO_HEADERS
    ) -> T | ServiceError | Fault:
        try:
            with self._http.limited(within, repeat=repeat, headers=headers):
                return call()
        except FailedRequest as stop:
            answer = stop.reply
            # The frames of MSAL and azure-core hold the code or the token that was sent.
            traceback.clear_frames(stop.__traceback__)
        except errors.AuthenticationFailedError as exception:
            traceback.clear_frames(exception.__traceback__)
            raise
        except MsalError as exception:
            answer = self._unreadable(cast("Exception", exception.__cause__))
            traceback.clear_frames(exception.__traceback__)
        except Exception as exception:
            _LOGGER.debug("A request failed\n%s", trace_of(exception))
            traceback.clear_frames(exception.__traceback__)
            if not is_without_descriptors(exception):
                raise own_error(exception) from exception
            answer = descriptor_fault(exception)
        if isinstance(answer, Fault) and answer.kind is FaultKind.NOT_PROTOCOL and self._metadata.give_up():
            # The cached endpoints are outdated.
            self._applications.clear()
            if repeat:
                return self._call(call, within, repeat=repeat, headers=headers)
        return answer

    def _unreadable(self, exception: Exception) -> Fault:
        _LOGGER.debug("MSAL could not read a reply\n%s", trace_of(exception))
        traceback.clear_frames(exception.__traceback__)
        words = f"{self._config.authority.netloc} sent a reply that could not be read ({type(exception).__name__})"
        return Fault(FaultKind.NOT_PROTOCOL, Endpoint.TOKEN, words, cause=redacted(exception))

    def _tokens(self, request: TokenRequest, result: Mapping[str, Any], note: _Note) -> Tokens:
        identity = identify(result, request.tenant_id)
        named = identity is not None or note.home_account_id is not None
        rows: State = {}
        if named:
            rows = cast("State", changes.with_asked_target(note.rows, request.scopes, request.tenant_id))
            rows = {**rows, **self._metadata.rows()}
        (row,) = note.rows[ACCESS_TOKEN].values()
        token = stored_token(row)  # as stored, so that the token has one expiry everywhere
        assert token is not None, "a reply without a token is no success"
        account = note.home_account_id or (identity.home_account_id if identity is not None else "")
        token = replace(token, home_account_id=account)
        return Tokens(token, identity, SecretDict(result), rows)

    def _application(self, tenant_id: str) -> msal.PublicClientApplication:
        application = self._applications.get(tenant_id)
        if application is None:
            # No lock: a caller that abandoned a hanging discovery must not wait for it in its next call.
            application = self._applications.setdefault(tenant_id, self._build(tenant_id))
        return application

    def _build(self, tenant_id: str) -> msal.PublicClientApplication:
        config = self._config
        try:
            with in_msal():
                return msal.PublicClientApplication(
                    config.client_id,
                    authority=config.authority.url(tenant_id),
                    token_cache=self._recorder,
                    http_client=self._http,
                    http_cache=_KeepsNothing(),
                    instance_discovery=None if config.instance_discovery else False,
                    enable_pii_log=config.support_logging,
                )
        except FailedRequest as stop:
            if isinstance(stop.reply, ServiceError) and stop.reply.error == "invalid_instance":
                raise _unknown_authority(config, stop) from None
            raise


def _at_once(_flow: object) -> bool:
    """Return True, so that MSAL's polling loop ends after one request."""
    return True


def _unknown_authority(config: Config, stop: FailedRequest) -> errors.UnknownAuthorityError:
    assert isinstance(stop.reply, ServiceError)
    message = (
        f"Microsoft's instance discovery does not know the authority {config.authority.netloc}. If it is yours and "
        "you trust it, pass disable_instance_discovery=True."
    )
    return errors.UnknownAuthorityError(message, stop.reply.reply, said=stop.reply)


def _with_response_mode(url: str, response_mode: str) -> str:
    """Return the address with another response mode; MSAL itself would warn about any but ``form_post``."""
    return url.replace(f"response_mode={FORM_POST}", f"response_mode={response_mode}")


def _wrong_nonce(config: Config) -> Fault:
    words = f"{config.authority.netloc} sent an ID token that is not of this sign-in (its nonce is another one)"
    return Fault(FaultKind.NOT_PROTOCOL, Endpoint.TOKEN, words)


def _no_device_flow(config: Config) -> Fault:
    words = f"{config.authority.netloc} does not offer the device code flow (Azure AD B2C and AD FS 2016 never do)"
    step = "Use InteractiveBrowserCredential there."
    return Fault(FaultKind.NOT_PROTOCOL, Endpoint.DISCOVERY, words, step=step)
