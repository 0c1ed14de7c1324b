from __future__ import annotations

import pytest

from doorcode._core import clouds
from doorcode._core.clouds import AzureAuthorityHosts, KnownAuthorities, aliases, default_scope, different_clouds


def test_hosts() -> None:
    """The constants are azure-identity's."""
    assert AzureAuthorityHosts.AZURE_PUBLIC_CLOUD == "login.microsoftonline.com"
    assert AzureAuthorityHosts.AZURE_GOVERNMENT == "login.microsoftonline.us"
    assert KnownAuthorities.AZURE_CHINA == "login.chinacloudapi.cn"


@pytest.mark.parametrize("names", [AzureAuthorityHosts, KnownAuthorities])
def test_the_closed_cloud_warns(names: type[AzureAuthorityHosts]) -> None:
    """The constant of the German cloud still answers, with a warning."""
    with pytest.warns(DeprecationWarning, match="closed in October 2021"):
        assert names.AZURE_GERMANY == "login.microsoftonline.de"


def test_unknown_constants() -> None:
    """Other names are not there."""
    with pytest.raises(AttributeError, match="KnownAuthorities has no 'AZURE_MOON'"):
        _ = KnownAuthorities.AZURE_MOON


@pytest.mark.parametrize(
    ("host", "others"),
    [
        (
            "Login.Windows.net",
            {"login.microsoftonline.com", "login.microsoft.com", "sts.windows.net", "login.windows.net"},
        ),
        ("login.chinacloudapi.cn", {"login.chinacloudapi.cn", "login.partner.microsoftonline.cn"}),
        ("login.usgovcloudapi.net", {"login.usgovcloudapi.net", "login.microsoftonline.us"}),
        ("login.sovcloud-identity.fr", {"login.sovcloud-identity.fr"}),
        ("Contoso.example", {"contoso.example"}),
    ],
)
def test_aliases(host: str, others: set[str]) -> None:
    """A cloud's hosts are aliases of one another; any other host is alone."""
    assert aliases(host) == others


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("login.microsoftonline.com", "login.windows.net", False),
        ("login.microsoftonline.com", "LOGIN.microsoftonline.us", True),
        ("login.microsoftonline.com", "contoso.example", False),
        ("contoso.example", "fabrikam.example", False),
    ],
)
def test_different_clouds(one: str, other: str, expected: bool) -> None:  # noqa: FBT001
    """Two hosts are of different clouds only when both are known."""
    assert different_clouds(one, other) is expected


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("login.microsoftonline.com", "https://management.core.windows.net//.default"),
        ("login.windows.net", "https://management.core.windows.net//.default"),
        ("login.microsoftonline.us", "https://management.core.usgovcloudapi.net//.default"),
        ("login.partner.microsoftonline.cn", "https://management.core.chinacloudapi.cn//.default"),
        ("login.microsoftonline.de", None),
        ("127.0.0.1", None),
    ],
)
def test_default_scope(host: str, scope: str | None) -> None:
    """Each cloud has its own ARM; other authorities have none."""
    assert default_scope(host) == scope


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_default_scope_of_an_emulator(host: str) -> None:
    """A port of this machine stands for the public cloud; a host without one, or elsewhere, does not."""
    assert default_scope(host, 8443) == "https://management.core.windows.net//.default"
    assert default_scope(host) is None
    assert default_scope("login.example", 8443) is None
    assert default_scope("login.microsoftonline.us", 443) == "https://management.core.usgovcloudapi.net//.default"


def test_msal_knows_the_same_hosts() -> None:
    """MSAL's list of well-known hosts is ours."""
    from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS

    assert {host for host in WELL_KNOWN_AUTHORITY_HOSTS if clouds.is_known_cloud(host)} == WELL_KNOWN_AUTHORITY_HOSTS
