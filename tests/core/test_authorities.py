from __future__ import annotations

import pytest

from doorcode._core.authorities import AuthorityAddress, combine, parse_authority

PUBLIC = AuthorityAddress("login.microsoftonline.com")


@pytest.mark.parametrize(
    ("text", "authority", "url"),
    [
        pytest.param("login.microsoftonline.com", PUBLIC, "https://login.microsoftonline.com/t", id="host"),
        pytest.param("  LOGIN.microsoftonline.COM/ ", PUBLIC, "https://login.microsoftonline.com/t", id="untidy"),
        pytest.param("https://login.microsoftonline.com//", PUBLIC, "https://login.microsoftonline.com/t", id="URL"),
        pytest.param("HTTPS://login.microsoftonline.com", PUBLIC, "https://login.microsoftonline.com/t", id="scheme"),
        pytest.param(
            "127.0.0.1:8443", AuthorityAddress("127.0.0.1", 8443), "https://127.0.0.1:8443/t", id="host and port"
        ),
        pytest.param("https://[::1]:8443", AuthorityAddress("::1", 8443), "https://[::1]:8443/t", id="IPv6"),
        pytest.param("[::1]", AuthorityAddress("::1"), "https://[::1]/t", id="IPv6 alone"),
        pytest.param("localhost", AuthorityAddress("localhost"), "https://localhost/t", id="one label"),
        pytest.param("my_adfs.local", AuthorityAddress("my_adfs.local"), "https://my_adfs.local/t", id="underscore"),
        pytest.param(
            "https://h/Contoso.com/", AuthorityAddress("h", tenant="Contoso.com"), "https://h/t", id="with a tenant"
        ),
        pytest.param(
            "h/contoso", AuthorityAddress("h", tenant="contoso"), "https://h/t", id="no scheme, with a tenant"
        ),
        pytest.param("https://h//contoso", AuthorityAddress("h", tenant="contoso"), "https://h/t", id="doubled slash"),
        pytest.param("https://h/adfs", AuthorityAddress("h", tenant="adfs"), "https://h/t", id="AD FS"),
        pytest.param("https://h/dstsv2", AuthorityAddress("h", prefix="/dstsv2"), "https://h/dstsv2/t", id="dSTS"),
        pytest.param(
            "h:1/DSTSv2/c", AuthorityAddress("h", 1, "/dstsv2", "c"), "https://h:1/dstsv2/t", id="dSTS with a tenant"
        ),
    ],
)
def test_parse_authority(text: str, authority: AuthorityAddress, url: str) -> None:
    """A host, a host with a port and an https URL are authorities, however untidily written."""
    assert parse_authority(text) == authority
    assert parse_authority(text).url("t") == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(" / ", "is empty", id="blank"),
        pytest.param("https://", "is empty", id="only a scheme"),
        pytest.param("http://h", "must use https, not 'http'", id="http"),
        pytest.param("ldap://h", "must use https, not 'ldap'", id="another scheme"),
        pytest.param("https://joe:secret@h", "may not have a user", id="user"),
        pytest.param("h?x=y", "may not have a query", id="query"),
        pytest.param("h/t#x", "may not have a fragment", id="fragment"),
        pytest.param("h:", "port", id="no port after the colon"),
        pytest.param("h:0", "port", id="port 0"),
        pytest.param("h:65536", "port", id="no such port"),
        pytest.param("h:x", "port", id="a port of letters"),
        pytest.param("https://[::1", "address", id="half an IPv6 address"),
        pytest.param("https://[fe80::1%25eth0]", "name of a host", id="an IPv6 address with a zone"),
        pytest.param("a b", "no URL may have", id="space"),
        pytest.param("h\x00", "no URL may have", id="NUL"),
        pytest.param("h\\x", "no URL may have", id="backslash"),
        pytest.param("höst", "name of a host", id="not ASCII"),
        pytest.param("-h", "name of a host", id="dash first"),
        pytest.param("h.", "name of a host", id="dot last"),
        pytest.param(":8443", "name of a host", id="only a port"),
        pytest.param("https://h/t/v2.0", "nothing but a tenant", id="an issuer"),
        pytest.param("https://h/dstsv2/t/x", "nothing but a tenant", id="more than dSTS has"),
        pytest.param("https://h/a%2Fb", "the tenant in authority", id="no tenant"),
    ],
)
def test_wrong_authorities(text: str, words: str) -> None:
    """Anything else is refused, and the message names the trouble."""
    with pytest.raises(ValueError, match=words):
        parse_authority(text)


@pytest.mark.parametrize("text", ["https://joe:secret@h", "http://joe:secret@h", "joe:secret@h/a/b?c"])
def test_a_password_is_not_repeated(text: str) -> None:
    """What may be a password in an authority is not in the message."""
    with pytest.raises(ValueError, match="authority") as caught:
        parse_authority(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, b"login.microsoftonline.com"])
def test_an_authority_is_text(value: object) -> None:
    """Anything but text is a TypeError."""
    with pytest.raises(TypeError, match="authority must be a string"):
        parse_authority(value)


def test_environment_has_no_port() -> None:
    """MSAL stores the host alone."""
    assert parse_authority("127.0.0.1:8443").environment == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "tenant_id", "expected"),
    [
        pytest.param("h", None, "organizations", id="default"),
        pytest.param("h", "t", "t", id="argument"),
        pytest.param("h/t", None, "t", id="path"),
        pytest.param("h/t", "T", "t", id="both the same"),
        pytest.param("contoso.ciamlogin.com", None, "contoso.onmicrosoft.com", id="external tenant"),
        pytest.param("contoso.ciamlogin.com/x", None, "x", id="external tenant, named"),
        pytest.param("contoso.ciamlogin.com", "y", "y", id="external tenant, argument"),
    ],
)
def test_combine(text: str, tenant_id: str | None, expected: str) -> None:
    """The tenant may stand in the path, in the argument, in both, or nowhere."""
    assert combine(parse_authority(text), tenant_id) == expected


def test_two_tenants_do_not_combine() -> None:
    """A path that names another tenant than the argument is refused."""
    with pytest.raises(ValueError, match="authority names tenant 't' but tenant_id is 'u'"):
        combine(parse_authority("h/t"), "u")


@pytest.mark.parametrize("end", ["/", " ", "/ ", " /", "\n", "/\n", " / /\t", "\r\n"])
@pytest.mark.parametrize("start", ["", " ", "\n"])
@pytest.mark.parametrize("scheme", ["", "https://"])
def test_what_stands_around_an_authority(scheme: str, start: str, end: str) -> None:
    """Spaces, slashes and line ends around it, as environment files leave them, are no part of it."""
    assert parse_authority(f"{start}{scheme}localhost{end}") == parse_authority("localhost")
    assert parse_authority(f"{start}{scheme}localhost:8443/a{end}") == parse_authority("localhost:8443/a")
