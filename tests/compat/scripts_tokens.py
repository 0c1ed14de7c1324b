"""Scripts about getting tokens: silently where possible, and what they look like."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from azure.core.credentials import AccessToken

from compat.registry import script, script_in_real_time
from compat.stage import ACRS, STORAGE, VAULT, WHILE, Stage
from doorcode.emulator import Edit, Html, Pass, ServerError

GRAPH = "https://graph.microsoft.com/.default"
WRONG_SCOPES: dict[str, tuple[Any, ...]] = {
    "empty": ("",),
    "list": ([STORAGE],),
    "letters": tuple("abc"),
    "spaces": (f"{STORAGE} {VAULT}",),
    "two_resources": (STORAGE, VAULT),
}


@script
def sign_in_and_stay(stage: Stage) -> None:
    """The main job: one prompt, then silence, also for another scope."""
    credential = stage.credential()
    stage.step("first", credential.get_token, STORAGE)
    stage.step("second", credential.get_token, STORAGE)
    stage.step("other_scope", credential.get_token, VAULT)
    stage.step("other_scope_again", credential.get_token, VAULT)


@script
def token_info(stage: Stage) -> None:
    """get_token_info has the type of the token, and its time to refresh where the authority names one."""
    stage.authority.configure(refresh_in=1800)
    credential = stage.credential()
    stage.step("first", credential.get_token_info, STORAGE)
    stage.step("second", credential.get_token_info, STORAGE)
    stage.authority.configure(refresh_in=None)
    stage.step("other_scope", credential.get_token_info, VAULT)


@script
def token_shown(stage: Stage) -> None:
    """A token's repr."""
    credential = stage.credential()
    token = credential.get_token(STORAGE)
    info = credential.get_token_info(STORAGE)
    stage.note("unpacks", (token.token, token.expires_on) == tuple(token))
    stage.note("equal", token == AccessToken(token.token, token.expires_on))
    stage.note("in_repr", token.token in repr(token))
    stage.note("info_in_repr", info.token in repr(info))


@script
def authenticate_then_get_token(stage: Stage) -> None:
    """authenticate() returns a record and keeps the token."""
    credential = stage.credential()
    stage.step("authenticate", credential.authenticate, scopes=[STORAGE])
    stage.step("get", credential.get_token, STORAGE)
    stage.step("again", credential.authenticate, scopes=[STORAGE])


@script
def scopes_that_are_wrong(stage: Stage) -> None:
    """Scopes that cannot be asked for."""
    for name, scopes in WRONG_SCOPES.items():
        stage.step(name, stage.credential().get_token, *scopes)
    stage.step("none", stage.credential().get_token, says=("get_token", "at least one scope"))
    stage.step("info", stage.credential().get_token_info, says=("get_token_info", "at least one scope"))


@script
def scopes_in_one_text(stage: Stage) -> None:
    """Scopes in one text with spaces between them, as Microsoft's examples for Graph pass them."""
    credential = stage.credential()
    stage.step("first", credential.get_token, "Mail.Read User.Read")
    stage.step("second", credential.get_token, "Mail.Read User.Read")


@script
def scopes_that_openid_reserves(stage: Stage) -> None:
    """offline_access among the scopes."""
    stage.step("get", stage.credential().get_token, STORAGE, "offline_access")


@script
def scopes_are_kept_as_written(stage: Stage) -> None:
    """One slash or two are two different scopes."""
    credential = stage.credential()
    stage.step("two", credential.get_token, "https://storage.azure.com//.default")
    stage.step("one", credential.get_token, STORAGE)
    stage.step("two_again", credential.get_token, "https://storage.azure.com//.default")


@script
def scopes_granted_in_another_spelling(stage: Stage) -> None:
    """The authority grants User.Read where user.read was asked."""
    stage.authority.faults.always("token", Edit(lambda reply: {**reply, "scope": "User.Read openid profile"}))
    credential = stage.credential()
    stage.step("first", credential.get_token, "user.read")
    stage.step("second", credential.get_token, "user.read")


@script
def claims_of_a_resource(stage: Stage) -> None:
    """Claims demanded by a resource, before and after a sign-in."""
    credential = stage.credential()
    stage.step("cold", credential.get_token, STORAGE, claims=ACRS)
    stage.step("warm", credential.get_token, STORAGE, claims=ACRS)
    stage.step("without", credential.get_token, STORAGE)


@script
def claims_that_are_wrong(stage: Stage) -> None:
    """Claims that are no JSON object."""
    stage.step("text", stage.credential().get_token, STORAGE, claims="not json")
    stage.step("list", stage.credential().get_token, STORAGE, claims="[]")
    stage.step("text_cae", stage.credential().get_token, STORAGE, claims="not json", enable_cae=True)


@script
def cae_alone(stage: Stage) -> None:
    """enable_cae: the capability is on the wire and the token lives long."""
    credential = stage.credential()
    stage.step("first", credential.get_token, STORAGE, enable_cae=True)
    stage.step("second", credential.get_token_info, STORAGE, options={"enable_cae": True})
    stage.step("challenged", credential.get_token, STORAGE, enable_cae=True, claims=ACRS)


@script
def cae_after_a_sign_in_without(stage: Stage) -> None:
    """authenticate(), then a client that asks for CAE, as Microsoft Graph's does."""
    credential = stage.credential()
    credential.authenticate(scopes=[STORAGE])
    stage.step("cae", credential.get_token, STORAGE, enable_cae=True)
    stage.step("without", credential.get_token, STORAGE)


@script
def cae_before_a_request_without(stage: Stage) -> None:
    """A client that asks for CAE signs in, and then one comes that does not."""
    credential = stage.credential()
    credential.get_token(STORAGE, enable_cae=True)
    stage.step("without", credential.get_token, STORAGE)
    stage.step("cae", credential.get_token, STORAGE, enable_cae=True)


@script
def automatic_authentication_disabled(stage: Stage) -> None:
    """disable_automatic_authentication: an error that says what authenticate needs."""
    credential = stage.credential(disable_automatic_authentication=True)
    words = ("Interactive authentication is required to get a token. Call 'authenticate' to begin.",)
    stage.step("cold", credential.get_token, STORAGE, says=words)
    error = stage.step("claims", credential.get_token, STORAGE, claims=ACRS)
    stage.step("authenticate", credential.authenticate, scopes=error.scopes)
    stage.step("warm", credential.get_token, STORAGE)
    stage.step("refresh", credential.get_token_info, VAULT)


@script
def automatic_authentication_disabled_and_refused(stage: Stage) -> None:
    """The refresh token was revoked: the error carries the authority's answer."""
    credential = stage.credential(disable_automatic_authentication=True)
    credential.authenticate(scopes=[STORAGE])
    stage.authority.revoke("ada@contoso.example")
    stage.step("get", credential.get_token, VAULT)


@script
def error_made_by_hand(stage: Stage) -> None:
    """AuthenticationRequiredError and CredentialUnavailableError, constructed by a program."""
    library = stage.library
    stage.note("message", library.AuthenticationRequiredError(["s"]).message)
    error = library.AuthenticationRequiredError(["s"], "why", claims="c", response=None)
    stage.note("attributes", (error.scopes, error.claims, error.message, str(error)))
    stage.note("unavailable", library.CredentialUnavailableError(message="why").message)


@script
def revoked_asks_again(stage: Stage) -> None:
    """The refresh token was revoked: the user is asked."""
    credential = stage.credential()
    credential.get_token(STORAGE)
    stage.authority.revoke("ada@contoso.example")
    stage.step("get", credential.get_token, VAULT)


@script
def refresh_ahead_of_time_fails(stage: Stage) -> None:
    """The token should be refreshed but is valid, and the service is down."""
    stage.authority.configure(refresh_in=600)
    credential = stage.credential(retry_total=0)
    credential.get_token(STORAGE)
    stage.later(1200)
    stage.authority.faults.always("token:refresh_token", ServerError(503))
    stage.step("get", credential.get_token, STORAGE)


@script
def expires_soon(stage: Stage) -> None:
    """A token with three minutes left is not fresh; with no time left it is not used."""
    credential = stage.credential(retry_total=0)
    credential.get_token(STORAGE)
    stage.later(3600 - 180)
    stage.authority.faults.queue("token:refresh_token", ServerError(503))
    stage.step("down", credential.get_token, STORAGE)


@script
def expired(stage: Stage) -> None:
    """An expired token is refreshed, silently."""
    credential = stage.credential()
    credential.get_token(STORAGE)
    stage.later(7200)
    stage.step("get", credential.get_token, STORAGE)


@script
def clock_set_back(stage: Stage) -> None:
    """The token seems to come from the future."""
    credential = stage.credential()
    credential.get_token(STORAGE)
    stage.later(-86400)
    stage.step("get", credential.get_token, STORAGE)


@script
def refresh_ahead_of_time_works(stage: Stage) -> None:
    """The token should be refreshed, and is."""
    stage.authority.configure(refresh_in=600)
    credential = stage.credential()
    stage.step("first", credential.get_token, STORAGE)
    stage.later(1200)
    stage.step("second", credential.get_token, STORAGE)


@script
def refresh_of_an_expired_token_fails(stage: Stage) -> None:
    """The token has expired, and the service is down: an error and no prompt."""
    credential = stage.credential(retry_total=0)
    credential.get_token(STORAGE)
    stage.later(7200)
    stage.authority.faults.always("token:refresh_token", ServerError(503))
    stage.step("down", credential.get_token, STORAGE)
    stage.authority.faults.always("token:refresh_token", Html(502))
    stage.step("page", credential.get_token, VAULT)
    with stage.authority.offline():
        stage.step("offline", credential.get_token, GRAPH)


@script
def failures_are_forgotten(stage: Stage) -> None:
    """The service is busy once; the next call of the program asks again."""
    credential = stage.credential(disable_automatic_authentication=True, retry_total=0)
    credential.authenticate(scopes=[STORAGE])
    stage.authority.faults.queue("token:refresh_token", ServerError(503), Pass())
    stage.step("first", credential.get_token, VAULT)
    stage.step("second", credential.get_token, VAULT)


@script
def reply_without_lifetime(stage: Stage) -> None:
    """A token reply without expires_in, which is only recommended (RFC 6749 5.1)."""
    stage.authority.faults.queue(
        "token:device_code", Edit(lambda reply: {name: value for name, value in reply.items() if name != "expires_in"})
    )
    token = stage.step("get", stage.credential().get_token, STORAGE)
    stage.forget("get.returned")
    stage.note("token", isinstance(token, AccessToken))


@script
def reply_with_lifetimes_as_text(stage: Stage) -> None:
    """A token reply whose numbers are text, as v1 endpoints send them."""
    stage.authority.faults.queue(
        "token:device_code", Edit(lambda reply: {**reply, "expires_in": "3600", "refresh_in": "1800"})
    )
    stage.step("get", stage.credential().get_token_info, STORAGE)


@script
def reply_without_account(stage: Stage) -> None:
    """A token reply that names nobody: neither client_info nor an ID token."""
    stage.authority.faults.always(
        "token:device_code",
        Edit(lambda reply: {name: value for name, value in reply.items() if name not in ("client_info", "id_token")}),
    )
    credential = stage.credential()
    stage.step("get", credential.get_token, STORAGE)
    stage.step("authenticate", stage.credential().authenticate, scopes=[STORAGE])


@script
def somebody_else_signs_in(stage: Stage) -> None:
    """The record is Ada's, and Grace signs in."""
    record = stage.credential().authenticate(scopes=[STORAGE])
    stage.person.answer = lambda code: stage.authority.approve(code, "grace@contoso.example")
    options = stage.options(authentication_record=record)
    del options["authority"]
    credential = stage.library.DeviceCodeCredential(**options)
    stage.step("get", credential.get_token, STORAGE)
    stage.step("authenticate", credential.authenticate, scopes=[STORAGE])


@script_in_real_time
def threads_on_a_cold_credential(stage: Stage) -> None:
    """Four threads want a token at once: the first two prompts wait for each other, or give up doing so."""
    together = threading.Barrier(2)

    def answer(code: str) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(WHILE)
        stage.authority.approve(code)

    stage.person.answer = answer
    credential = stage.credential()
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(credential.get_token(STORAGE).token)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.note("tokens", len(tokens))
    stage.note("prompts", "one" if len(stage.person.prompts) == 1 else "several")
