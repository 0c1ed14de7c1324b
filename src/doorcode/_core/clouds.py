"""Know Microsoft's clouds: their authority hosts, the aliases of each, the scope of its ARM, its own application."""

from __future__ import annotations

import warnings
from typing import Final

from doorcode._core.uris import is_loopback

DEVELOPER_CLIENT_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The Azure CLI's own application, in every cloud; azure-identity also uses it when a program names none."""
_GERMANY: Final = "login.microsoftonline.de"


class _ClosedClouds(type):
    """Keep the constants of clouds that no longer exist readable, with a warning."""

    def __getattr__(cls, name: str) -> str:
        if name != "AZURE_GERMANY":
            raise AttributeError(f"{cls.__name__} has no {name!r}")
        warnings.warn(
            "AZURE_GERMANY is deprecated: that cloud was closed in October 2021",
            DeprecationWarning,
            stacklevel=2,
        )
        return _GERMANY


class AzureAuthorityHosts(metaclass=_ClosedClouds):
    """Name the authority host of each of Microsoft's clouds."""

    AZURE_CHINA = "login.chinacloudapi.cn"
    AZURE_GOVERNMENT = "login.microsoftonline.us"
    AZURE_PUBLIC_CLOUD = "login.microsoftonline.com"


class KnownAuthorities(AzureAuthorityHosts):
    """Name the same hosts as ``AzureAuthorityHosts``; older programs use this name."""


# A cloud's hosts share accounts and refresh tokens; instance discovery returns these hosts as aliases.
_CLOUDS: Final = (
    frozenset(
        {
            AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        }
    ),
    frozenset({AzureAuthorityHosts.AZURE_CHINA, "login.partner.microsoftonline.cn"}),
    frozenset({AzureAuthorityHosts.AZURE_GOVERNMENT, "login.usgovcloudapi.net"}),
    frozenset({"login-us.microsoftonline.com"}),
    frozenset({_GERMANY}),
    frozenset({"login.sovcloud-identity.fr"}),
    frozenset({"login.sovcloud-identity.de"}),
    frozenset({"login.sovcloud-identity.sg"}),
)

# The two slashes matter: the audience of these tokens ends with one.
_ARM_SCOPES: Final = {
    AzureAuthorityHosts.AZURE_PUBLIC_CLOUD: "https://management.core.windows.net//.default",
    AzureAuthorityHosts.AZURE_GOVERNMENT: "https://management.core.usgovcloudapi.net//.default",
    AzureAuthorityHosts.AZURE_CHINA: "https://management.core.chinacloudapi.cn//.default",
}


def aliases(host: str) -> frozenset[str]:
    """Return every host of the same cloud; for a host of no known cloud, that host alone in lower case."""
    name = host.lower()
    return next((cloud for cloud in _CLOUDS if name in cloud), frozenset({name}))


def is_known_cloud(host: str) -> bool:
    """Tell whether a host is an authority of one of Microsoft's clouds."""
    return any(host.lower() in cloud for cloud in _CLOUDS)


def different_clouds(one: str, other: str) -> bool:
    """Tell whether two hosts are of two different known clouds."""
    return is_known_cloud(one) and is_known_cloud(other) and aliases(one) != aliases(other)


def default_scope(host: str, port: int | None = None) -> str | None:
    """Return the scope that ``authenticate()`` requests by default: the cloud's ARM; None outside of known clouds.

    A loopback host with a port is an emulator, which stands for the public cloud, so that tests need no other code.
    """
    emulated = port is not None and is_loopback(host)
    cloud = aliases(AzureAuthorityHosts.AZURE_PUBLIC_CLOUD if emulated else host)
    return next((scope for name, scope in _ARM_SCOPES.items() if name in cloud), None)
