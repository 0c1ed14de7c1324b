from __future__ import annotations

import msal
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core.msal_cache.rows import StoredToken, access_token_key, id_token_key, stored_token
from doorcode._core.secret import Secret

NAMES = st.text("aB-.1 /", max_size=6)
KEYS = msal.TokenCache().key_makers


@settings(deadline=None)
@given(NAMES, NAMES, NAMES, NAMES, NAMES)
def test_keys_are_msals(home: str, environment: str, client: str, realm: str, target: str) -> None:
    """Rows are found, and found by MSAL, because both make the same keys."""
    row = {"home_account_id": home, "environment": environment, "client_id": client, "realm": realm, "target": target}
    assert access_token_key(home, environment, client, realm, target) == KEYS["AccessToken"](**row)
    assert id_token_key(home, environment, client, realm) == KEYS["IdToken"](**row)


@pytest.mark.parametrize(
    ("cached_at", "refresh_on", "now", "fresh", "valid"),
    [
        pytest.param(100, None, 100, True, True, id="new"),
        pytest.param(100, None, 699.9, True, True, id="just before five minutes before its end"),
        pytest.param(100, None, 700, False, True, id="five minutes before its end"),
        pytest.param(100, None, 999.9, False, True, id="just before its end"),
        pytest.param(100, None, 1000, False, False, id="at its end"),
        pytest.param(100, 300, 299.9, True, True, id="before refresh_on"),
        pytest.param(100, 300, 300, False, True, id="at refresh_on"),
        pytest.param(100, 900, 800, True, True, id="refresh_on within the last five minutes"),
        pytest.param(100, 2000, 1000, False, False, id="refresh_on after its end"),
        pytest.param(300, None, 180, True, True, id="stored by a clock that is ahead"),
        pytest.param(300, None, 179.9, False, True, id="stored in the future"),
    ],
)
def test_fresh_and_valid(cached_at: int, refresh_on: int | None, now: float, fresh: bool, valid: bool) -> None:  # noqa: FBT001
    """Fresh is before refresh_on, or five minutes before the end without one; valid is before the end."""
    token = StoredToken(Secret("at"), 1000, refresh_on, cached_at)
    assert (token.fresh(now), token.valid(now)) == (fresh, valid)


def test_what_a_row_need_not_have() -> None:
    """A token and its end are enough; text and numbers are instants."""
    assert stored_token({"secret": "s", "expires_on": "9"}) == StoredToken(Secret("s"), 9, None, 0, "Bearer")
    times = {"expires_on": 9, "refresh_on": "7", "cached_at": 5.0}
    full = {"secret": "s", **times, "token_type": "pop", "home_account_id": "uid.utid"}
    assert stored_token(full) == StoredToken(Secret("s"), 9, 7, 5, "pop", "uid.utid")


def test_a_stored_token_shows_no_secret() -> None:
    """Its repr has its times only."""
    assert "SECRET" not in repr(StoredToken(Secret("SECRET"), 1000))
