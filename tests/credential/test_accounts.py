"""Whose tokens a credential uses: one sign-in is enough, several are told apart, and a user can be forgotten."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorcode import AuthenticationRecord, AuthenticationRequiredError, TokenCachePersistenceOptions, cache, errors
from doorcode.cache._select import choose
from doorcode.emulator import Edit, Emulator, Refuse
from support.signing import ADA, GRACE, OTHER, SCOPE

KEY = b"k" * 32


@pytest.fixture
def options(tmp_path: Path) -> Callable[[], TokenCachePersistenceOptions]:
    """Give options of one cache, anew each time, as each process has them."""
    return lambda: TokenCachePersistenceOptions(path=tmp_path / "cache", encryption_key=KEY)


@pytest.fixture
def process(make: Any, options: Callable[[], TokenCachePersistenceOptions]) -> Callable[..., Any]:
    """Give what makes a credential as a new process would: same cache, nothing in memory."""
    return lambda **more: make(cache_persistence_options=options(), **more)


def test_one_account_in_the_cache_is_enough(process: Callable[..., Any], make: Any, authority: Emulator) -> None:
    """Without a record, a new process uses the account that is signed in, without a request."""
    token = process().get_token(SCOPE)
    authority.reset_counters()
    assert process(disable_automatic_authentication=True).get_token(SCOPE) == token
    assert authority.requests == []
    assert len(make.approver.prompts) == 1


def test_of_several_accounts_nobody_guesses(process: Callable[..., Any], make: Any, authority: Emulator) -> None:
    """The error lists who one would have to choose from; a name or a record chooses."""
    for person in (ADA, GRACE):
        make.person = person
        process(username=person).get_token(SCOPE)
    authority.reset_counters()
    with pytest.raises(AuthenticationRequiredError, match="Several accounts are signed in") as caught:
        process(disable_automatic_authentication=True).get_token(SCOPE)
    assert {account.username for account in caught.value.accounts} == {ADA, GRACE}
    assert authority.requests == []
    for account in caught.value.accounts:
        chosen = process(authentication_record=account, disable_automatic_authentication=True)
        assert chosen.get_token(SCOPE).token
        by_name = process(username=account.username.upper(), disable_automatic_authentication=True)
        assert by_name.get_token(SCOPE) == chosen.get_token(SCOPE)


def test_adopting_an_account_can_be_declined(process: Callable[..., Any], make: Any) -> None:
    """With ``use_cached_account=False`` only a record or a name makes a new process silent, as in azure-identity."""
    record = process().authenticate(scopes=[SCOPE])
    with pytest.raises(AuthenticationRequiredError):
        process(use_cached_account=False, disable_automatic_authentication=True).get_token(SCOPE)
    silent = {"use_cached_account": False, "disable_automatic_authentication": True}
    assert process(authentication_record=record, **silent).get_token(SCOPE).token
    assert process(username=ADA, **silent).get_token(SCOPE).token
    assert len(make.approver.prompts) == 1


def test_an_adopted_account_is_no_record(process: Callable[..., Any], make: Any) -> None:
    """``authenticate`` of a credential without a record asks the user, whoever is cached."""
    process().get_token(SCOPE)
    process().authenticate(scopes=[SCOPE])
    assert len(make.approver.prompts) == 2


@pytest.mark.parametrize("name", ["renamed@contoso.example", "U@X", "İ@x", "straße@x", ""])
def test_the_account_is_found_by_its_id_whatever_its_name(
    process: Callable[..., Any], authority: Emulator, name: str
) -> None:
    """A renamed user stays signed in: the name in a record is for display."""
    known = json.loads(process().authenticate(scopes=[SCOPE]).serialize())
    record = AuthenticationRecord.deserialize(json.dumps({**known, "username": name}))
    authority.reset_counters()
    silent = process(authentication_record=record, disable_automatic_authentication=True)
    assert silent.get_token(SCOPE).token
    assert authority.requests == []


def test_the_same_name_with_another_id_is_another_person(process: Callable[..., Any]) -> None:
    """A name never makes somebody else's token one's own."""
    known = json.loads(process().authenticate(scopes=[SCOPE]).serialize())
    record = AuthenticationRecord.deserialize(json.dumps({**known, "homeAccountId": "another.utid"}))
    with pytest.raises(AuthenticationRequiredError):
        process(authentication_record=record, disable_automatic_authentication=True).get_token(SCOPE)


def test_other_applications_tokens_are_not_used(process: Callable[..., Any], authority: Emulator) -> None:
    """An account counts only for the application that it signed in to, family tokens included."""
    authority.configure(family_id="1")
    process().get_token(SCOPE)
    authority.reset_counters()
    other = process(client_id="00000000-0000-4000-8000-000000000001", disable_automatic_authentication=True)
    with pytest.raises(AuthenticationRequiredError):
        other.get_token(OTHER)
    assert other.accounts() == ()
    assert authority.requests == []


GIVEN: dict[str, Callable[[AuthenticationRecord], dict[str, Any]]] = {
    "a record": lambda record: {"authentication_record": record},
    "a name": lambda record: {"username": record.username},
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_somebody_else_signing_in_is_refused_and_not_stored(
    make: Any, process: Callable[..., Any], given: Callable[[AuthenticationRecord], dict[str, Any]]
) -> None:
    """get_token for Ada does not take Grace's token; authenticate takes whoever signs in."""
    ada = make().authenticate(scopes=[SCOPE])
    make.person = GRACE
    credential = process(**given(ada))
    with pytest.raises(errors.OtherAccountError, match=GRACE):
        credential.get_token(SCOPE)
    assert credential.accounts() == ()
    assert credential.authenticate(scopes=[SCOPE], force_prompt=True).username == GRACE
    assert [account.username for account in credential.accounts()] == [GRACE]


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_whoever_authenticate_took_is_expected_from_then_on(
    make: Any, authority: Emulator, given: Callable[[AuthenticationRecord], dict[str, Any]]
) -> None:
    """After changing the account on purpose, a later prompt takes that one, and no more the one that was given."""
    credential = make(**given(make().authenticate(scopes=[SCOPE])))
    make.person = GRACE
    credential.authenticate(scopes=[SCOPE], force_prompt=True)
    authority.revoke(GRACE)
    assert credential.get_token(OTHER).token
    authority.revoke(GRACE)
    make.person = ADA
    with pytest.raises(errors.OtherAccountError, match=f"is for {GRACE}"):
        credential.get_token("https://third.example/.default")


def test_one_sign_in_serves_cae_and_other_requests(process: Callable[..., Any], make: Any, authority: Emulator) -> None:
    """The refresh token is one grant: no second prompt, here and in the next process."""
    credential = process()
    record = credential.authenticate(scopes=[SCOPE])
    plain = credential.get_token(SCOPE)
    authority.reset_counters()
    cae = credential.get_token(SCOPE, enable_cae=True)
    assert "CP1" in authority.requests_to("token:refresh_token")[0].form["claims"]
    assert cae != plain
    assert credential.get_token(SCOPE) == plain
    later = process(authentication_record=record, disable_automatic_authentication=True)
    assert later.get_token(SCOPE, enable_cae=True) == cae
    assert later.get_token(SCOPE) == plain
    assert authority.count("token:refresh_token") == 1
    assert len(make.approver.prompts) == 1


def test_a_rotated_refresh_token_reaches_both_caches(
    process: Callable[..., Any], make: Any, authority: Emulator
) -> None:
    """An authority that takes each refresh token once never sees a spent one."""
    authority.configure(rotation="reject")
    credential = process()
    for number in range(4):
        credential.get_token(f"https://r{number}.example/.default", enable_cae=bool(number % 2))
    assert len(make.approver.prompts) == 1
    assert {request.status for request in authority.requests_to("token:refresh_token")} == {200}


def test_a_refusal_in_one_tenant_leaves_the_others_alone(process: Callable[..., Any], authority: Emulator) -> None:
    """An invalid_grant of tenant B does not sign the user out of tenant A."""
    other = authority.add_tenant("fabrikam.example")
    credential = process(disable_automatic_authentication=True, additionally_allowed_tenants=["*"])
    credential.authenticate(scopes=[SCOPE])
    authority.faults.queue("token:refresh_token", Refuse("invalid_grant", 50076, "no"))
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(SCOPE, tenant_id=other.tenant_id)
    authority.reset_counters()
    assert credential.get_token(SCOPE).token
    assert authority.requests == []
    assert credential.get_token(OTHER).token


def test_accounts_are_records_to_choose_from(process: Callable[..., Any], make: Any, authority: Emulator) -> None:
    """Each is what authenticate returned, and makes a later credential silent."""
    assert process().accounts() == ()
    record = process().authenticate(scopes=[SCOPE])
    assert process().accounts() == (record,)


def test_signing_out_forgets_the_account_everywhere(
    process: Callable[..., Any], make: Any, authority: Emulator
) -> None:
    """Both caches and the memory of this object at once; other processes at their next look."""
    credential, neighbour = process(), process(disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])
    credential.get_token(SCOPE, enable_cae=True)
    neighbour.get_token(SCOPE)
    authority.reset_counters()
    credential.sign_out()
    assert credential.accounts() == ()
    for cae in (False, True):
        with pytest.raises(AuthenticationRequiredError):
            process(disable_automatic_authentication=True).get_token(SCOPE, enable_cae=cae)
    with pytest.raises(AuthenticationRequiredError):
        neighbour.get_token(OTHER)
    assert authority.requests == []
    credential.get_token(SCOPE)
    assert len(make.approver.prompts) == 2


def test_signing_one_of_several_out(process: Callable[..., Any], make: Any) -> None:
    """The one that is named goes; without a name, several are an error that lists them."""
    for person in (ADA, GRACE):
        make.person = person
        process(username=person).get_token(SCOPE)
    credential = process()
    with pytest.raises(ValueError, match=f"{ADA}, {GRACE}|{GRACE}, {ADA}"):
        credential.sign_out()
    ada = next(account for account in credential.accounts() if account.username == ADA)
    credential.sign_out(ada)
    assert [account.username for account in process().accounts()] == [GRACE]


def test_signing_out_of_an_empty_cache_does_nothing(process: Callable[..., Any]) -> None:
    """There is nobody to forget."""
    process().sign_out()


def test_a_signed_out_account_is_not_brought_back_by_a_refresh_under_way(
    process: Callable[..., Any], authority: Emulator
) -> None:
    """The reply of a refresh that was on its way is dropped."""
    credential, other = process(disable_automatic_authentication=True), process()
    credential.authenticate(scopes=[SCOPE])

    def while_it_is_refreshed(reply: dict[str, Any]) -> dict[str, Any]:
        other.sign_out()
        return reply

    authority.faults.queue("token:refresh_token", Edit(while_it_is_refreshed))
    with pytest.raises(AuthenticationRequiredError, match="signed out"):
        credential.get_token(OTHER)
    assert process().accounts() == ()


def test_a_store_that_takes_nothing_costs_a_warning_not_the_token(
    make: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: the token is returned, kept in memory with its refresh token, and one warning says so."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    credential = make(cache_persistence_options=TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=KEY))
    monkeypatch.setattr("os.fsync", full)
    assert credential.get_token(SCOPE).token
    assert credential.get_token(OTHER).token
    assert credential.get_token(SCOPE, enable_cae=True).token
    assert len(make.approver.prompts) == 1
    warned = [record.getMessage() for record in caplog.records if "in memory only" in record.getMessage()]
    assert len(warned) == 1
    assert "No space left on device" in warned[0]
    assert str(tmp_path) in warned[0]


def test_a_store_that_keeps_the_account_is_an_error_of_signing_out(
    process: Callable[..., Any], options: Callable[[], TokenCachePersistenceOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This object goes on without the account all the same; others still have it, and the program has to know."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    credential = process(disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])
    (account,) = cache.accounts(options())
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        patched.setattr("os.unlink", full)  # else the file of the only account is removed
        with pytest.raises(cache.StoreError, match="No space left on device"):
            credential.sign_out()
        with pytest.raises(cache.StoreError, match="No space left on device"):
            cache.sign_out(account, options())
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(SCOPE)
    assert process(disable_automatic_authentication=True).get_token(SCOPE).token


def test_a_wrong_key_is_an_error_before_anybody_is_asked(
    make: Any, options: Callable[[], TokenCachePersistenceOptions], tmp_path: Path, authority: Emulator
) -> None:
    """The sign-in under the right key stays as it is; prompting at every start would hide the mistake."""
    make(cache_persistence_options=options()).get_token(SCOPE)
    wrong = TokenCachePersistenceOptions(path=tmp_path / "cache", encryption_key=b"w" * 32)
    authority.reset_counters()
    for _ in range(2):
        with pytest.raises(errors.CacheUnavailableError, match="another encryption_key"):
            make(cache_persistence_options=wrong).get_token(SCOPE)
    assert make(cache_persistence_options=options()).get_token(SCOPE).token
    assert authority.requests == []
    assert len(make.approver.prompts) == 1


def no_key() -> bytes:
    """Fail as a program's function does that finds no key."""
    raise KeyError("SIGN_IN_KEY")


KEYS: dict[str, Callable[[], Any]] = {
    "raises": no_key,
    "returns None": lambda: None,
    "returns text": lambda: "k" * 32,
    "returns 5 bytes": lambda: b"short",
    "returns another key each time": lambda: os.urandom(32),
}
ASKING: dict[str, Callable[[Any], Any]] = {
    "get_token": lambda credential: credential.get_token(SCOPE),
    "authenticate": lambda credential: credential.authenticate(scopes=[SCOPE], force_prompt=True),
    "begin": lambda credential: credential.begin(scopes=[SCOPE]),
}


@pytest.mark.parametrize("method", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_that_cannot_be_used_is_an_error_before_anybody_is_asked(
    make: Any, tmp_path: Path, authority: Emulator, key: Callable[[], Any], method: Callable[[Any], Any]
) -> None:
    """With no cache yet, too: the sign-in could not be kept."""
    credential = make(cache_persistence_options=TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=key))
    for _ in range(2):
        with pytest.raises(errors.CacheUnavailableError, match="the encryption_key: "):
            method(credential)
    assert authority.requests == []
    assert not list(tmp_path.glob("c*"))


def test_a_key_that_cannot_be_used_spends_no_code(make: Any, tmp_path: Path, authority: Emulator) -> None:
    """A sign-in that another process began is not polled for, as its tokens could not be kept."""
    pending = make(prompt_callback=None).begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    keyless = TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=no_key)
    credential = make(cache_persistence_options=keyless)
    resumed = credential.resume(pending.serialize())
    with pytest.raises(errors.CacheUnavailableError):
        credential._done(resumed.wait()) if make.kind == "aio" else resumed.wait()
    assert authority.count("token:device_code") == 0


@pytest.fixture
def of_another_key(make: Any, options: Callable[[], TokenCachePersistenceOptions], tmp_path: Path) -> Any:
    """Give a credential of which only the CAE cache is there, under another key than its own."""
    make(cache_persistence_options=options()).get_token(SCOPE, enable_cae=True)
    make.approver.prompts.clear()
    wrong = TokenCachePersistenceOptions(path=tmp_path / "cache", encryption_key=b"w" * 32)
    return make(cache_persistence_options=wrong, use_cached_account=False)


@pytest.mark.parametrize("method", ASKING.values(), ids=ASKING)
def test_another_key_of_the_other_cache_is_an_error_before_anybody_is_asked(
    make: Any, of_another_key: Any, authority: Emulator, method: Callable[[Any], Any]
) -> None:
    """A sign-in is stored in both caches, so that one could not be kept whole."""
    authority.reset_counters()
    with pytest.raises(errors.CacheUnavailableError, match="another encryption_key"):
        method(of_another_key)
    assert (authority.requests, make.approver.prompts) == ([], [])


def test_another_key_of_the_other_cache_spends_no_code(make: Any, of_another_key: Any, authority: Emulator) -> None:
    """As above, in the process that finishes a sign-in."""
    pending = make(prompt_callback=None).begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    authority.reset_counters()
    resumed = of_another_key.resume(pending.serialize())
    with pytest.raises(errors.CacheUnavailableError, match="another encryption_key"):
        of_another_key._done(resumed.wait()) if make.kind == "aio" else resumed.wait()
    assert authority.count("token:device_code") == 0


def test_a_damaged_cache_under_ones_own_key_is_set_aside(
    make: Any, options: Callable[[], TokenCachePersistenceOptions], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage is no wrong key: it is kept beside the file, told once, and the user signs in."""
    make(cache_persistence_options=options()).get_token(SCOPE)
    file = tmp_path / "cache.nocae"
    file.write_bytes(file.read_bytes()[:-1])
    assert make(cache_persistence_options=options()).get_token(SCOPE).token
    assert len(make.approver.prompts) == 2
    assert len([record for record in caplog.records if "damaged" in record.getMessage()]) == 1


ODD: dict[str, dict[str, Any]] = {
    "Account": {"odd": {"home_account_id": "x.y", "environment": "e", "username": None}},
    "RefreshToken": {"odd": {"client_id": "other", "target": None}},
    "AccessToken": {"odd": {"client_id": "other", "secret": "s"}, "none": None},
    "Future": {},
}


def test_foreign_entries_disturb_nobody_and_survive(make: Any, tmp_path: Path, authority: Emulator) -> None:
    """Null fields, unknown sections and odd rows of other tools are ignored, and kept when we write."""
    place = tmp_path / "cache"
    plain: dict[str, Any] = {"path": place, "encryption_key": None, "allow_unencrypted_storage": True}
    credential = make(cache_persistence_options=TokenCachePersistenceOptions(**plain))
    credential.get_token(SCOPE)
    options = TokenCachePersistenceOptions(**plain)
    store = choose(options).store
    loaded = store.load()
    state = json.loads(loaded.data or b"{}")
    for section, rows in ODD.items():
        state.setdefault(section, {}).update(rows)
    store.save(json.dumps(state).encode(), loaded.stamp)
    authority.reset_counters()
    silent = make(cache_persistence_options=options, disable_automatic_authentication=True)
    assert silent.get_token(SCOPE).token
    assert authority.requests == []
    silent.get_token(OTHER)
    after = json.loads(store.load().data or b"{}")
    for section, rows in ODD.items():
        assert after[section].items() >= rows.items()


def test_a_pickled_credential_is_silent_in_its_new_process(make: Any, tmp_path: Path, authority: Emulator) -> None:
    """Record and options travel, tokens do not."""
    options = TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=read_key)
    record = make(cache_persistence_options=options).authenticate(scopes=[SCOPE])
    travelling = make.credential_class(
        **authority.credential_options,
        authentication_record=record,
        cache_persistence_options=options,
        disable_automatic_authentication=True,
    )
    data = pickle.dumps(travelling)
    assert b"emulated-refresh-token" not in data
    assert KEY not in data
    arrived = make(credential_class=lambda **_: pickle.loads(data))  # noqa: S301 - written a line above
    authority.reset_counters()
    assert arrived.get_token(SCOPE).token
    assert authority.requests == []


def read_key() -> bytes:
    """Return the key of the pickle test, as a program's own function would."""
    return KEY


def test_a_whole_cache_can_be_looked_at_and_cleared(
    process: Callable[..., Any], make: Any, options: Callable[[], TokenCachePersistenceOptions]
) -> None:
    """The module's functions see every application's accounts."""
    for person, client in (
        (ADA, "11111111-0000-4000-8000-000000000001"),
        (GRACE, "11111111-0000-4000-8000-000000000002"),
    ):
        make.person = person
        process(client_id=client, username=person).get_token(SCOPE)
    found = {account.username: account for account in cache.accounts(options())}
    assert set(found) == {ADA, GRACE}
    assert found[ADA].client_ids == ("11111111-0000-4000-8000-000000000001",)
    cache.sign_out(found[ADA], options(), client_id="another")
    assert len(cache.accounts(options())) == 2
    cache.sign_out(found[ADA], options())
    assert [account.username for account in cache.accounts(options())] == [GRACE]
    cache.clear(options())
    assert cache.accounts(options()) == ()
