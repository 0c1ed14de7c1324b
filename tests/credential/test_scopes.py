"""Scopes: byte for byte to the authority, and the shapes that people pass by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from doorcode.emulator import Emulator
from support.signing import changed

PASSED = {
    "two slashes": ("https://a.example//.default",),
    "capitals": ("https://A.example/User.Read",),
    "a short name": ("User.Read",),
    "two of one resource, in their order": ("https://a.example/b", "https://a.example/a"),
    "api": ("api://app/user_impersonation",),
    "an odd one": ("https://a.example/x!y~z",),
}


@pytest.mark.parametrize("scopes", PASSED.values(), ids=PASSED)
def test_scopes_go_out_as_they_are(make: Any, authority: Emulator, scopes: tuple[str, ...]) -> None:
    """Nothing is trimmed, lowered or reordered; MSAL's own three are added."""
    make().get_token(*scopes)
    sent = authority.requests_to("devicecode")[0].form["scope"].split()
    assert [scope for scope in sent if scope in scopes] == list(scopes) or set(scopes) <= set(sent)
    assert set(sent) - set(scopes) == {"openid", "profile", "offline_access"}


def test_scopes_in_one_string(make: Any, authority: Emulator) -> None:
    """A string of several scopes, as Microsoft's examples for Graph pass it, is the same as each one alone."""
    credential = make()
    token = credential.get_token("Mail.Read User.Read").token
    sent = authority.requests_to("devicecode")[0].form["scope"].split()
    assert sorted(sent) == ["Mail.Read", "User.Read", "offline_access", "openid", "profile"]
    authority.reset_counters()
    assert credential.get_token("Mail.Read User.Read").token == token
    assert credential.get_token_info("Mail.Read", "User.Read").token == token
    assert authority.requests == []


def test_one_slash_and_two_are_two_tokens(make: Any, authority: Emulator) -> None:
    """``//.default`` is meaningful: another token than ``/.default``."""
    credential = make()
    one = credential.get_token("https://a.example/.default")
    two = credential.get_token("https://a.example//.default")
    assert (authority.verify(one.token)["aud"], authority.verify(two.token)["aud"]) == (
        "https://a.example",
        "https://a.example/",
    )


def test_reserved_scopes_are_tolerated(make: Any, authority: Emulator) -> None:
    """openid, profile and offline_access may be asked, once or twice, and are not part of the key."""
    credential = make()
    credential.get_token("https://a.example/x", "offline_access", "openid", "profile")
    sent = authority.requests_to("devicecode")[0].form["scope"].split()
    assert sorted(sent) == sorted({*sent})
    authority.reset_counters()
    credential.get_token("https://a.example/x")
    assert authority.requests == []


SPELT = {
    "in other case": (("user.read",), "User.Read openid profile"),
    "in the short form": (("api://app/user_impersonation",), "user_impersonation"),
    "not at all": (("https://a.example/x",), None),
    "reordered": (("https://a.example/x", "https://a.example/y"), "https://a.example/y https://a.example/x"),
    "as consented permissions": (("https://a.example/.default",), "https://a.example/Read https://a.example/Write"),
}


@pytest.mark.parametrize(("scopes", "granted"), SPELT.values(), ids=SPELT)
def test_a_grant_spelt_otherwise_answers_what_was_asked(
    make: Any, authority: Emulator, scopes: tuple[str, ...], granted: str | None
) -> None:
    """However the authority spells what it granted, the next calls are silent, memory or not."""
    import msal

    authority.faults.always("token", changed(scope=granted))
    cache = msal.TokenCache()
    make(_cache=cache).get_token(*scopes)
    authority.reset_counters()
    second = make(_cache=cache)
    for _ in range(3):
        second.get_token(*scopes)
    second.get_token(*reversed(scopes))
    assert authority.requests == []


def test_a_narrower_grant_answers_no_wider_request(make: Any, authority: Emulator) -> None:
    """A token for one scope is not returned for two."""
    credential = make()
    credential.get_token("https://a.example/a")
    credential.get_token("https://a.example/a", "https://a.example/b")
    assert authority.count("token:refresh_token") == 1


REFUSED: dict[str, tuple[tuple[Any, ...], type[Exception], str]] = {
    "a list": ((["https://a.example/.default"],), TypeError, r"write get_token\(\*scopes\)"),
    "a tuple": ((("https://a.example/.default",),), TypeError, r"write get_token\(\*scopes\)"),
    "a string that was unpacked": (tuple("https://a.example"), ValueError, "without a star"),
    "empty": (("",), ValueError, "empty scope"),
    "blank": ((" ",), ValueError, "empty scope"),
    "two resources in one string": (("https://a.example/x https://b.example/y",), ValueError, "two resources"),
    "a quote": (('a"b',), ValueError, "cannot be a scope"),
    "a line break": (("a\nb",), ValueError, "cannot be a scope"),
    "None": ((None,), TypeError, "scopes as strings, not NoneType"),
    "bytes": ((b"a",), TypeError, "scopes as strings, not bytes"),
    "a dict": (({},), TypeError, "scopes as strings, not dict"),
    "two resources": (("https://a.example/x", "https://b.example/y"), ValueError, "two resources"),
}


@pytest.mark.parametrize(("scopes", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_a_shape_that_cannot_be_right(
    make: Any, authority: Emulator, scopes: tuple[Any, ...], kind: type[Exception], words: str
) -> None:
    """Each mistake has an error that says what to write, before anybody is asked."""
    credential = make()
    with pytest.raises(kind, match=words):
        credential.get_token(*scopes)
    with pytest.raises(kind):
        credential.get_token_info(*scopes)
    assert authority.requests == []


@pytest.mark.parametrize("name", ["scopes", "scope", "resource"])
def test_scopes_by_name(make: Any, name: str) -> None:
    """``get_token(scopes=[...])``, as MSAL takes it, has no scope; the error says how to pass one."""
    words = rf"^'get_token' requires at least one scope: pass it without {name}=, as in get_token\(scope\)$"
    with pytest.raises(ValueError, match=words):
        make().get_token(**{name: ["https://a.example/.default"]})
