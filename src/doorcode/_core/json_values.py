"""Turn bytes or text from elsewhere into JSON values and numbers within bounds."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Final, cast

DEEPEST: Final = 32
"""Levels of nesting accepted in JSON: a reply of this protocol has at most four."""

LONGEST_SECONDS: Final = 10**9
"""The longest duration that is accepted, in seconds: later instants exceed the dates of some systems."""

_LONGEST_DIGITS: Final = 18
_LATEST: Final = 10**11
# Patterns that are text are compiled by their first use: a stored token needs none of them.
_BASE64: Final = r"[A-Za-z0-9+/_=-]+"
_CONTROL: Final = r"[\x00-\x08\x0A-\x1F\x7F-\x9F]"
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{0,18})?", re.ASCII)
_VSCHAR: Final = re.compile(r"[\x20-\x7E]+")


def json_object(body: bytes) -> dict[str, object]:
    """Decode a body as the JSON object that every reply of the protocol is (RFC 8259, RFC 6749 5.1).

    NaN, infinities and numbers of more than 18 digits come out as None; a byte order mark is skipped.

    Raises:
        ValueError: it is not a JSON object in UTF-8, or is nested too deeply; the message says which.
    """
    try:
        value: object = json.loads(
            body.decode("utf-8-sig"), parse_int=_integer, parse_float=_real, parse_constant=_nothing
        )
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except ValueError:
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    found = as_object(value)
    if found is None:
        raise ValueError(f"JSON, but {json_kind(value)} instead of an object")
    if not is_shallow(found):
        raise ValueError("JSON nested too deeply")
    return found


def decode_part(text: object) -> dict[str, object] | None:
    """Decode a base64url part of a JWT, or a ``client_info``, without any verification (RFC 7515 2).

    Returns:
        The JSON object in it; None if there is none, so that MSAL never fails when it decodes the same text.
    """
    if not isinstance(text, str) or not re.fullmatch(_BASE64, text):
        return None
    try:
        return decode_object(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except ValueError:
        return None


def decode_claims(id_token: object) -> dict[str, object] | None:
    """Return the claims of an ID token, whose signature is not checked; None if they cannot be read."""
    parts = id_token.split(".") if isinstance(id_token, str) else []
    return decode_part(parts[1]) if len(parts) > 1 else None


def decode_object(text: str) -> dict[str, object] | None:
    """Decode the text of a JSON object; return None if it is anything else, or is nested too deeply."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = as_object(value)
    return found if found is not None and is_shallow(found) else None


def as_object(value: object) -> dict[str, object] | None:
    """Return a value that is a JSON object; None for any other."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_array(value: object) -> list[object]:
    """Return a value that is a JSON array; an empty one for any other."""
    return cast("list[object]", value) if isinstance(value, list) else []


def is_shallow(value: object, levels: int = DEEPEST) -> bool:
    """Tell whether a JSON value is nested no deeper than ``levels``, so that no later step overflows."""
    inner = (*(as_object(value) or {}).values(), *as_array(value))
    return not inner or (
        levels > 0
        and all(item is None or isinstance(item, (str, int, float)) or is_shallow(item, levels - 1) for item in inner)
    )


def json_kind(value: object) -> str:
    """Name the kind of a JSON value for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    kinds: tuple[tuple[type, str], ...] = ((str, "a string"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a number")


def number(value: object) -> float | None:
    """Read a number that may have been written as text, as AAD v1 and ADFS do ("3600", "3600.0").

    Returns:
        A finite number; None for anything else, booleans included.
    """
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 10**_LONGEST_DIGITS else None


def duration(value: object) -> float | None:
    """Read a duration in seconds: from 0 to about 31 years; None when it cannot be read or is negative."""
    seconds = number(value)
    return None if seconds is None or seconds < 0 else min(seconds, float(LONGEST_SECONDS))


def instant(value: object) -> int | None:
    """Read an instant in whole Unix seconds, number or text; None when it cannot be one."""
    seconds = number(value)
    return None if seconds is None or not 0 <= seconds < _LATEST else int(seconds)


def word(value: object) -> str | None:
    """Return the value when it is a non-empty string without control or invisible characters, else None."""
    return value if isinstance(value, str) and value and value.isprintable() else None


def vschars(value: object) -> str | None:
    """Return the value when it is a string that a token may be (VSCHAR of RFC 6749 appendix A), else None."""
    return value if isinstance(value, str) and _VSCHAR.fullmatch(value) else None


def header_text(text: str) -> str:
    """Return the text as a header can carry it: Latin-1 in one line, with "?" for the rest (RFC 9110 5.5)."""
    latin = text.encode("latin-1", "replace").decode("latin-1")
    return re.sub(_CONTROL, "?", latin)


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_DIGITS else None


def _real(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _nothing(_constant: str) -> None:
    return None
