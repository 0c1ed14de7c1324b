from __future__ import annotations

import pytest

from doorcode._core import checks

S = "https://r/.default"
GUID = "00000003-0000-0000-c000-000000000000"


@pytest.mark.parametrize(
    "scopes",
    [
        pytest.param((S,), id="one"),
        pytest.param(("https://a//.default",), id="double slash"),
        pytest.param(("B", "a"), id="order and case"),
        pytest.param((S, S), id="repeated"),
        pytest.param(("openid", "offline_access", S), id="reserved"),
        pytest.param(("openid",), id="only reserved"),
        pytest.param(("User.Read", "https://graph.microsoft.com/Mail.Read"), id="short and explicit"),
        pytest.param(
            ("https://Graph.microsoft.com/A", "https://graph.microsoft.com//B"), id="one resource, spelt twice"
        ),
        pytest.param((f"api://{GUID}/x", f"{GUID}/y"), id="an application with and without api"),
        pytest.param(("~!#$%&'()*+,-./:;<=>?@[]^_`{|}",), id="every punctuation mark of a scope-token"),
    ],
)
def test_scopes_are_kept_byte_for_byte(scopes: tuple[str, ...]) -> None:
    """What may be a scope comes back as it was."""
    assert checks.check_scopes(scopes, "get_token") == scopes


@pytest.mark.parametrize(
    ("scopes", "error", "words"),
    [
        pytest.param((), ValueError, "'get_token' requires at least one scope", id="none"),
        pytest.param(([S],), TypeError, r"get_token\(\*scopes\)", id="list"),
        pytest.param(((S,),), TypeError, r"get_token\(\*scopes\)", id="tuple"),
        pytest.param(({S},), TypeError, r"get_token\(\*scopes\)", id="set"),
        pytest.param((frozenset({S}),), TypeError, r"get_token\(\*scopes\)", id="frozenset"),
        pytest.param((None,), TypeError, "not NoneType", id="None"),
        pytest.param((b"x",), TypeError, "not bytes", id="bytes"),
        pytest.param((S, 1), TypeError, "not int", id="a number after a scope"),
        pytest.param(tuple(S), ValueError, "taken apart.* star", id="an unpacked string"),
        pytest.param(tuple("a b"), ValueError, "taken apart.* star", id="an unpacked string with a space"),
        pytest.param(("",), ValueError, "empty scope", id="empty"),
        pytest.param((" \t",), ValueError, "empty scope", id="blank"),
        pytest.param(("https://a/x https://b/x",), ValueError, "two resources", id="two resources in one text"),
        pytest.param(
            ("User.Read a\\b",), ValueError, r"got 'a\\\\b', which cannot be a scope", id="one of several in a text"
        ),
        pytest.param(('a"b',), ValueError, r"cannot be a scope \(RFC 6749 3.3\)$", id="quote"),
        pytest.param(("a\\b",), ValueError, "cannot be a scope", id="backslash"),
        pytest.param(("a\nb",), ValueError, "cannot be a scope", id="newline"),
        pytest.param((S + "\n",), ValueError, "remove the tab or line end around it$", id="newline at the end"),
        pytest.param(("a\x1b[31m",), ValueError, r"'a\\x1b\[31m'", id="escape, shown escaped"),
        pytest.param(("lire·é",), ValueError, "cannot be a scope", id="not ASCII"),
        pytest.param(("é" * 500,), ValueError, "é…'", id="long, shown shortened"),
        pytest.param((S, "https://graph.microsoft.com/.default"), ValueError, "two resources", id="two hosts"),
        pytest.param((S, f"{GUID}/x"), ValueError, "two resources", id="a host and an application"),
        pytest.param(("api://a/x", "api://b/x"), ValueError, "two resources", id="two applications"),
        pytest.param(
            ("https://a", "https://b"), ValueError, "two resources, 'https://a' and 'https://b':", id="two bare hosts"
        ),
        pytest.param(("https://a/x", "b", "https://c/x", "https://d/x"), ValueError, "two resources", id="three hosts"),
    ],
)
def test_wrong_scopes(scopes: tuple[object, ...], error: type[Exception], words: str) -> None:
    """What cannot be a scope is refused, with what to do."""
    with pytest.raises(error, match=words):
        checks.check_scopes(scopes, "get_token")


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        pytest.param(("User.Read Mail.Read Mail.Send",), ("User.Read", "Mail.Read", "Mail.Send"), id="several"),
        pytest.param((f" {S}  ",), (S,), id="spaces around one"),
        pytest.param(("User.Read openid", "Mail.Read"), ("User.Read", "openid", "Mail.Read"), id="among others"),
    ],
)
def test_a_text_of_several_scopes(scopes: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Scopes in one text, with spaces between them as in a request, are taken one by one."""
    assert checks.check_scopes(scopes, "get_token") == found


def test_two_single_characters_are_scopes() -> None:
    """Only from three single characters on is it plain that a string was unpacked."""
    assert checks.check_scopes(("b", "a"), "get_token") == ("b", "a")


@pytest.mark.parametrize("tenant", ["contoso.onmicrosoft.com", "organizations", "adfs", "A-1.b", GUID])
def test_tenants(tenant: str) -> None:
    """Letters, digits, dots and dashes make a tenant."""
    assert checks.check_tenant(tenant) == tenant


@pytest.mark.parametrize("tenant", ["", " ", "a/b", "a b", "contoso\n", "é", "..", "-", "a?x", "a%2Fb", "١٢"])
def test_wrong_tenants(tenant: str) -> None:
    """Anything else is refused, and the message says where a tenant ID is found."""
    with pytest.raises(ValueError, match=r"tenant_id .* Overview"):
        checks.check_tenant(tenant)


def test_the_argument_of_a_wrong_tenant_is_named() -> None:
    """A tenant that came in another argument is blamed on that."""
    with pytest.raises(TypeError, match="the record's tenant must be a string, not int"):
        checks.check_tenant(3, "the record's tenant")


def test_client_ids() -> None:
    """Any printable text without spaces may be a client ID."""
    assert checks.check_client_id(GUID) == GUID


@pytest.mark.parametrize(
    ("client_id", "error"),
    [
        pytest.param("", ValueError, id="empty"),
        pytest.param("a b", ValueError, id="space"),
        pytest.param("a\n", ValueError, id="newline"),
        pytest.param("é", ValueError, id="not ASCII"),
        pytest.param(None, TypeError, id="None"),
    ],
)
def test_wrong_client_ids(client_id: object, error: type[Exception]) -> None:
    """Anything else is refused."""
    with pytest.raises(error, match="client_id"):
        checks.check_client_id(client_id)


def test_callbacks() -> None:
    """A callback is callable, or None."""
    assert checks.check_callback(print) is print
    assert checks.check_callback(None) is None
    with pytest.raises(TypeError, match=r"prompt_callback .*verification_uri, user_code, expires_on.* not str"):
        checks.check_callback("print")


@pytest.mark.parametrize(
    "uri",
    ["http://localhost:8400", "http://127.0.0.1:80/back", "http://[::1]:8400/", "https://app.contoso.com:8443/x?y=z"],
)
def test_redirect_uris(uri: str) -> None:
    """Http with a port on this machine, or https with a port, can be listened on."""
    assert checks.check_redirect_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "error", "words"),
    [
        pytest.param(8400, TypeError, "not int", id="number"),
        pytest.param("http://localhost", ValueError, "with a port", id="no port"),
        pytest.param("localhost:8400", ValueError, "with a port", id="no scheme"),
        pytest.param("http://localhost:0", ValueError, "with a port", id="port 0"),
        pytest.param("http://localhost:99999", ValueError, "with a port", id="no such port"),
        pytest.param("http://localhost:8400/#x", ValueError, "with a port", id="fragment"),
        pytest.param("http://contoso.com:8400", ValueError, "on localhost", id="http elsewhere"),
        pytest.param("ftp://localhost:8400", ValueError, "on localhost", id="another scheme"),
        pytest.param("http://localhost.contoso.com:8400", ValueError, "on localhost", id="only looks local"),
    ],
)
def test_wrong_redirect_uris(uri: object, error: type[Exception], words: str) -> None:
    """Anything else is refused."""
    with pytest.raises(error, match=words):
        checks.check_redirect_uri(uri)


@pytest.mark.parametrize("uri", ["https://foo", "https://foo:8400", "http://localhost", "http://foo:8400", "foo", ""])
def test_a_redirect_uri_that_cannot_be_listened_on(uri: str) -> None:
    """Whatever is wrong with it, the first message has the form that works."""
    with pytest.raises(ValueError, match="http://localhost:8400"):
        checks.check_loopback_uri(uri)


@pytest.mark.parametrize(("value", "flag"), [(True, True), (False, False), (None, False)])
def test_flags(value: object, flag: bool) -> None:  # noqa: FBT001
    """True, False and None are what a flag can be."""
    assert checks.check_flag("disable_instance_discovery", value) is flag


@pytest.mark.parametrize("value", ["false", 0, 1, []])
def test_wrong_flags(value: object) -> None:
    """Text and numbers are refused: "false" would count as true."""
    with pytest.raises(TypeError, match="disable_instance_discovery must be True or False"):
        checks.check_flag("disable_instance_discovery", value)
