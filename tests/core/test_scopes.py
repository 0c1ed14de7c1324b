from __future__ import annotations

import pytest

from doorcode._core.scopes import answers, covers, default_among_others, meant, resource_of, wanted

GUID = "00000003-0000-0000-C000-000000000000"


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param(("b", "a", "b"), ("b", "a"), id="repeated, in order"),
        pytest.param(("openid", "a", "OFFLINE_access", "Profile"), ("a",), id="reserved ones in any case"),
        pytest.param(("openid",), (), id="only reserved ones"),
        pytest.param(("a", "A"), ("a", "A"), id="spelt twice"),
        pytest.param(("email",), ("email",), id="email is not added by MSAL"),
    ],
)
def test_wanted(scopes: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Reserved scopes and repetitions say nothing about what a token is for."""
    assert wanted(scopes) == expected


@pytest.mark.parametrize(
    ("scope", "resource"),
    [
        ("User.Read", None),
        ("user_impersonation", None),
        ("contoso/read", None),
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
        ("https://Vault.azure.net//.default", "https://vault.azure.net"),
        ("https://vault.azure.net", "https://vault.azure.net"),
        ("https://vault.azure.net/", "https://vault.azure.net"),
        ("https://contoso.com/app/one/read", "https://contoso.com/app/one"),
        ("api://app/read", "app"),
        ("api://app", "app"),
        (f"api://{GUID}/read", GUID.lower()),
        (f"{GUID}/.default", GUID.lower()),
        (GUID, None),
    ],
)
def test_resource_of(scope: str, resource: str | None) -> None:
    """A scope names a resource by a URI or an application's GUID before it."""
    assert resource_of(scope) == resource


@pytest.mark.parametrize(
    ("target", "scopes", "expected"),
    [
        pytest.param("User.Read openid", ("user.read",), True, id="other case"),
        pytest.param("a b", ("b", "a"), True, id="reordered"),
        pytest.param("a b", ("a",), True, id="a wider grant"),
        pytest.param("a", ("a", "b"), False, id="a narrower grant"),
        pytest.param("https://a/.default", ("https://a//.default",), False, id="another number of slashes"),
        pytest.param("user_impersonation", ("api://app/user_impersonation",), False, id="a short form, of whom?"),
        pytest.param("", ("a",), False, id="no target"),
    ],
)
def test_answers(target: str, scopes: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001
    """A stored token answers scopes when its target has each of them."""
    assert answers(target, scopes) is expected


@pytest.mark.parametrize(
    ("asked", "granted", "expected"),
    [
        pytest.param(("a",), None, True, id="no scope in the reply (RFC 6749 5.1)"),
        pytest.param(("user.read",), "User.Read openid profile", True, id="other case"),
        pytest.param(("api://app/user_impersonation",), "user_impersonation", True, id="short form"),
        pytest.param(("https://graph.microsoft.com/User.Read",), "User.Read", True, id="short form of Graph"),
        pytest.param(("User.Read",), "https://graph.microsoft.com/User.Read", True, id="long form"),
        pytest.param(("https://r/.default",), "https://r/read", True, id="default means whatever was consented to"),
        pytest.param(("https://r//.default",), "anything", True, id="default after two slashes"),
        pytest.param(("https://r/.default",), " ", False, id="default and nothing granted"),
        pytest.param(("openid", "a"), "a", True, id="reserved ones are not missed"),
        pytest.param(("a", "b"), "b a", True, id="reordered"),
        pytest.param(("a", "b"), "a", False, id="narrower"),
        pytest.param(("api://one/read",), "api://two/read", False, id="another resource"),
        pytest.param(("api://one/read",), "write", False, id="another short form"),
    ],
)
def test_covers(asked: tuple[str, ...], granted: str | None, expected: bool) -> None:  # noqa: FBT001
    """A reply gave what was asked when its scopes, however spelt, are those that were asked."""
    assert covers(asked, granted) is expected


@pytest.mark.parametrize(
    ("scope", "right"),
    [
        ("https://vault.azure.net", "https://vault.azure.net/.default"),
        ("https://vault.azure.net/", "https://vault.azure.net/.default"),
        ("https://vault.azure.net/default", "https://vault.azure.net/.default"),
        ("https://vault.azure.net/.Default", "https://vault.azure.net/.default"),
        ("vault.azure.net", "https://vault.azure.net/.default"),
        ("Vault.azure.net/.default", "https://Vault.azure.net/.default"),
        ("graph.microsoft.com/User.Read", "https://graph.microsoft.com/User.Read"),
        ("api://app", "api://app/.default"),
        (GUID, f"{GUID}/.default"),
        ("https://vault.azure.net/.default", None),
        ("https://graph.microsoft.com/User.Read", None),
        ("User.Read", None),
        ("Files.Read.All", None),
        ("contoso/read", None),
    ],
)
def test_meant(scope: str, right: str | None) -> None:
    """A scope without a permission or a scheme, or with a misspelt default, is written as it was meant."""
    assert meant(scope) == right


@pytest.mark.parametrize(
    ("scopes", "default"),
    [
        (("https://r/.default", "https://r/read"), "https://r/.default"),
        (("User.Read", "https://r/.Default"), "https://r/.Default"),
        (("https://r/.default", "openid"), None),
        (("https://r/.default", "https://r/.default"), None),
        (("User.Read", "Mail.Read"), None),
        ((), None),
    ],
)
def test_default_among_others(scopes: tuple[str, ...], default: str | None) -> None:
    """The default beside permissions is found, in any place; reserved scopes and repetitions are no others."""
    assert default_among_others(scopes) == default
