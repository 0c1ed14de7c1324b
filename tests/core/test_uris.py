from __future__ import annotations

import pytest

from doorcode._core.uris import is_https, is_loopback, is_presentable


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.255", "::1"])
def test_loopback(host: str) -> None:
    """These hosts are this machine (RFC 8252 7.3)."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "localhost.contoso.com", "127.0.0.1.nip.io", "127.1", "1127.0.0.1", "128.0.0.1", "0.0.0.0", "::2"],  # noqa: S104
)
def test_not_loopback(host: str) -> None:
    """These hosts may be anywhere."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("uri", "https", "presentable"),
    [
        ("https://microsoft.com/devicelogin", True, True),
        ("HTTPS://microsoft.com/devicelogin", True, True),
        ("https://localhost:8443/x?y=z#w", True, True),
        ("https://[::1]:8443/", True, True),
        ("http://localhost:8080/device", False, True),
        ("http://127.0.0.1/", False, True),
        ("http://[::1]/", False, True),
        ("http://contoso.com/", False, False),
        ("ftp://localhost/", False, False),
        ("javascript:alert(1)", False, False),
        ("//contoso.com/", False, False),
        ("/device", False, False),
        ("https:///device", False, False),
        ("https://user@contoso.com/", False, False),
        ("https://microsoft.com\\@evil.example/", False, False),
        ("https://contoso.com:0/", False, False),
        ("https://contoso.com:65536/", False, False),
        ("https://contoso.com:x/", False, False),
        ("https://[::1/", False, False),
        ("https://contoso.com/a b", False, False),
        ("https://contoso.com/\x1b[31m", False, False),
        ("https://contoso.com/\n", False, False),
        ("https://contosó.com/", False, False),
        ('https://contoso.com/"', False, False),
        ("https://contoso.com/" + "x" * 4076, True, True),
        ("https://contoso.com/" + "x" * 4077, False, False),
        ("", False, False),
        (None, False, False),
        (7, False, False),
    ],
)
def test_uris(uri: object, https: bool, presentable: bool) -> None:  # noqa: FBT001
    """Endpoints are https; a user is sent to https, or to this machine."""
    assert (is_https(uri), is_presentable(uri)) == (https, presentable)
