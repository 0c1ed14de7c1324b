"""AuthenticationRecord: an account that signed in, in azure-identity's format, without any secret."""

from __future__ import annotations

import json
from typing import Final

from doorcode._core.display import LONGEST_NAME, one_line, safe_repr

VERSION: Final = "1.0"
SUPPORTED_VERSIONS: Final = {VERSION}
_SAME_MAJOR: Final = "1."
_FIELDS: Final = ("authority", "clientId", "homeAccountId", "tenantId")


class AuthenticationRecord:
    """Name an account that has signed in, so that a later process finds its tokens again.

    A record holds no secret, so a program can keep it in a file, a database or a cookie. ``authenticate`` returns one.

    Args:
        tenant_id: the tenant that the account signed in to.
        client_id: the application that the account signed in to.
        authority: the authority's host, or host:port.
        home_account_id: the account's identifier, by which its tokens are found.
        username: the account's name, for display; control and invisible characters are removed.

    Raises:
        TypeError: an argument is not text.
    """

    def __init__(self, tenant_id: str, client_id: str, authority: str, home_account_id: str, username: str) -> None:
        self._tenant_id = _text("tenant_id", tenant_id)
        self._client_id = _text("client_id", client_id)
        self._authority = _text("authority", authority)
        self._home_account_id = _text("home_account_id", home_account_id)
        self._username = one_line(_text("username", username), LONGEST_NAME)

    @property
    def authority(self) -> str:
        """Return the authority's host, or host:port."""
        return self._authority

    @property
    def client_id(self) -> str:
        """Return the application's client ID."""
        return self._client_id

    @property
    def home_account_id(self) -> str:
        """Return the identifier of the account."""
        return self._home_account_id

    @property
    def tenant_id(self) -> str:
        """Return the tenant that the account signed in to."""
        return self._tenant_id

    @property
    def username(self) -> str:
        """Return the account's name, for display."""
        return self._username

    @classmethod
    def deserialize(cls, data: str) -> AuthenticationRecord:
        """Read a record that ``serialize`` wrote, in doorcode or in azure-identity for any language.

        azure-identity for Java and .NET writes no version, and no user name or null if it knows none.

        Args:
            data: the JSON text.

        Raises:
            ValueError: the text is not JSON, has another version, lacks a key, or has a value of a wrong type; the
                message says which.
        """
        fields = _parse(data)
        _check_version(fields)
        values = {name: _field(fields, name) for name in _FIELDS}
        return cls(
            tenant_id=values["tenantId"],
            client_id=values["clientId"],
            authority=values["authority"],
            home_account_id=values["homeAccountId"],
            username=_username(fields),
        )

    def serialize(self) -> str:
        """Return the record as JSON text, in the format that azure-identity reads too."""
        return json.dumps(
            {
                "authority": self._authority,
                "clientId": self._client_id,
                "homeAccountId": self._home_account_id,
                "tenantId": self._tenant_id,
                "username": self._username,
                "version": VERSION,
            }
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AuthenticationRecord) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash(self.serialize())

    @safe_repr
    def __repr__(self) -> str:
        return (
            f"AuthenticationRecord(tenant_id={self._tenant_id!r}, client_id={self._client_id!r}, "
            f"authority={self._authority!r}, home_account_id={self._home_account_id!r}, username={self._username!r})"
        )


def as_record(value: object) -> AuthenticationRecord:
    """Return the record that a program passed, converted if it is azure-identity's.

    Raises:
        TypeError: the value is not a record; for text, the message points to ``deserialize``.
    """
    if isinstance(value, AuthenticationRecord):
        return value
    from doorcode._core.object_checks import refuse_class  # a record of this class needs none

    returned = "pass what authenticate() or AuthenticationRecord.deserialize(text) returned"
    refuse_class("authentication_record", value, returned)
    if isinstance(value, (str, bytes, dict)):
        message = "authentication_record must be an AuthenticationRecord: read stored text with .deserialize(text)"
        raise TypeError(message)
    try:
        return AuthenticationRecord(
            tenant_id=value.tenant_id,  # type: ignore[attr-defined]
            client_id=value.client_id,  # type: ignore[attr-defined]
            authority=value.authority,  # type: ignore[attr-defined]
            home_account_id=value.home_account_id,  # type: ignore[attr-defined]
            username=value.username,  # type: ignore[attr-defined]
        )
    except AttributeError:
        message = f"authentication_record must be an AuthenticationRecord, not {type(value).__name__}"
        raise TypeError(message) from None


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        message = f"{name} of an AuthenticationRecord must be text, not {type(value).__name__}"
        raise TypeError(message)
    return value


def _parse(data: str) -> dict[str, object]:
    try:
        fields = json.loads(data[1:] if data[:1] == "\ufeff" else data)  # editors on Windows write a byte order mark
    except (ValueError, TypeError, RecursionError):
        message = "This is not an AuthenticationRecord: it is not JSON. Pass what serialize() returned."
        raise ValueError(message) from None
    if not isinstance(fields, dict):
        message = "This is not an AuthenticationRecord: it is JSON, but not an object."
        raise ValueError(message)  # noqa: TRY004 - a ValueError is what the contract promises for bad text
    return fields


def _check_version(fields: dict[str, object]) -> None:
    """Check that the fields are those of version 1.0.

    Raises:
        ValueError: the record has another version, or no version and the fields of another library.
    """
    version = fields.get("version")
    if version is not None:
        version = _field(fields, "version")
    if version == VERSION:
        return
    same_major = version.startswith(_SAME_MAJOR) if version is not None else "version" not in fields
    if not (same_major and _names_an_authority(fields)):
        message = (
            f'Unexpected version "{version}" of an AuthenticationRecord: this package reads these versions: '
            f"{SUPPORTED_VERSIONS}."
        )
        raise ValueError(message)


def _names_an_authority(fields: dict[str, object]) -> bool:
    """Tell whether the authority is valid: a host or an https URL."""
    from doorcode._core.authorities import parse_authority

    try:
        parse_authority(_field(fields, "authority"))
    except ValueError:
        return False
    return True


def _username(fields: dict[str, object]) -> str:
    """Return the user name; "" for null or no value, which Java and .NET write if the authority named none."""
    unnamed = fields.get("username", fields.get("version")) is None
    return "" if unnamed else _field(fields, "username")


def _field(fields: dict[str, object], name: str) -> str:
    if name not in fields:
        message = f'This AuthenticationRecord lacks "{name}".'
        raise ValueError(message)
    value = fields[name]
    if not isinstance(value, str):
        message = f'"{name}" of this AuthenticationRecord is not text.'
        raise ValueError(message)  # noqa: TRY004 - as above
    return value
