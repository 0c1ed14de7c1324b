"""Whose tokens a credential uses: what the program said, what it has come to use, and what the caches hold."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

import pytest

from doorcode import prompts
from doorcode._core.account_selection import (
    AccountInUse,
    AccountOptions,
    Ambiguous,
    authenticates_silently,
    contradiction,
    find_account,
    is_expected,
    prompts_here,
    usable,
)
from doorcode._core.checks import is_of
from doorcode._core.model import Who
from doorcode._core.msal_cache.changes import merge
from doorcode._core.msal_cache.lookup import Account
from doorcode._core.msal_cache.rows import State
from doorcode._core.replies.identity import Identity
from support.rows import ACCOUNT, CLIENT, HOST, TENANT, rows

NOW = 1_700_000_000
HOSTS = frozenset({HOST})
ADA = Account(ACCOUNT, "ada@contoso.example", HOST, (TENANT,), "uid")
BOB = Account("bob.utid", "bob@contoso.example", HOST, (TENANT,), "bob")
BOBS = rows(NOW, account=BOB.home_account_id, username=BOB.username)
SIGNED_IN = AccountInUse(signed_in="eve.utid")
FOUND = AccountInUse(found="eve.utid")
ASKS = AccountInUse(asks=True)
SIGNED_OUT = AccountInUse(signed_out=True)
NOBODY = AccountInUse()


def both(*states: Any) -> State:
    """Return the states merged into one."""
    merged: State = {}
    for state in states:
        merged = merge(merged, state)
    return merged


TWO = both(rows(NOW), BOBS)
SAME_NAME = both(rows(NOW), rows(NOW, account="bob.utid"))
HERE, ELSEWHERE = {"prompts_here": True}, {"prompts_here": False}
NAMED = {"name": ADA.username}
HINTED = {"login_hint": ADA.username}


def may_use(current: AccountInUse, **options: Any) -> Who:
    """Return whose tokens may be used."""
    return usable(AccountOptions(**options), current, CLIENT, HOSTS)


@pytest.mark.parametrize(
    ("options", "current", "account", "name", "adopts"),
    [
        pytest.param(HERE, NOBODY, None, None, True, id="a prompt here"),
        pytest.param(ELSEWHERE, NOBODY, None, None, False, id="a prompt of the program's own"),
        pytest.param({**ELSEWHERE, "use_cached_account": True}, NOBODY, None, None, True, id="its own, and asked for"),
        pytest.param({**HERE, "use_cached_account": False}, NOBODY, None, None, False, id="here, and declined"),
        pytest.param(HERE, ASKS, None, None, False, id="a code shown by the program"),
        pytest.param({"use_cached_account": True}, ASKS, None, None, True, id="a code, and asked for"),
        pytest.param(HERE, SIGNED_OUT, None, None, False, id="signed out"),
        pytest.param({"use_cached_account": True}, SIGNED_OUT, None, None, False, id="signed out, and asked for"),
        pytest.param(NAMED, SIGNED_OUT, None, ADA.username, True, id="signed out, and a name"),
        pytest.param({**ELSEWHERE, **NAMED}, NOBODY, None, ADA.username, False, id="a name"),
        pytest.param({**HERE, **HINTED}, NOBODY, None, ADA.username, True, id="a hint"),
        pytest.param({**ELSEWHERE, **HINTED}, NOBODY, None, None, False, id="a hint, and its own prompt"),
        pytest.param({**HERE, **HINTED}, ASKS, None, None, False, id="a hint, and a code"),
        pytest.param({**HERE, "use_cached_account": False, **HINTED}, NOBODY, None, None, False, id="a hint, declined"),
        pytest.param({**NAMED, "login_hint": "bob@x"}, NOBODY, None, ADA.username, True, id="a name before a hint"),
        pytest.param({**ELSEWHERE, **NAMED}, SIGNED_IN, "eve.utid", None, False, id="who signed in"),
        pytest.param({**HERE, **HINTED}, FOUND, "eve.utid", None, True, id="who was found"),
        pytest.param({}, AccountInUse("ada.utid", "eve.utid"), "ada.utid", None, True, id="a sign-in before a find"),
        pytest.param({}, AccountInUse(signed_in=""), "", None, True, id="a record without an identifier"),
    ],
)
def test_whose_tokens_may_be_used(
    options: dict[str, Any],
    current: AccountInUse,
    account: str | None,
    name: str | None,
    adopts: bool,  # noqa: FBT001
) -> None:
    """A sign-in counts most, then a name; the only account is taken where the prompt is here, or on request."""
    who = may_use(current, **options)
    assert (who.home_account_id, who.username, who.adopts) == (account, name, adopts)


@pytest.mark.parametrize(
    ("states", "who", "expected"),
    [
        pytest.param(({}, {}), {}, None, id="nobody"),
        pytest.param((rows(NOW), {}), {}, ADA, id="the only one"),
        pytest.param(({}, rows(NOW)), {}, ADA, id="the only one, in the other cache"),
        pytest.param((rows(NOW), rows(NOW)), {}, ADA, id="the same one in both"),
        pytest.param((rows(NOW), BOBS), {}, Ambiguous((ADA, BOB)), id="another one in the other cache"),
        pytest.param((rows(NOW), {}), {"adopts": False}, None, id="the only one, and not for this credential"),
        pytest.param((TWO,), {}, Ambiguous((ADA, BOB)), id="one of two"),
        pytest.param((TWO,), {"home_account_id": "bob.utid", "adopts": False}, BOB, id="by id"),
        pytest.param(({}, BOBS), {"home_account_id": "bob.utid"}, BOB, id="by id, in the other cache"),
        pytest.param((TWO,), {"home_account_id": "eve.utid"}, None, id="by another id"),
        pytest.param((rows(NOW),), {"home_account_id": ""}, None, id="by an empty id"),
        pytest.param((TWO,), {"username": "BOB@Contoso.Example", "adopts": False}, BOB, id="by name in other case"),
        pytest.param(
            (rows(NOW, username="Straße@x"),),
            {"username": "STRASSE@X"},
            Account(ACCOUNT, "Straße@x", HOST, (TENANT,), "uid"),
            id="ß",
        ),
        pytest.param((rows(NOW),), {"username": "eve@contoso.example"}, None, id="by an unknown name"),
        pytest.param(
            (SAME_NAME,),
            {"username": ADA.username},
            Ambiguous((ADA, Account("bob.utid", ADA.username, HOST, (TENANT,), "bob"))),
            id="two of a name",
        ),
        pytest.param(
            ({**rows(NOW), "Account": {}}, rows(NOW)), {"username": ADA.username}, ADA, id="a name in the other cache"
        ),
    ],
)
def test_the_account_to_use(states: tuple[State, ...], who: dict[str, Any], expected: object) -> None:
    """The id counts, the name only without one, and neither means the only account in both caches together."""
    assert find_account(Who(CLIENT, HOSTS, **who), *states) == expected


@pytest.mark.parametrize(
    ("options", "current", "expected"),
    [
        pytest.param({}, NOBODY, True, id="nobody is named"),
        pytest.param(HINTED, NOBODY, True, id="a hint is a suggestion"),
        pytest.param({"name": "BOB@contoso.example"}, NOBODY, True, id="the name"),
        pytest.param(NAMED, NOBODY, False, id="another name"),
        pytest.param(NAMED, AccountInUse("bob.utid"), True, id="who authenticate put in its place"),
        pytest.param({"home_account_id": "eve.utid", "name": BOB.username}, SIGNED_IN, False, id="another id"),
        pytest.param({"home_account_id": "bob.utid"}, AccountInUse("bob.utid"), True, id="the id"),
        pytest.param(NAMED, AccountInUse(found="bob.utid"), False, id="a find names nobody"),
    ],
)
def test_who_is_expected_to_sign_in(options: dict[str, Any], current: AccountInUse, expected: bool) -> None:  # noqa: FBT001
    """The account that the program named, by its id where that is known."""
    assert is_expected(AccountOptions(**options), current, Identity("bob.utid", TENANT, BOB.username)) is expected


@pytest.mark.parametrize(
    ("current", "force_prompt", "login_hint", "expected"),
    [
        (SIGNED_IN, False, None, True),
        (SIGNED_IN, True, None, False),
        (SIGNED_IN, False, "ADA@contoso.example ", True),
        (SIGNED_IN, False, "bob@contoso.example", False),
        (SIGNED_IN, False, "", True),
        (FOUND, False, None, False),
        (NOBODY, False, None, False),
    ],
)
def test_when_authenticate_asks_nobody(
    current: AccountInUse,
    force_prompt: bool,  # noqa: FBT001
    login_hint: str | None,
    expected: bool,  # noqa: FBT001
) -> None:
    """Where there is a record, nothing forces a prompt, and no other account is suggested."""
    found = authenticates_silently(current, ADA.username, force_prompt=force_prompt, login_hint=login_hint)
    assert found is expected


@pytest.mark.parametrize(
    ("options", "username", "expected"),
    [
        ({}, None, None),
        (NAMED, "ADA@contoso.example", None),
        ({"home_account_id": "x"}, "bob@x", None),
        ({"home_account_id": "x", **NAMED}, "bob@x", "username 'bob@x' is not the record's account 'ada@contoso"),
        ({"home_account_id": "x", **NAMED, "login_hint": "bob@x"}, None, "login_hint 'bob@x' is not the record's"),
        ({**NAMED, "login_hint": "bob@x"}, ADA.username, "login_hint 'bob@x' is not username 'ada@contoso"),
    ],
)
def test_two_names_are_pointed_out(options: dict[str, Any], username: str | None, expected: str | None) -> None:
    """The program means one of the two accounts."""
    said = contradiction(AccountOptions(**options), username)
    assert (said is None) if expected is None else (said is not None and said.startswith(expected))


def own(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show a code in a way of the program's own."""


@functools.wraps(prompts.stderr)
def wrapped(*arguments: Any) -> None:
    """Show a code, and more."""
    prompts.stderr(*arguments)


class Own:
    """A prompt that is an object."""

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code."""


Ready = type("Ready", (Own,), {"__module__": "doorcode.prompts._ready"})
"""A ready-made prompt that is an object, should there ever be one."""

PROMPTS: dict[str, tuple[object, bool]] = {
    "none": (None, True),
    "stderr": (prompts.stderr, True),
    "qr": (prompts.qr, True),
    "notebook": (prompts.notebook, True),
    "a partial of one": (functools.partial(prompts.stderr), True),
    "a partial of a partial": (functools.partial(functools.partial(prompts.qr)), True),
    "a partial with arguments": (functools.partial(prompts.stderr, "https://elsewhere.example"), False),
    "a partial with options": (functools.partial(prompts.stderr, user_code="A"), False),
    "an object of ours": (Ready(), True),
    "a subclass of ours": (type("Sub", (Ready,), {"__module__": __name__})(), False),
    "a function": (own, False),
    "a partial of a function": (functools.partial(own), False),
    "a lambda": (lambda *arguments: own(*arguments), False),  # noqa: PLW0108 - it is one
    "a wrapped one": (wrapped, False),
    "an object": (Own(), False),
    "a bound method": (Own().__call__, False),
    "a builtin": (print, False),
    "a namesake": (type("Odd", (Own,), {"__module__": "doorcode.prompts_of_mine"})(), False),
}


@pytest.mark.parametrize(("callback", "here"), PROMPTS.values(), ids=PROMPTS)
def test_which_prompts_appear_on_this_machine(callback: object, here: bool) -> None:  # noqa: FBT001
    """The default one and the ready-made ones do; one that a program had a hand in may appear anywhere."""
    assert prompts_here(callback) is here


def test_whose_function_it_is() -> None:
    """What functools.wraps copies does not count."""
    assert is_of(prompts.default, "doorcode")
    assert not is_of(wrapped, "doorcode")
    assert not is_of(None, "doorcode")
