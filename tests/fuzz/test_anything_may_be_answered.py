"""Whatever an authority answers, to any request: a token, the authority's error or a named fault, and nothing else.

Hypothesis makes the replies and MSAL itself reads them. ``DOORCODE_FUZZ_EXAMPLES`` says how many; a few hundred is what
a run of all tests can afford.
"""

from __future__ import annotations

import gzip
import json
import os

import pytest
from azure.core.exceptions import ClientAuthenticationError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from doorcode import DeviceCodeCredential
from support import rows
from support.answers import GOOD, HOST, Answers, Script
from support.signing import outcome

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("DOORCODE_FUZZ_EXAMPLES", "250"))
NUMBERS = st.integers() | st.floats() | st.just(10**400)
WORDS = st.text() | st.sampled_from(
    ["", "\x00", "\x1b[31m", "3600", "3600.0", "authorization_pending", "invalid_grant"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Retry-After", "Location"]),
    st.sampled_from(
        ["application/json", "text/html", "0", "1e9", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "http://x/"]
    ),
)
STATUSES = st.sampled_from([200, 201, 204, 301, 302, 400, 401, 403, 404, 407, 408, 429, 500, 502, 503])


@st.composite
def bodies(draw: st.DrawFn, name: str) -> bytes:
    """Draw a body: bytes, any JSON, or a good reply with some of its fields made odd or taken out."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200) | st.just(gzip.compress(b"{}")) | VALUES.map(_json))
    reply = dict(GOOD[name])
    for field in draw(st.sets(st.sampled_from(sorted(reply)), max_size=3)):
        reply[field] = draw(VALUES)
    for field in draw(st.sets(st.sampled_from(sorted(reply)), max_size=2)):
        del reply[field]
    reply.update(
        draw(st.dictionaries(st.sampled_from(["error", "refresh_in", "expires_on", "foci", "claims"]), VALUES))
    )
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + _json(reply)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Draw what one of the endpoints answers; the others answer well."""
    script: Script = {name: (200, {}, _json(reply)) for name, reply in GOOD.items()}
    name = draw(st.sampled_from(sorted(GOOD)))
    script[name] = (draw(STATUSES), draw(HEADERS), draw(bodies(name)))
    return script


def _json(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorcode._core.flows.device_code.Pace.pause", 0.0)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scripts())
@example({**{name: (200, {}, _json(reply)) for name, reply in GOOD.items()}, "token": (200, {}, b"[" * 100_000)})
def test_every_reply_ends_well_or_in_one_kind_of_error(script: Script) -> None:
    """A token, or a ClientAuthenticationError without a secret in its text; never a KeyError or a RecursionError."""
    shown: list[str] = []
    credential = DeviceCodeCredential(
        rows.CLIENT,
        authority=HOST,
        tenant_id="tid",
        disable_instance_discovery=True,
        transport=Answers(script),
        retry_total=0,
        timeout=0.05,
        prompt_callback=lambda uri, code, _until: shown.extend((uri, code)),
    )
    ended = outcome(lambda: credential.get_token("https://r/.default"))
    if isinstance(ended, BaseException):
        assert isinstance(ended, ClientAuthenticationError), ended
        assert "SECRET" not in f"{ended} {ended!r}"
    else:
        assert ended.token
        assert isinstance(ended.expires_on, int)
    assert all(text.isprintable() for text in shown)
