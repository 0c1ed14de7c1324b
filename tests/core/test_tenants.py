from __future__ import annotations

import pytest

from doorcode._core.tenants import resolve_tenant, tenant_refused


@pytest.mark.parametrize(
    ("own", "asked", "allowed", "disabled", "expected"),
    [
        pytest.param("own", None, (), False, "own", id="nothing asked"),
        pytest.param("own", "", (), False, "own", id="empty"),
        pytest.param("own", "OWN", (), False, "own", id="the own one in other case"),
        pytest.param("own", "b", (), False, None, id="another, no list"),
        pytest.param("own", "b", ("c",), False, None, id="another, not in the list"),
        pytest.param("own", "B", ("a", "b"), False, "B", id="in the list, in other case"),
        pytest.param("own", "b", ("*",), False, "b", id="any"),
        pytest.param("organizations", "b", (), False, "b", id="organizations without a list"),
        pytest.param("Organizations", "b", (), False, "b", id="organizations in other case"),
        pytest.param("organizations", "b", ("c",), False, None, id="organizations with a list"),
        pytest.param("adfs", "b", ("*",), False, "adfs", id="adfs"),
        pytest.param("ADFS", "b", (), False, "ADFS", id="adfs in other case"),
        pytest.param("own", "b", ("*",), True, "own", id="multitenant disabled"),
        pytest.param("common", "b", (), False, None, id="common is no organizations"),
    ],
)
def test_resolve_tenant(
    own: str,
    asked: str | None,
    allowed: tuple[str, ...],
    disabled: bool,  # noqa: FBT001
    expected: str | None,
) -> None:
    """A request goes to the tenant it names when the credential may ask there."""
    assert resolve_tenant(own, asked, allowed, disabled) == expected


def test_refused() -> None:
    """The message says what allows the tenant."""
    assert 'additionally_allowed_tenants=["b"]' in tenant_refused("b")
