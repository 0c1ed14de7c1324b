"""The forms in which ``doorcode token`` prints a token."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorcode._cli.account_file import SignedIn

EXEC_API: Final = "client.authentication.k8s.io/"
EXEC_VERSIONS: Final = (f"{EXEC_API}v1", f"{EXEC_API}v1beta1")


class Issued(NamedTuple):
    """A token, and what it was asked for.

    Attributes:
        token: the token itself.
        token_type: how it is presented.
        expires_on: when it ends, in Unix seconds.
        refresh_on: when it should be refreshed, in Unix seconds, or None.
        scopes: what it was asked for.
        tenant_id: the tenant that it is for.
        account: whose it is.
    """

    token: str
    token_type: str
    expires_on: int
    refresh_on: int | None
    scopes: tuple[str, ...]
    tenant_id: str
    account: SignedIn

    def __repr__(self) -> str:
        return f"Issued(scopes={self.scopes!r}, expires_on={self.expires_on})"


def rendered(issued: Issued, form: str) -> str:
    """Return what to print.

    Raises:
        ValueError: kubectl asks for another version of the exec protocol than doorcode speaks.
    """
    return FORMATS[form](issued)


def exec_api_version() -> str:
    """Return the version of kubectl's exec protocol to answer in, from ``KUBERNETES_EXEC_INFO``.

    Raises:
        ValueError: it is none that doorcode speaks, or the variable is not what kubectl sets.
    """
    version = exec_info().get("apiVersion", EXEC_VERSIONS[0])
    if version not in EXEC_VERSIONS:
        message = f"kubectl asks for {version!r}, and doorcode speaks {' and '.join(EXEC_VERSIONS)}"
        raise ValueError(message)
    return str(version)


def exec_info() -> dict[str, Any]:
    """Return what kubectl tells its exec plugins; empty outside of kubectl.

    Raises:
        ValueError: the variable is not what kubectl sets.
    """
    message = "KUBERNETES_EXEC_INFO is no JSON object"
    try:
        info = json.loads(os.environ.get("KUBERNETES_EXEC_INFO") or "{}")
    except ValueError as error:
        raise ValueError(message) from error
    if not isinstance(info, dict):
        raise ValueError(message)  # noqa: TRY004 - a wrong value, as above
    return info


def _json(issued: Issued) -> str:
    record = issued.account.record
    content = {
        "token": issued.token,
        "token_type": issued.token_type,
        "expires_on": issued.expires_on,
        "refresh_on": issued.refresh_on,
        "scopes": list(issued.scopes),
        "tenant_id": issued.tenant_id,
        "username": record.username,
        "client_id": record.client_id,
    }
    return json.dumps(content, indent=2)


def _header(issued: Issued) -> str:
    return f"Authorization: {issued.token_type} {issued.token}"


def _az(issued: Issued) -> str:
    """Return what ``az account get-access-token`` prints; without a subscription, az names the tenant there."""
    from datetime import datetime

    local = datetime.fromtimestamp(issued.expires_on).astimezone()
    content = {
        "accessToken": issued.token,
        "expiresOn": f"{local:%Y-%m-%d %H:%M:%S.%f}",
        "expires_on": issued.expires_on,
        "subscription": issued.tenant_id,
        "tenant": issued.tenant_id,
        "tokenType": issued.token_type,
    }
    return json.dumps(content, indent=2)


def _exec_credential(issued: Issued) -> str:
    from datetime import datetime, timezone

    ends = datetime.fromtimestamp(issued.expires_on, timezone.utc)
    content = {
        "apiVersion": exec_api_version(),
        "kind": "ExecCredential",
        "status": {"expirationTimestamp": f"{ends:%Y-%m-%dT%H:%M:%SZ}", "token": issued.token},
    }
    return json.dumps(content)


FORMATS: Final[dict[str, Callable[[Issued], str]]] = {
    "raw": lambda issued: issued.token,
    "json": _json,
    "header": _header,
    "az": _az,
    "exec-credential": _exec_credential,
}
"""By the name that ``--format`` takes."""
