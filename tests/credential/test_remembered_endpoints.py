"""What one process found out about an authority's endpoints, a later one with the same cache need not ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msal
import pytest

from doorcode import TokenCachePersistenceOptions
from doorcode._core.msal_cache.metadata import METADATA, REMEMBERED_FOR
from doorcode.emulator import Emulator
from support.signing import OTHER, SCOPE, changed

KEY = bytes(32)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """Return the path of a plain cache that is there already, and so is used."""
    path = tmp_path / "tokens.nocae"
    path.write_text("{}")
    return path


@pytest.fixture(name="plain")
def _plain(path: Path) -> dict[str, Any]:
    """Return the option that uses it."""
    options = TokenCachePersistenceOptions(path=path.with_suffix(""), allow_unencrypted_storage=True)
    return {"cache_persistence_options": options}


def asked(authority: Emulator) -> list[str]:
    """Return the names of the requests that came, and forget them."""
    names = [request.endpoint for request in authority.requests]
    authority.reset_counters()
    return names


def test_a_later_process_asks_for_the_token_alone(make: Any, authority: Emulator, tmp_path: Path) -> None:
    """It refreshes with one request, and signs in without discovery too."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=KEY)
    make(cache_persistence_options=options).get_token(SCOPE)
    assert asked(authority) == ["discovery", "devicecode", "token:device_code"]
    assert make(cache_persistence_options=options).get_token(OTHER).token
    assert asked(authority) == ["token:refresh_token"]
    assert make(cache_persistence_options=options).authenticate(scopes=[SCOPE])
    assert asked(authority) == ["devicecode", "token:device_code"]


def test_with_cae_too(make: Any, authority: Emulator, tmp_path: Path) -> None:
    """Whichever of the two caches tokens went to, both serve."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=KEY)
    make(cache_persistence_options=options).get_token(SCOPE, enable_cae=True)
    asked(authority)
    make(cache_persistence_options=options).get_token(OTHER, enable_cae=True)
    assert asked(authority) == ["token:refresh_token"]


def test_another_tenant_is_asked_for_itself(make: Any, authority: Emulator, plain: dict[str, Any]) -> None:
    """Each tenant has endpoints of its own."""
    make(**plain).get_token(SCOPE)
    asked(authority)
    other = make(tenant_id="contoso.example", additionally_allowed_tenants=["*"], **plain)
    other.get_token(SCOPE)
    assert asked(authority)[0] == "discovery"


@pytest.mark.parametrize("seconds", [REMEMBERED_FOR + 60, -600], ids=["a day later", "from the future"])
def test_not_for_ever(
    make: Any, authority: Emulator, plain: dict[str, Any], shift: Callable[[float], None], seconds: float
) -> None:
    """The authority is asked again after a day, or where a clock was set back."""
    make(**plain).get_token(SCOPE)
    asked(authority)
    shift(seconds)
    make(**plain).get_token(SCOPE)
    assert "discovery" in asked(authority)


MOVED = {
    "a refresh": ("token", "get_token", OTHER, ["other", "discovery", "token:refresh_token"]),
    "a sign-in": (
        "device_authorization",
        "authenticate",
        None,
        ["other", "discovery", "devicecode", "token:device_code"],
    ),
    "a poll": ("token", "authenticate", None, ["devicecode", "other", "discovery", "token:device_code"]),
}


@pytest.mark.parametrize(("name", "method", "scope", "expected"), MOVED.values(), ids=MOVED)
def test_endpoints_that_have_moved_are_found_again(
    make: Any,
    authority: Emulator,
    plain: dict[str, Any],
    path: Path,
    name: str,
    method: str,
    scope: str | None,
    expected: list[str],
) -> None:
    """Where nothing of the protocol answers any more the authority is asked, and what it says is remembered."""
    make(**plain).get_token(SCOPE)
    rewritten(path, **{f"{name}_endpoint": f"{authority.url}/{authority.tenant_id}/moved"})
    asked(authority)
    call = getattr(make(**plain), method)
    assert call(scope) if scope else call(scopes=[SCOPE])
    assert asked(authority) == expected
    assert make(**plain).get_token("https://third.example/.default").token
    assert asked(authority) == ["token:refresh_token"]


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint": "https://attacker.example/t/oauth2/v2.0/token"},
        {"token_endpoint": "http://127.0.0.1/t/oauth2/v2.0/token"},
        {"device_authorization_endpoint": "https://attacker.example/code"},
        {"authorization_endpoint": None},
        {"token_endpoint": 5},
        {"cached_at": "yesterday"},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_passed_over(
    make: Any, authority: Emulator, plain: dict[str, Any], path: Path, changes: dict[str, object]
) -> None:
    """A refresh token goes to the authority's own host and nowhere else, whatever a cache says."""
    make(**plain).get_token(SCOPE)
    rewritten(path, **changes)
    asked(authority)
    assert make(**plain).get_token(OTHER).token
    assert asked(authority) == ["discovery", "token:refresh_token"]


def test_endpoints_of_another_host_are_not_remembered(make: Any, authority: Emulator, plain: dict[str, Any]) -> None:
    """Each process has to hear that from the authority itself."""
    elsewhere = f"https://localhost:{authority.port}/{authority.tenant_id}/oauth2/v2.0"
    authority.faults.always("discovery", changed(token_endpoint=f"{elsewhere}/token"))
    make(**plain).get_token(SCOPE)
    asked(authority)
    make(**plain).get_token(OTHER)
    assert asked(authority) == ["discovery", "token:refresh_token"]


def test_msal_looks_past_it_and_keeps_it(make: Any, authority: Emulator, plain: dict[str, Any], path: Path) -> None:
    """Other programs that share the cache read their rows, and write ours back."""
    make(**plain).get_token(SCOPE)
    before = json.loads(path.read_text())[METADATA]
    cache = msal.SerializableTokenCache()
    cache.deserialize(path.read_text())
    application = msal.PublicClientApplication(
        make(**plain).accounts()[0].client_id,
        authority=f"{authority.url}/{authority.tenant_id}",
        instance_discovery=False,
        token_cache=cache,
        verify=authority.ca_file,
    )
    (account,) = application.get_accounts()
    assert "access_token" in application.acquire_token_silent([OTHER], account)
    assert json.loads(cache.serialize())[METADATA] == before


def test_a_long_lived_process_does_not_age_what_others_found(
    make: Any, authority: Emulator, plain: dict[str, Any], path: Path
) -> None:
    """It stores what it found once, with the tokens that came next."""
    credential = make(**plain)
    credential.get_token(SCOPE)
    rewritten(path, cached_at="4000000000")
    before = json.loads(path.read_text())[METADATA]
    credential.get_token(OTHER)
    assert json.loads(path.read_text())[METADATA] == before
    assert authority.count("discovery") == 1


def rewritten(path: Path, **changes: object) -> None:
    """Change what a plain cache remembers of its one authority; None takes a value away."""
    content = json.loads(path.read_text())
    ((url, row),) = content[METADATA].items()
    new = {name: value for name, value in {**row, **changes}.items() if value is not None}
    path.write_text(json.dumps({**content, METADATA: {url: new}}))
