from __future__ import annotations

import pytest

from doorcode._core.replies.service_errors import ServiceError, service_error

V2: dict[str, object] = {
    "error": "invalid_grant",
    "error_description": "AADSTS50173: The grant has expired.\r\nTrace ID: t Correlation ID: c",
    "error_codes": [50173],
    "timestamp": "2026-01-01 00:00:00Z",
    "trace_id": "t",
    "correlation_id": "c",
    "suberror": "bad_token",
    "claims": '{"access_token":{"acrs":{"essential":true}}}',
    "error_uri": "https://login.microsoftonline.com/error?code=50173",
    "interval": "7",
}


def parsed(**changed: object) -> ServiceError:
    """Return Entra's error with some fields changed, as it is read."""
    found = service_error({**V2, **changed})
    assert found is not None
    return found


def test_a_v2_error() -> None:
    """Everything that Entra says is kept, on one line each."""
    assert service_error(V2, 401, 3.0) == ServiceError(
        error="invalid_grant",
        description="AADSTS50173: The grant has expired. Trace ID: t Correlation ID: c",
        codes=(50173,),
        suberror="bad_token",
        correlation_id="c",
        trace_id="t",
        timestamp="2026-01-01 00:00:00Z",
        claims='{"access_token":{"acrs":{"essential":true}}}',
        error_uri="https://login.microsoftonline.com/error?code=50173",
        status=401,
        interval=7.0,
        retry_after=3.0,
    )


@pytest.mark.parametrize("error", [None, "", "\x00\n", [], {}, {"code": None}, True], ids=repr)
def test_no_error(error: object) -> None:
    """What names no error is none."""
    assert service_error({"error": error, "error_description": "x"}) is None
    assert service_error({}) is None


@pytest.mark.parametrize(
    ("body", "error", "description"),
    [
        ({"error": {"code": "Denied", "message": "No."}}, "Denied", "No."),
        ({"error": {"code": 403, "message": "No."}}, "403", "No."),
        ({"error": {"code": "Denied"}, "error_description": "Else."}, "Denied", "Else."),
        ({"error": 17}, "17", ""),
        ({"error": "x", "error_description": ["y"]}, "x", ""),
        ({"error": "a\x1b[31m\nb"}, "a[31m b", ""),
        ({"error": "x" * 300}, "x" * 199 + "…", ""),
    ],
    ids=str,
)
def test_error_and_description(body: dict[str, object], error: str, description: str) -> None:
    """Errors come as text, as Azure's objects, or oddly; what is shown is safe to print."""
    found = service_error(body)
    assert found is not None
    assert (found.error, found.description) == (error, description)


@pytest.mark.parametrize(
    ("listed", "description", "codes"),
    [
        pytest.param([50076, 53003], "", (50076, 53003), id="listed"),
        pytest.param(["50076", 50079.0], "", (50076, 50079), id="as text, as a float"),
        pytest.param([None, "x", -1, True, 65001], "", (65001,), id="some odd"),
        pytest.param([], "AADSTS700016: No AADSTS90002", (700016, 90002), id="only in the words"),
        pytest.param(None, "AADSTS700016: No", (700016,), id="none listed"),
        pytest.param(50076, "", (), id="no list"),
        pytest.param([1] * 100, "", (1,) * 16, id="many"),
        pytest.param(None, "nothing", (), id="none at all"),
    ],
)
def test_codes(listed: object, description: str, codes: tuple[int, ...]) -> None:
    """Codes are listed, or stand in the words."""
    assert parsed(error_codes=listed, error_description=description).codes == codes


@pytest.mark.parametrize("claims", ["x", "[]", "", 3, None, {"access_token": {}}, "e30"], ids=repr)
def test_claims_that_cannot_be_asked_for(claims: object) -> None:
    """Claims are kept only where they can be passed on as they are."""
    assert parsed(claims=claims).claims is None


def test_words_that_look_like_a_token_are_masked() -> None:
    """A service that repeats what it was sent does not put it into a message."""
    secret = "0.AXkA-" + "SECRET_" * 20
    found = parsed(error_description=f"The token {secret} is not valid", error_codes=None)
    assert found.description == "The token … is not valid"


def test_long_words_are_cut() -> None:
    """A description is bounded."""
    assert len(parsed(error_description="word " * 10_000).description) == 2000


@pytest.mark.parametrize("value", [None, 3, "", "\x00", []], ids=repr)
@pytest.mark.parametrize("name", ["suberror", "correlation_id", "trace_id", "timestamp", "error_uri"])
def test_other_fields(name: str, value: object) -> None:
    """A field of a wrong type is missing."""
    assert getattr(parsed(**{name: value}), name) is None


@pytest.mark.parametrize(("value", "seconds"), [("9", 9.0), (2.5, 2.5), (-1, None), ("x", None), (None, None)])
def test_interval(value: object, seconds: float | None) -> None:
    """An interval that cannot be read is missing."""
    assert parsed(interval=value).interval == seconds
