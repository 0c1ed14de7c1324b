from __future__ import annotations

import pytest

from doorcode._core.msal_cache.metadata import (
    METADATA,
    REMEMBERED_FOR,
    discovery_reply,
    instance_reply,
    metadata_row,
    remembered,
)

GOOD: dict[str, object] = {
    "authorization_endpoint": "https://h/t/authorize",
    "token_endpoint": "https://h/t/token",
    "device_authorization_endpoint": "https://h/t/device",
    "issuer": "https://h/t/v2.0",
}


def without(*names: str, **changed: object) -> dict[str, object]:
    """Return the full one without some fields, and with others changed."""
    return {**{name: value for name, value in GOOD.items() if name not in names}, **changed}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(GOOD, GOOD, id="good"),
        pytest.param(without("issuer"), without("issuer"), id="no issuer"),
        pytest.param(without(issuer=3), without("issuer"), id="issuer a number"),
        pytest.param(without(issuer="x\n"), without("issuer"), id="issuer with a control character"),
        pytest.param(
            without("device_authorization_endpoint"), without("device_authorization_endpoint"), id="no device flow"
        ),
        pytest.param(
            without(device_authorization_endpoint=None), without("device_authorization_endpoint"), id="device flow null"
        ),
        pytest.param({**GOOD, "x": "y", "z": [1], "w": None}, {**GOOD, "x": "y"}, id="more values"),
        pytest.param(
            without(token_endpoint="https://other.example/t/token"),
            without(token_endpoint="https://other.example/t/token"),
            id="host",
        ),
    ],
)
def test_discovery(body: dict[str, object], expected: dict[str, object]) -> None:
    """A configuration is kept where its endpoints are https URLs."""
    assert discovery_reply(body) == expected


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint"])
@pytest.mark.parametrize(
    "value", ["http://h/t/x", "/t/x", "https://", "https://h:x/", "x\n", 3, ["https://h/t"]], ids=repr
)
def test_wrong_endpoints(name: str, value: object) -> None:
    """An endpoint that is no https URL is named."""
    with pytest.raises(ValueError, match=f"a {name} that is not an https URL"):
        discovery_reply(without(**{name: value}))


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize("value", [None, ""], ids=repr)
def test_missing_endpoints(name: str, value: object) -> None:
    """An endpoint that is missing is named."""
    with pytest.raises(ValueError, match=f"no {name} in it"):
        discovery_reply(without(**{name: value}))


@pytest.mark.parametrize("value", ["https://h", "https://h/", "https://h//"])
def test_a_token_endpoint_needs_a_path(value: str) -> None:
    """MSAL takes the tenant from the token endpoint's path."""
    with pytest.raises(ValueError, match="without a path"):
        discovery_reply(without(token_endpoint=value))


def test_instance() -> None:
    """Instance discovery says where the configuration is."""
    body = {"tenant_discovery_endpoint": "https://h/t/.well-known", "api-version": "1.1", "metadata": [{}]}
    assert instance_reply(body) == {"tenant_discovery_endpoint": "https://h/t/.well-known", "api-version": "1.1"}


@pytest.mark.parametrize("value", [None, "http://h/", 3, ""], ids=repr)
def test_wrong_instance(value: object) -> None:
    """Without a usable place it says nothing."""
    with pytest.raises(ValueError, match="no tenant_discovery_endpoint"):
        instance_reply({"tenant_discovery_endpoint": value})


URL = "https://h/t/v2.0/.well-known/openid-configuration"
NOW = 1_800_000_000.7


def test_what_a_cache_remembers_is_what_was_said() -> None:
    """Endpoints and issuer, nothing else; read back as a reply, until a day has passed."""
    row = metadata_row(URL, {**GOOD, "x": "y"}, NOW)
    assert row == {**GOOD, "cached_at": "1800000000"}
    state = {METADATA: {URL: row}}
    assert remembered(state, URL, NOW) == remembered(state, URL, 1_800_000_000) == GOOD
    assert remembered(state, URL, 1_800_000_000 + REMEMBERED_FOR - 0.1) == GOOD
    assert remembered(state, URL, 1_800_000_000 + REMEMBERED_FOR) is None
    assert remembered(state, URL, NOW - 1) is None
    assert remembered(state, URL.replace("/t/", "/other/"), NOW) is None


def test_an_authority_without_device_flow_is_remembered_as_such() -> None:
    """What was not named is not made up."""
    reply = without("device_authorization_endpoint", "issuer")
    row = metadata_row(URL, reply, NOW)
    assert row is not None
    assert remembered({METADATA: {URL: row}}, URL, NOW) == reply


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint"])
@pytest.mark.parametrize(
    "endpoint",
    ["https://evil.example/t/x", "https://h:444/t/x", "https://h.evil.example/x"],
    ids=["host", "port", "a longer name"],
)
def test_endpoints_of_another_host_are_neither_kept_nor_believed(name: str, endpoint: str) -> None:
    """The host is the authority's own, port included."""
    assert metadata_row(URL, without(**{name: endpoint}), NOW) is None
    row = {**GOOD, name: endpoint, "cached_at": "1800000000"}
    assert remembered({METADATA: {URL: row}}, URL, NOW) is None


SECTIONS: dict[str, object] = {
    "null": None,
    "a list": [],
    "text": "x",
    "a row that is null": {URL: None},
    "a row that is a list": {URL: []},
    "an empty row": {URL: {}},
    "a row without its time": {URL: {**GOOD, "cached_at": None}},
}


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_a_section_that_is_none_says_nothing(section: object) -> None:
    """Whatever stands there."""
    assert remembered({METADATA: section}, URL, NOW) is None  # type: ignore[dict-item]
