from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core.replies.identity import Identity, account_named, identify, is_other_account


def part(**fields: object) -> str:
    """Return fields as a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


INFO = part(uid="u", utid="h")
FULL = {
    "sub": "s",
    "tid": "t",
    "iss": "https://login.microsoftonline.com/i/v2.0",
    "preferred_username": "joe@contoso.com",
    "upn": "upn@contoso.com",
    "email": "mail@contoso.com",
    "unique_name": "unique@contoso.com",
}


def without(*names: str, **changed: object) -> dict[str, object]:
    """Return the full one without some fields, and with others changed."""
    return {**{name: value for name, value in FULL.items() if name not in names}, **changed}


@pytest.mark.parametrize(
    ("claims", "client_info", "asked", "expected"),
    [
        pytest.param(FULL, INFO, "a", Identity("u.h", "t", "joe@contoso.com"), id="Entra"),
        pytest.param(FULL, None, "a", Identity("s", "t", "joe@contoso.com"), id="no client_info: sub"),
        pytest.param(FULL, part(uid="u"), "a", Identity("s", "t", "joe@contoso.com"), id="half a client_info"),
        pytest.param(FULL, part(uid=1, utid="h"), "a", Identity("s", "t", "joe@contoso.com"), id="uid a number"),
        pytest.param(FULL, part(uid="", utid="h"), "a", Identity("s", "t", "joe@contoso.com"), id="uid empty"),
        pytest.param(FULL, "%%%", "a", Identity("s", "t", "joe@contoso.com"), id="client_info no base64"),
        pytest.param(None, INFO, "a", Identity("u.h", "a", ""), id="no ID token"),
        pytest.param("x", INFO, "a", Identity("u.h", "a", ""), id="claims of a wrong type"),
        pytest.param(without("tid"), INFO, "a", Identity("u.h", "i", "joe@contoso.com"), id="tenant of iss"),
        pytest.param(without(tid=3), INFO, "a", Identity("u.h", "i", "joe@contoso.com"), id="tid a number"),
        pytest.param(without(tid="t/x"), INFO, "a", Identity("u.h", "i", "joe@contoso.com"), id="tid no tenant"),
        pytest.param(
            without("tid", iss="https://sts.windows.net/i/"),
            INFO,
            "a",
            Identity("u.h", "i", "joe@contoso.com"),
            id="v1",
        ),
        pytest.param(
            without("tid", iss="https://h/dstsv2/i/v2.0"), INFO, "a", Identity("u.h", "i", "joe@contoso.com"), id="dSTS"
        ),
        pytest.param(without("tid", iss="https://h"), INFO, "a", Identity("u.h", "a", "joe@contoso.com"), id="no path"),
        pytest.param(
            without("tid", iss="https://h/%"), INFO, "a", Identity("u.h", "a", "joe@contoso.com"), id="no name"
        ),
        pytest.param(without("tid", iss="//[/x"), INFO, "a", Identity("u.h", "a", "joe@contoso.com"), id="iss no URL"),
        pytest.param(without("tid", iss=7), INFO, "a", Identity("u.h", "a", "joe@contoso.com"), id="iss a number"),
        pytest.param(without("tid", "iss"), INFO, "a", Identity("u.h", "a", "joe@contoso.com"), id="tenant asked"),
        pytest.param(
            {"sub": "s", "upn": "upn@c", "iss": "https://adfs.c/adfs"},
            None,
            "x",
            Identity("s", "adfs", "upn@c"),
            id="AD FS",
        ),
        pytest.param(
            {"sub": "s", "upn": "u@c", "iss": "https://h/other"},
            None,
            "ADFS",
            Identity("s", "adfs", "u@c"),
            id="AD FS asked",
        ),
        pytest.param(without("preferred_username"), INFO, "a", Identity("u.h", "t", "upn@contoso.com"), id="upn"),
        pytest.param(
            without("preferred_username", "upn"), INFO, "a", Identity("u.h", "t", "mail@contoso.com"), id="email"
        ),
        pytest.param(
            without("preferred_username", "upn", "email"),
            INFO,
            "a",
            Identity("u.h", "t", "unique@contoso.com"),
            id="v1 name",
        ),
        pytest.param(
            without("upn", "email", "unique_name", preferred_username=["x"]),
            INFO,
            "a",
            Identity("u.h", "t", ""),
            id="none",
        ),
        pytest.param(
            without(preferred_username="a\x1b[31m\nb"),
            INFO,
            "a",
            Identity("u.h", "t", "a\x1b[31m\nb"),
            id="escape sequences, which are taken out where the name is shown",
        ),
        pytest.param({}, None, "a", None, id="no account"),
        pytest.param({"sub": 3}, None, "a", None, id="sub a number"),
        pytest.param({"sub": "a\nb"}, None, "a", None, id="sub with a control character"),
        pytest.param(without("sub"), part(utid="h"), "a", None, id="a username is no account"),
    ],
)
def test_identify(claims: object, client_info: object, asked: str, expected: Identity | None) -> None:
    """The record's fields come from client_info and the ID token, each from the first place that has it."""
    assert identify({"id_token_claims": claims, "client_info": client_info}, asked) == expected


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(FULL)), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["id_token_claims", "client_info", "access_token"]), ANYTHING))
def test_any_result_can_be_read(result: dict[str, object]) -> None:
    """Wrong types anywhere never raise."""
    found = identify(result, "asked")
    assert found is None or all(isinstance(x, str) for x in (found.home_account_id, found.tenant_id, found.username))


@pytest.mark.parametrize(
    ("reply", "named", "is_other"),
    [
        pytest.param({"client_info": part(uid="U", utid="t")}, "U.t", False, id="in another case"),
        pytest.param({"client_info": part(uid="v", utid="t")}, "v.t", True, id="another account"),
        pytest.param(
            {"client_info": part(uid="v", utid="t"), "id_token_claims": {"sub": "u.t"}}, "v.t", False, id="sub"
        ),
        pytest.param({"client_info": "%", "id_token": f"a.{part(sub='s')}.b"}, "s", False, id="the ID token alone"),
        pytest.param({"id_token": "a"}, None, False, id="a broken ID token"),
        pytest.param({"id_token": 5, "id_token_claims": 5}, None, False, id="wrong types"),
        pytest.param({}, None, False, id="nothing"),
    ],
)
def test_the_account_of_a_refresh(reply: dict[str, object], named: str | None, is_other: object) -> None:
    """A reply to a refresh for ``u.t`` is refused only if client_info names another account."""
    assert account_named(reply) == named
    assert is_other_account(reply, "u.t") is is_other
