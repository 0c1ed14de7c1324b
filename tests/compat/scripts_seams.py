"""Scripts about what programs reach into: subclasses, transports, pickles, chains, providers, lifetimes."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from contextvars import ContextVar
from importlib import import_module
from typing import Any

import azure.identity
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.policies import RetryPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport

from compat.registry import script
from compat.stage import STORAGE, VAULT, Stage, own_name
from doorcode.emulator import Expire, Refuse


class Counting(RequestsTransport):
    """Count what goes through."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sent = 0
        self.closed = 0

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send one request."""
        self.sent += 1
        return super().send(request, **kwargs)

    def close(self) -> None:
        """Close."""
        self.closed += 1
        super().close()


class Static:
    """Be the next credential of a chain."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return a token."""
        return AccessToken("of the next credential", int(time.time()) + 3600)

    def close(self) -> None:
        """Do nothing."""


@script
def closed_then_used(stage: Stage) -> None:
    """close(), then another token; and the credential as a context manager, twice."""
    credential = stage.credential()
    credential.get_token(STORAGE)
    stage.step("close", credential.close)
    stage.step("close_again", credential.close)
    stage.step("cached", credential.get_token, STORAGE)
    stage.step("refreshed", credential.get_token, VAULT)


@script
def context_manager(stage: Stage) -> None:
    """A with statement gives the credential itself."""
    credential = stage.credential()
    with credential as entered:
        stage.note("itself", entered is credential)
        stage.step("inside", entered.get_token, STORAGE)
    stage.step("after", credential.get_token, STORAGE)

    def again() -> object:
        with credential:
            return credential.get_token(VAULT)

    stage.step("again", again)


@script
def pickled_before_use(stage: Stage) -> None:
    """A credential, pickled and read again, signs in."""
    stage.authority.approve_all()
    credential = stage.credential(prompt_callback=None)
    again = pickle.loads(pickle.dumps(credential))  # noqa: S301 - made here
    stage.note("type", type(again).__name__)
    stage.step("get", again.get_token, STORAGE)


@script
def pickled_after_use(stage: Stage) -> None:
    """A credential that has signed in: tokens in memory do not travel."""
    stage.authority.approve_all()
    credential = stage.credential(prompt_callback=None)
    token = stage.step("sign_in", credential.get_token, STORAGE).token
    data = pickle.dumps(credential)
    stage.note("token_inside", token.encode() in data)
    again = pickle.loads(data)  # noqa: S301 - made here
    stage.step("get", again.get_token, STORAGE)
    stage.step("original", credential.get_token, STORAGE)


@script
def pickled_values(stage: Stage) -> None:
    """Records and options travel in pickles."""
    library = stage.library
    record = library.AuthenticationRecord("t", "c", "a", "h", "u")
    stage.note("record", pickle.loads(pickle.dumps(record)).serialize())  # noqa: S301 - made here
    options = library.TokenCachePersistenceOptions(name="mine", allow_unencrypted_storage=True)
    again = pickle.loads(pickle.dumps(options))  # noqa: S301 - made here
    stage.note("options", (again.name, again.allow_unencrypted_storage))
    stage.note("copied", copy.deepcopy(record).serialize())


@script
def subclass_asks_otherwise(stage: Stage) -> None:
    """A subclass overrides _request_token, and returns a result of MSAL's shape."""
    seen: list[tuple[str, ...]] = []

    class Mine(stage.library.DeviceCodeCredential):  # type: ignore[name-defined] # whichever library it is
        def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
            seen.append((*scopes, *sorted(kwargs)))
            return {
                "access_token": "made by hand",
                "expires_in": 3600,
                "token_type": "Bearer",
                "client_info": "eyJ1aWQiOiAidSIsICJ1dGlkIjogInQifQ",
                "id_token_claims": {
                    "aud": "mine",
                    "iss": f"{stage.authority.url}/tid/v2.0",
                    "sub": "s",
                    "tid": "tid",
                    "preferred_username": "u@x",
                },
            }

    credential = Mine("mine", **stage.authority.credential_options)
    stage.step("get", credential.get_token, STORAGE, colour="blue")
    stage.step("info", credential.get_token_info, STORAGE, options={"pop": {"nonce": "n"}, "enable_cae": True})
    stage.step("authenticate", Mine("mine", **stage.authority.credential_options).authenticate, scopes=[STORAGE])
    stage.note("seen", tuple(seen))


@script
def subclass_asks_and_looks(stage: Stage) -> None:
    """A subclass calls the inherited _request_token and looks at its result."""
    seen: list[dict[str, Any]] = []

    class Mine(stage.library.DeviceCodeCredential):  # type: ignore[name-defined] # whichever library it is
        def _request_token(self, *scopes: str, **kwargs: Any) -> Any:
            result = super()._request_token(*scopes, **kwargs)
            seen.append(dict(result))
            return result

    stage.step("get", Mine(**stage.options()).get_token, STORAGE)
    stage.note("kind", isinstance(seen[0], dict))
    stage.note("keys", tuple(sorted(seen[0])))
    stage.note("claims", seen[0]["id_token_claims"]["preferred_username"])


@script
def subclass_is_refused(stage: Stage) -> None:
    """A subclass's _request_token returns an error of MSAL's shape, or raises."""
    words = ("Because.",)

    class Refused(stage.library.DeviceCodeCredential):  # type: ignore[name-defined] # whichever library it is
        def _request_token(self, *scopes: str, **kwargs: Any) -> Any:
            return {"error": "made_up", "error_description": "Because."}

    class Raises(stage.library.DeviceCodeCredential):  # type: ignore[name-defined] # whichever library it is
        def _request_token(self, *scopes: str, **kwargs: Any) -> Any:
            raise ClientAuthenticationError(message="Because.")

    stage.step("refused", Refused(**stage.options()).get_token, STORAGE, says=words)
    stage.step("raises", Raises(**stage.options()).get_token, STORAGE, says=words)


@script
def transport_given(stage: Stage) -> None:
    """A transport of the program's carries every request; close() closes it, for good."""
    transport = Counting(connection_verify=stage.authority.ca_file)
    credential = stage.credential(transport=transport)
    stage.step("get", credential.get_token, STORAGE)
    stage.note("sent", transport.sent)
    credential.close()
    stage.note("closed", transport.closed > 0)
    stage.step("after", credential.get_token, VAULT)


@script
def policies_given(stage: Stage) -> None:
    """Policies of the program's replace the pipeline's own, or stand behind its retries."""
    seen: list[str] = []

    class Seen(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            seen.append(request.http_request.method)

    stage.step("policies", stage.credential(policies=[Seen()]).get_token, STORAGE)
    stage.note("seen", tuple(seen))
    seen.clear()
    stage.step("per_retry", stage.credential(_per_retry_policies=[Seen()]).get_token, STORAGE)
    stage.forget("per_retry.returned")  # the same, but for the number of the token
    stage.note("seen_per_retry", tuple(seen))


@script
def policy_that_looks_around(stage: Stage) -> None:
    """A policy of the program's reads a context variable of the caller's, and notes the thread that calls it."""
    user = ContextVar("user", default="nobody")
    seen: set[tuple[str, bool]] = set()

    class Looks(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            seen.add((user.get(), threading.current_thread() is caller))

    caller, token = threading.current_thread(), user.set("ada")
    try:
        stage.credential(_per_retry_policies=[Looks()]).get_token(STORAGE)
    finally:
        user.reset(token)
    stage.note("context", tuple(name for name, _ in seen))
    stage.note("in_the_callers_thread", tuple(same for _, same in seen))


@script
def retry_policy_given(stage: Stage) -> None:
    """A retry policy of the program's."""
    made: list[str] = []

    class Mine(RetryPolicy[Any, Any]):
        def __init__(self, **kwargs: Any) -> None:
            made.append("made")
            super().__init__(**kwargs)

    stage.step("get", stage.credential(retry_policy_class=Mine).get_token, STORAGE)
    stage.note("made", tuple(made))


@script
def chained(stage: Stage) -> None:
    """azure-identity's chain moves on, and its exceptions catch ours."""
    credential = stage.credential(disable_automatic_authentication=True)
    try:
        credential.get_token(STORAGE)
    except azure.identity.AuthenticationRequiredError as error:
        stage.note("caught", isinstance(error, azure.identity.CredentialUnavailableError))
    chain = azure.identity.ChainedTokenCredential(credential, Static())
    stage.step("get", chain.get_token, STORAGE)
    first = azure.identity.ChainedTokenCredential(stage.credential(), Static())
    stage.step("first", first.get_token, STORAGE)


@script
def bearer_token_provider(stage: Stage) -> None:
    """get_bearer_token_provider: a function that returns the token."""
    library = stage.library
    provider = library.get_bearer_token_provider(stage.credential(), STORAGE)
    stage.note("type", type(provider()).__name__)
    first = provider()
    stage.note("same", first == provider())
    stage.note("token", stage.token(first))
    stage.note("requests", stage.authority.count())


@script
def bearer_token_provider_without_scopes(stage: Stage) -> None:
    """get_bearer_token_provider without a scope."""
    library = stage.library
    stage.step("make", library.get_bearer_token_provider, stage.credential())
    stage.forget("make.returned")
    stage.step("make_and_call", lambda: _provided(library, stage.credential()))


def _provided(library: Any, credential: Any) -> object:
    provider = library.get_bearer_token_provider(credential)
    return provider()


class Blocking(Static):
    """Be a credential that is certainly not for asyncio, and note which thread asks it."""

    def __init__(self) -> None:
        self.threads: set[threading.Thread] = set()

    def __enter__(self) -> object:
        """Do nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return a token."""
        self.threads.add(threading.current_thread())
        return super().get_token(*scopes, **kwargs)


@script
def bearer_token_provider_of_a_credential_that_blocks(stage: Stage) -> None:
    """get_bearer_token_provider for asyncio, of a credential that is not for asyncio."""
    function = import_module(f"{stage.library.__name__}.aio").get_bearer_token_provider
    credential = Blocking()

    async def provided() -> object:
        return await function(credential, STORAGE)()

    stage.step("provided", asyncio.run, provided())
    stage.note("in_the_loops_thread", threading.current_thread() in credential.threads)


@script
def errors_by_name(stage: Stage) -> None:
    """Errors have names of their own beyond azure-identity's, which still catch them."""
    faults = {
        "declined": Refuse("authorization_declined", 70018, "No."),
        "expired": Expire(),
        "refused": Refuse("invalid_grant", 50076, "No."),
    }
    for name, fault in faults.items():
        stage.authority.faults.queue("token:device_code", fault)
        stage.note(name, _own(stage))
    with stage.authority.offline():
        stage.note("offline", _own(stage))


def _own(stage: Stage) -> str:
    stage.person.answer = lambda _: None
    try:
        stage.credential(retry_total=0).get_token(STORAGE)
    except ClientAuthenticationError as error:
        return own_name(error)
    return ""
