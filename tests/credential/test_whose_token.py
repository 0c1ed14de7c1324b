"""Whose token a credential hands out, where the token cache holds more than one user's sign-in."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import AuthenticationRequiredError, TokenCachePersistenceOptions, prompts
from doorcode._record import AuthenticationRecord
from doorcode.emulator import Emulator
from support.signing import ADA, GRACE, OTHER, PATIENCE, SCOPE, start, together

SILENT: dict[str, Any] = {"disable_automatic_authentication": True}
VISITORS = [f"visitor{number}@contoso.example" for number in range(20)]
VISITOR: ContextVar[str] = ContextVar("visitor")


def key() -> bytes:
    """Return the key of the cache, as a program's own function would."""
    return b"k" * 32


@pytest.fixture
def options(tmp_path: Path) -> Callable[[], TokenCachePersistenceOptions]:
    """Give options of one cache, anew each time, as each process has them."""
    return lambda: TokenCachePersistenceOptions(path=tmp_path / "cache", encryption_key=key)


@pytest.fixture
def process(make: Any, options: Callable[[], TokenCachePersistenceOptions], leave_out: Any) -> Callable[..., Any]:
    """Give what makes a credential as a new process would, which says nothing about the account."""
    return lambda **more: make(
        cache_persistence_options=options(),
        **{"use_cached_account": leave_out, "prompt_callback": leave_out, **more},
    )


@pytest.fixture
def sign_in(make: Any, options: Callable[[], TokenCachePersistenceOptions]) -> Callable[..., AuthenticationRecord]:
    """Give what signs a user in in a process of their own, and returns their record."""

    def signed_in(person: str, **more: Any) -> AuthenticationRecord:
        make.person = person
        record: AuthenticationRecord = make(cache_persistence_options=options(), **more).authenticate(scopes=[SCOPE])
        return record

    return signed_in


def user_of(authority: Emulator, credential: Any, scope: str = SCOPE) -> Any:
    """Return whose token a credential hands out."""
    return authority.verify(credential.get_token(scope).token)["upn"]


def settled(make: Any, credential: Any, pending: Any) -> AuthenticationRecord:
    """Wait for a pending sign-in, on the loop of an asyncio one."""
    waiting = pending.wait()
    record: AuthenticationRecord = credential._done(waiting) if make.kind == "aio" else waiting
    return record


# -- a server with many visitors


class Server:
    """Sign visitors in one by one, each with a credential of their own, over one cache; nothing else is kept."""

    def __init__(self, make: Any, authority: Emulator, process: Callable[..., Any]) -> None:
        self._make = make
        self._authority = authority
        self._process = process
        self._credentials: dict[str, Any] = {}
        self.prompts: list[str] = []

    def restart(self) -> None:
        """Forget everything that is not in the cache."""
        self._credentials.clear()

    def token_user(self, visitor: str, scope: str) -> Any:
        """Return whose token a visitor's request is served with."""
        if VISITORS.index(visitor) % 2:
            return user_of(self._authority, self._with_callback(visitor), scope)
        return user_of(self._authority, self._in_two_steps(visitor, scope), scope)

    def _with_callback(self, visitor: str) -> Any:
        def show(_uri: str, user_code: str, _until: object) -> None:
            self._approved(user_code, visitor)

        if visitor not in self._credentials:
            self._credentials[visitor] = self._process(prompt_callback=show)
        return self._credentials[visitor]

    def _in_two_steps(self, visitor: str, scope: str) -> Any:
        if visitor not in self._credentials:
            credential = self._credentials[visitor] = self._process(**SILENT)
            pending = credential.resume(credential.begin(scopes=[scope]).serialize())
            self._approved(pending.user_code, visitor)
            assert settled(self._make, credential, pending).username == visitor
        return self._credentials[visitor]

    def _approved(self, user_code: str, visitor: str) -> None:
        self.prompts.append(visitor)
        self._authority.approve(user_code, visitor)


def test_no_visitor_of_a_server_gets_another_ones_token(
    make: Any, authority: Emulator, process: Callable[..., Any]
) -> None:
    """Twenty visitors, one persistent cache, prompts of the program's own, restarts: each visitor gets their own."""
    for visitor in VISITORS:
        authority.add_user(visitor)
    server = Server(make, authority, process)
    for scope in (SCOPE, OTHER):
        served = [server.token_user(visitor, scope) for visitor in VISITORS]
        assert served == VISITORS
        assert [server.token_user(visitor, OTHER) for visitor in VISITORS] == VISITORS
        assert len(server.prompts) == 20
        server.prompts.clear()
        server.restart()
    served = together(20, lambda number: server.token_user(VISITORS[number], SCOPE))
    assert served == VISITORS
    assert sorted(server.prompts) == sorted(VISITORS)


def test_a_visitor_who_does_not_sign_in_holds_nobody_up(
    make: Any, authority: Emulator, process: Callable[..., Any]
) -> None:
    """Nobody waits for the sign-in of another visitor, which would be of no use to them."""
    shown: list[str] = []
    idle = process(prompt_callback=lambda _uri, code, _until: shown.append(code), timeout=PATIENCE)
    first = start(lambda: user_of(authority, idle))
    authority.wait_for("token:device_code")
    make.person = GRACE
    assert user_of(authority, process(prompt_callback=make.approver)) == GRACE
    authority.approve(shown[0], ADA)
    assert first.result(PATIENCE) == ADA


# -- the prompt decides


@pytest.mark.parametrize("prompt", [None, prompts.stderr], ids=["the default", "a ready-made one"])
def test_a_program_with_a_prompt_on_this_machine_uses_the_only_account(
    process: Callable[..., Any],
    sign_in: Callable[..., Any],
    authority: Emulator,
    caplog: pytest.LogCaptureFixture,
    prompt: Any,
) -> None:
    """It is silent, and one line at INFO names the account."""
    sign_in(ADA)
    caplog.clear()
    caplog.set_level(logging.INFO, "doorcode")
    credential = process(prompt_callback=prompt, **SILENT)
    assert user_of(authority, credential) == ADA
    assert user_of(authority, credential, OTHER) == ADA
    named = [record for record in caplog.records if ADA in record.getMessage()]
    assert [record.levelname for record in named] == ["INFO"]


def test_a_program_with_a_prompt_of_its_own_asks(
    process: Callable[..., Any], sign_in: Callable[..., Any], make: Any, authority: Emulator
) -> None:
    """Unless it asks for the account in the cache, or names one."""
    record = sign_in(ADA)
    own = {"prompt_callback": make.approver, **SILENT}
    with pytest.raises(AuthenticationRequiredError) as caught:
        process(**own).get_token(SCOPE)
    assert caught.value.accounts == ()
    for named in ({"use_cached_account": True}, {"authentication_record": record}, {"username": ADA}):
        assert user_of(authority, process(**own, **named)) == ADA
    make.person = GRACE
    assert user_of(authority, process(prompt_callback=make.approver)) == GRACE


def test_a_class_of_the_programs_own_asks(process: Callable[..., Any], sign_in: Callable[..., Any], make: Any) -> None:
    """Nobody knows where its ``_request_token`` asks."""
    sign_in(ADA)
    asked: list[str] = []

    def ask(_self: Any, *scopes: str, **_: Any) -> dict[str, Any]:
        asked.extend(scopes)
        return {"access_token": "own", "expires_in": 3600}

    assert process(credential_class=make.asking(ask)).get_token(SCOPE).token == "own"
    assert asked == [SCOPE]


@pytest.mark.parametrize("step", ["begin", "resume"])
def test_a_program_that_shows_codes_itself_asks(
    process: Callable[..., Any], sign_in: Callable[..., Any], make: Any, authority: Emulator, step: str
) -> None:
    """From the first step on, no account in the cache is used, and none that was found before; a copy knows it too."""
    sign_in(ADA)
    credential = process(**SILENT)
    assert user_of(authority, credential) == ADA
    pending = credential.begin(scopes=[SCOPE])
    if step == "resume":
        credential = process(**SILENT)
        assert user_of(authority, credential) == ADA
        pending = credential.resume(pending.serialize())
    for each in (credential, copied(make, credential)):
        with pytest.raises(AuthenticationRequiredError):
            each.get_token(SCOPE)
    authority.approve(pending.user_code, GRACE)
    assert settled(make, credential, pending).username == GRACE
    assert user_of(authority, credential) == GRACE
    assert user_of(authority, credential, OTHER) == GRACE


def test_a_program_that_asked_for_the_account_keeps_it_while_it_shows_a_code(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator
) -> None:
    """``use_cached_account=True`` holds for a sign-in in two steps, too."""
    sign_in(ADA)
    credential = process(use_cached_account=True, **SILENT)
    credential.begin(scopes=[SCOPE])
    assert user_of(authority, credential) == ADA


def copied(make: Any, credential: Any) -> Any:
    """Return a credential after a pickle."""
    data = pickle.dumps(getattr(credential, "credential", credential))
    return make(credential_class=lambda **_: pickle.loads(data))  # noqa: S301 - written a line above


# -- several accounts


def test_a_program_that_asked_for_the_account_is_told_that_there_are_several(
    process: Callable[..., Any], sign_in: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """One warning names them, and what to pass."""
    for person in (ADA, GRACE):
        sign_in(person)
    for given in (True, None):
        caplog.clear()
        credential = process(use_cached_account=given, **SILENT)
        for scope in (SCOPE, OTHER):
            with pytest.raises(AuthenticationRequiredError, match="Several accounts"):
                credential.get_token(scope)
        warned = [r.getMessage() for r in caplog.records if "use_cached_account=True" in r.getMessage()]
        assert len(warned) == (given is True)
        assert all(word in line for line in warned for word in (ADA, GRACE, "username", "authentication_record"))


def test_the_accounts_of_both_caches_count(process: Callable[..., Any], make: Any, authority: Emulator) -> None:
    """The only account may be in the cache for CAE; with another one in each, nobody guesses."""
    make.person = ADA
    process(username=ADA, prompt_callback=make.approver).get_token(SCOPE, enable_cae=True)
    credential = process(**SILENT)
    assert user_of(authority, credential) == ADA
    make.person = GRACE
    process(username=GRACE, prompt_callback=make.approver).get_token(SCOPE)
    for cae in (False, True):
        with pytest.raises(AuthenticationRequiredError, match="Several accounts"):
            process(**SILENT).get_token(SCOPE, enable_cae=cae)
    assert user_of(authority, credential, OTHER) == ADA


def test_an_account_that_was_found_stays(
    process: Callable[..., Any], sign_in: Callable[..., Any], make: Any, authority: Emulator
) -> None:
    """Whoever signs in and out elsewhere meanwhile, this program does not go on as somebody else; nor does a copy."""
    ada = sign_in(ADA)
    credential = process(**SILENT)
    assert user_of(authority, credential) == ADA
    sign_in(GRACE)
    assert user_of(authority, credential, OTHER) == ADA
    process().sign_out(ada)
    for each in (credential, copied(make, credential)):
        with pytest.raises(AuthenticationRequiredError):
            each.get_token("https://third.example/.default")
    assert user_of(authority, process(**SILENT)) == GRACE


@pytest.mark.parametrize("allowed", [None, True])
def test_signing_out_lets_nobody_take_the_place(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator, allowed: Any
) -> None:
    """The account in use is the one that is signed out, and another one in the cache is not used instead."""
    sign_in(ADA)
    credential = process(**SILENT, use_cached_account=allowed)
    assert user_of(authority, credential) == ADA
    sign_in(GRACE)
    credential.sign_out()
    assert [account.username for account in credential.accounts()] == [GRACE]
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(SCOPE)


def test_signing_out_others_leaves_the_choice(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator
) -> None:
    """A program with several accounts can sign all but one out, and uses that one."""
    ada = sign_in(ADA)
    sign_in(GRACE)
    credential = process(**SILENT)
    credential.sign_out(ada)
    assert user_of(authority, credential) == GRACE


@pytest.mark.parametrize("username", [GRACE, GRACE.upper()])
def test_a_record_decides_before_a_username(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator, username: str
) -> None:
    """A name of somebody else beside it is a warning."""
    record = sign_in(ADA)
    sign_in(GRACE)
    with pytest.warns(UserWarning, match=f"username '{username}' is not the record's account '{ADA}'"):
        credential = process(authentication_record=record, username=username, **SILENT)
    assert user_of(authority, credential) == ADA


def test_signing_out_is_never_another_users(
    process: Callable[..., Any], sign_in: Callable[..., Any], make: Any, authority: Emulator
) -> None:
    """Without a name, the account goes that the credential would use: not the one of another visitor, or name."""
    ada = sign_in(ADA)
    visitor = process(prompt_callback=make.approver)
    with pytest.raises(ValueError, match="uses no account of the cache unasked"):
        visitor.sign_out()
    process(username=GRACE).sign_out()
    assert visitor.accounts() == (ada,)
    sign_in(GRACE)
    process(username=GRACE.upper()).sign_out()
    assert visitor.accounts() == (ada,)
    credential = process()
    credential.sign_out()
    assert visitor.accounts() == ()
    visitor.sign_out()


# -- two sign-ins at the same time


def test_each_authenticate_returns_the_record_of_its_own_sign_in(make: Any, authority: Emulator) -> None:
    """Two users sign in at one credential at the same time; the credential goes on with one of them."""
    tenant = authority.add_tenant("fabrikam.example").tenant_id
    authority.add_user("eve@fabrikam.example", tenant="fabrikam.example")
    shown: dict[str, str] = {}

    def show(_uri: str, user_code: str, _until: object) -> None:
        shown[VISITOR.get()] = user_code
        if len(shown) == 2:
            for visitor, code in shown.items():
                authority.approve(code, visitor)

    credential = make(prompt_callback=show, additionally_allowed_tenants=["*"])

    def signed_in(visitor: str, tenant_id: str | None) -> str:
        VISITOR.set(visitor)
        record: AuthenticationRecord = credential.authenticate(scopes=[SCOPE], tenant_id=tenant_id)
        return record.username

    each = [start(lambda: signed_in(ADA, None)), start(lambda: signed_in("eve@fabrikam.example", tenant))]
    assert [future.result(PATIENCE) for future in each] == [ADA, "eve@fabrikam.example"]
    last = credential._session.record
    assert authority.verify(credential.get_token(SCOPE, tenant_id=last.tenant_id).token)["upn"] == last.username


def test_a_sign_in_that_ends_just_before_another_returns_its_own_record(make_sync: Any) -> None:
    """Whoever signs in between the end of a sign-in and its return changes the credential, and not what is returned."""
    credential = make_sync()

    class Between(logging.Handler):
        """Have another user sign in as soon as one has."""

        def emit(self, record: logging.LogRecord) -> None:
            if "authenticate succeeded" in record.getMessage():
                logger.removeHandler(self)
                make_sync.person = GRACE
                other = start(lambda: credential.authenticate(scopes=[SCOPE], force_prompt=True))
                usernames.append(other.result(PATIENCE).username)

    usernames: list[str] = []
    logger = logging.getLogger("doorcode")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(Between())
    make_sync.person = ADA
    usernames.append(credential.authenticate(scopes=[SCOPE]).username)
    logger.setLevel(level)
    assert usernames == [GRACE, ADA]
    assert credential._session.record.username == GRACE


# -- a sign-in that goes on


def test_a_sign_in_of_a_tenant_that_is_not_allowed_does_not_go_on(make: Any, authority: Emulator) -> None:
    """The credential that finishes it checks the tenant as the one that began it; nothing is sent."""
    tenant = authority.add_tenant("fabrikam.example").tenant_id
    text = make(additionally_allowed_tenants=["*"]).begin(scopes=[SCOPE], tenant_id=tenant).serialize()
    authority.reset_counters()
    for own in ({}, {"additionally_allowed_tenants": ["other.example"]}):
        with pytest.raises(ClientAuthenticationError, match=f"{tenant}.*additionally_allowed_tenants"):
            make(**own).resume(text)
    assert make(additionally_allowed_tenants=[tenant]).resume(text).user_code
    assert authority.requests == []


def test_a_sign_in_never_goes_on_in_another_tenant(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where other tenants are switched off, begin would take the credential's own; a device code has its tenant."""
    tenant = authority.add_tenant("fabrikam.example").tenant_id
    text = make(additionally_allowed_tenants=["*"]).begin(scopes=[SCOPE], tenant_id=tenant).serialize()
    monkeypatch.setenv("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH", "1")
    with pytest.raises(ValueError, match=f"is for tenant {tenant}, and this credential signs in to"):
        make().resume(text)
