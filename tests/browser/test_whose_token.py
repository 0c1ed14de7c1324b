"""Whose token a credential that uses a browser hands out: ``login_hint``, and who brings the answer back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from doorcode import AuthenticationRequiredError, TokenCachePersistenceOptions
from doorcode.emulator import Emulator
from support.person import Person, query_of
from support.signing import ADA, GRACE, SCOPE

BROWSER, EITHER = "InteractiveBrowserCredential", "UserCredential"
SILENT: dict[str, Any] = {"disable_automatic_authentication": True}
THIRD = "https://third.example/.default"


@pytest.fixture
def process(make: Any, tmp_path: Path) -> Callable[..., Any]:
    """Give what makes a credential of a class as a new process would: one cache, nothing in memory."""

    def made(name: str = BROWSER, **options: Any) -> Any:
        cache = TokenCachePersistenceOptions(path=tmp_path / "cache", encryption_key=b"k" * 32)
        return make(name, cache_persistence_options=cache, **options)

    return made


@pytest.fixture
def sign_in(process: Callable[..., Any], authority: Emulator) -> Callable[..., Any]:
    """Give what signs a user in, in a process of their own."""

    def signed_in(user: str) -> Any:
        authority.approve_all(user)
        return process("DeviceCodeCredential", prompt_callback=lambda *_: None).authenticate(scopes=[SCOPE])

    return signed_in


def user_of(authority: Emulator, credential: Any, scope: str = SCOPE) -> Any:
    """Return whose token a credential hands out."""
    return authority.verify(credential.get_token(scope).token)["upn"]


@pytest.mark.parametrize("name", [BROWSER, EITHER])
def test_login_hint_chooses_among_the_accounts_in_the_cache(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator, person: Person, name: str
) -> None:
    """Whatever its case; and where only another account is there, the user is asked."""
    sign_in(ADA)
    with pytest.raises(AuthenticationRequiredError):
        process(name, login_hint=GRACE, **SILENT).get_token(SCOPE)
    sign_in(GRACE)
    for user in (ADA, GRACE):
        for hint in (user, user.upper()):
            assert user_of(authority, process(name, login_hint=hint, **SILENT)) == user
    assert person.urls == []


def test_a_user_may_choose_another_account_than_login_hint(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator, person: Person
) -> None:
    """It is a suggestion to the user, and that account is this credential's from then on."""
    sign_in(ADA)
    authority.approve_all(ADA)
    credential = process(login_hint=GRACE, prefer="browser", name=EITHER)
    assert user_of(authority, credential) == ADA
    assert user_of(authority, credential, THIRD) == ADA
    assert [query_of(url)["login_hint"] for url in person.urls] == [GRACE]


@pytest.mark.parametrize("hint", ["", " ", None])
def test_without_a_login_hint_the_only_account_is_used(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator, hint: str | None
) -> None:
    """An empty one is none."""
    sign_in(ADA)
    assert user_of(authority, process(login_hint=hint, **SILENT)) == ADA


def test_login_hint_opens_the_cache_to_nobody(
    process: Callable[..., Any], sign_in: Callable[..., Any], person: Person
) -> None:
    """A visitor who types another one's name into a server's page gets no token of theirs."""
    sign_in(ADA)
    elsewhere: list[dict[str, Any]] = [
        {"name": BROWSER, "paste": lambda _: ""},
        {"name": EITHER, "paste": lambda _: ""},
        {"name": EITHER, "prompt_callback": lambda *_: None},
        {"name": BROWSER, "use_cached_account": False},
    ]
    for options in elsewhere:
        for hint in (ADA, None):
            with pytest.raises(AuthenticationRequiredError):
                process(login_hint=hint, **options, **SILENT).get_token(SCOPE)


@pytest.mark.parametrize("options", [{"paste": True}, {"use_cached_account": True, "paste": lambda _: ""}])
def test_pasting_at_the_terminal_is_on_this_machine(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator, options: dict[str, Any]
) -> None:
    """So the only account is used, as it is where the program asked for it."""
    sign_in(ADA)
    for name in (BROWSER, EITHER):
        assert user_of(authority, process(name, **options, **SILENT)) == ADA


def test_visitors_who_paste_get_their_own_tokens(
    process: Callable[..., Any], authority: Emulator, person: Person
) -> None:
    """Each of several visitors of a server is asked, whoever is in the cache already."""
    for user in (ADA, GRACE, ADA):
        authority.approve_all(user)
        asked: list[str] = []

        def bring(request: Any, asked: list[str] = asked) -> str:
            asked.append(request.url)
            return f"{person.redirect_uri(request.url)}/?{urlencode(person.answer(request.url))}"

        assert user_of(authority, process(paste=bring)) == user
        assert len(asked) == 1


@pytest.mark.parametrize("name", [BROWSER, EITHER])
def test_login_hint_of_one_authenticate(
    process: Callable[..., Any], authority: Emulator, person: Person, name: str
) -> None:
    """A name that is not the record's asks the user, with that name on the page; the record's own name does not."""
    authority.approve_all(ADA)
    credential = process(name, **({"prefer": "browser"} if name == EITHER else {}))
    record = credential.authenticate(scopes=[SCOPE])
    assert credential.authenticate(scopes=[SCOPE], login_hint=ADA.upper()) == record
    assert len(person.urls) == 1
    authority.approve_all(GRACE)
    assert credential.authenticate(scopes=[SCOPE], login_hint=GRACE).username == GRACE
    assert query_of(person.urls[-1])["login_hint"] == GRACE
    assert user_of(authority, credential) == GRACE


def test_a_record_decides_before_login_hint(
    process: Callable[..., Any], sign_in: Callable[..., Any], authority: Emulator
) -> None:
    """A name of somebody else beside it is a warning."""
    record = sign_in(ADA)
    sign_in(GRACE)
    with pytest.warns(UserWarning, match=f"login_hint '{GRACE}' is not the record's account '{ADA}'"):
        credential = process(authentication_record=record, login_hint=GRACE, **SILENT)
    assert user_of(authority, credential) == ADA
