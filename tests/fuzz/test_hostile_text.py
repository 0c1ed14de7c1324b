"""Whatever text an authority, a cache or a browser brings, nothing that is shown or logged acts on a terminal.

Hypothesis makes the text, which stands in every field that holds any; everything that a user, a log or a page would
get is collected and searched.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import doorcode.cache
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._browser.result_page import failed, render
from doorcode._core.flows.auth_code import read_redirect
from doorcode._core.messages.failures import refused
from doorcode._core.secret import Secret
from doorcode._error_mapping import exception_for
from doorcode.errors import explain
from support import rows
from support.answers import GOOD, HOST, Answers, Script
from support.signing import PATIENCE, outcome

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("DOORCODE_FUZZ_EXAMPLES", "40"))
SCOPE = "https://r/.default"
BRIEF = 0.05
"""Seconds of a sign-in whose polls bring nothing that can be used."""
FORGED = "FORGED"
PIECES = (
    "\x1b[31m", "\x1b]8;;https://evil.example\x07", "\x07", "\u202e", "\u2066", "\u200b", "\ufeff", "\r\n", "\n",
    f"\n{FORGED} line", f"\r\n{FORGED} line", f"\u2028{FORGED}", f"\u2029{FORGED}", f"\x85{FORGED}", "\x9b2J", "\x00",
    "\b", "\x7f", "\ud800", "\U000e0041", "\u3164", "ada@contoso.example", "%s", "{x}", "<script>", "&",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), min_size=1, max_size=6).map(
    lambda parts: "x" + "".join(parts)
)
FIELDS = ("error", "suberror", "correlation_id", "trace_id", "timestamp", "error_uri", "error_description")


class Shown:
    """Collect what people see."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
        self._caplog, self._capsys = caplog, capsys
        self.lines: list[str] = []
        self.blocks: list[str] = []

    def error(self, raised: object) -> None:
        """Take an error, with all that can be read of it."""
        assert isinstance(raised, Exception), raised
        self.blocks += [str(raised), explain(raised)]
        self.lines.append(repr(raised))
        for name in ("error", "error_description", "suberror", "correlation_id", "trace_id", "timestamp", "claims"):
            self.lines.append(str(getattr(raised, name, None)))
        self.names(*getattr(raised, "accounts", ()))

    def names(self, *accounts: Any) -> None:
        """Take accounts, or records."""
        for account in accounts:
            self.lines += [account.username, repr(account)]

    def check(self) -> None:
        """Search all of it, and begin anew."""
        for record in self._caplog.records:
            # azure-core and MSAL write records of several lines; none of these is the authority's.
            (self.lines if record.name.startswith("doorcode") else self.blocks).append(record.getMessage())
        self.blocks += list(self._capsys.readouterr())
        for line in self.lines:
            assert line.isprintable(), ascii(line)
        for line in "\n".join(self.blocks).split("\n"):
            assert line.isprintable(), ascii(line)
            assert not line.startswith(FORGED), line
        self._caplog.clear()
        self.lines.clear()
        self.blocks.clear()


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Give what collects, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in ("doorcode", "msal", "azure"):
        caplog.set_level(logging.DEBUG, name)
    return Shown(caplog, capsys)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorcode._core.flows.device_code.Pace.pause", 0.0)


def credential(script: Script, **options: Any) -> DeviceCodeCredential:
    """Return a credential whose authority answers from a script."""
    given_options: dict[str, Any] = {
        "client_id": rows.CLIENT, "authority": HOST, "tenant_id": "tid", "disable_instance_discovery": True,
        "transport": Answers(script), "retry_total": 0, "timeout": PATIENCE, **options,
    }  # fmt: skip
    return DeviceCodeCredential(**given_options)


def script(**changes: tuple[int, dict[str, str], bytes]) -> Script:
    """Return what a good authority answers, with changes."""
    return {**{name: (200, {}, encoded(reply)) for name, reply in GOOD.items()}, **changes}


def encoded(value: object) -> bytes:
    """Return JSON as it goes over the wire."""
    return json.dumps(value).encode()


def token(username: str, account: str = rows.ACCOUNT) -> tuple[int, dict[str, str], bytes]:
    """Return a sign-in of an account with this name."""
    return 200, {}, encoded(rows.reply(account=account, username=username))


def prompt(text: str) -> tuple[int, dict[str, str], bytes]:
    """Return a device code whose message is this text."""
    return 200, {}, encoded({**GOOD["devicecode"], "message": f"{text} ABCD-EFGH {text}"})


fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@fuzzed
@given(HOSTILE)
def test_user_names(shown: Shown, text: str) -> None:
    """The name of an account: in records, lists of accounts, errors that name accounts, and logs."""
    import msal

    caches: dict[str, Any] = {"_cache": msal.TokenCache(), "_cae_cache": msal.TokenCache()}
    first = credential(script(token=token(text), devicecode=prompt(text)), **caches)
    record = first.authenticate(scopes=[SCOPE])
    second = credential(script(token=token(f"x{text}", "two.utid")), **caches)
    second.authenticate(scopes=[SCOPE])
    shown.names(record, AuthenticationRecord.deserialize(record.serialize()), *second.accounts())
    assert {each.home_account_id for each in second.accounts()} == {rows.ACCOUNT, "two.utid"}
    chooser = credential(script(), disable_automatic_authentication=True, **caches)
    shown.error(outcome(lambda: chooser.get_token(SCOPE)))
    shown.error(outcome(chooser.sign_out))
    other = credential(script(token=token(text, "two.utid")), authentication_record=record)
    shown.error(outcome(lambda: other.get_token(SCOPE)))
    named = credential(script(token=token(text)), username=f"{text}y")
    shown.error(outcome(lambda: named.get_token(SCOPE)))
    own = AuthenticationRecord("tid", rows.CLIENT, HOST, f"{text}.x", text)
    shown.names(own)
    shown.error(outcome(lambda: credential(script(), authentication_record=own).get_token(SCOPE)))
    shown.check()


@fuzzed
@given(HOSTILE, st.sampled_from(sorted(GOOD)), st.sampled_from([400, 401, 429, 500]))
def test_errors(shown: Shown, text: str, endpoint: str, status: int) -> None:
    """Every field of an error, of every endpoint, and the headers that a message may speak of."""
    body = {
        **dict.fromkeys(FIELDS, text),
        "claims": json.dumps({"x": text}, ensure_ascii=False),
        "error_codes": [53003],
    }
    headers = {"Retry-After": text, "Content-Type": text, "Location": f"https://{text}/"}
    for content in (
        encoded(body),
        encoded({"error": {"code": text, "message": text}}),
        text.encode("utf-8", "replace"),
    ):
        for code in (status, 302):
            ended = credential(script(**{endpoint: (code, headers, content)}), timeout=BRIEF)
            shown.error(outcome(lambda ended=ended: ended.get_token(SCOPE)))  # type: ignore[misc]
    shown.check()


@fuzzed
@given(HOSTILE, st.data())
def test_replies(shown: Shown, text: str, data: st.DataObject) -> None:
    """Every field of a reply that is no error: a sign-in that works, or an error that is safe to show."""
    endpoint = data.draw(st.sampled_from(sorted(GOOD)))
    good = {**GOOD[endpoint], "token_type": "Bearer", "foci": "1", "verification_uri_complete": "https://x/y"}
    changed = dict.fromkeys(data.draw(st.sets(st.sampled_from(sorted(good)), min_size=1, max_size=3)), text)
    claims = {"sub": "s", "tid": text, "iss": text, "preferred_username": text, "name": text, "oid": "o"}
    reply = {**good, "id_token": rows.id_token(**claims), **changed}
    seen: list[str] = []
    ended = credential(script(**{endpoint: (200, {}, encoded(reply))}), timeout=BRIEF)
    result = outcome(lambda: ended.authenticate(scopes=[SCOPE]))
    if isinstance(result, AuthenticationRecord):
        shown.names(result)
        shown.lines.append(result.tenant_id)
    else:
        shown.error(result)
    shown.lines += seen
    shown.check()


@fuzzed
@given(HOSTILE)
def test_what_a_browser_brings(shown: Shown, text: str) -> None:
    """An error in a redirect: in the exception, and on the page that the browser ends on."""
    fields = {**dict.fromkeys(FIELDS, text), "error_subcode": text, "state": "s"}
    redirect = read_redirect(urlencode(fields, errors="replace"), Secret("s"))
    assert redirect is not None
    if redirect.error is not None:
        failure = refused(redirect.error)
        shown.error(exception_for(failure))
        shown.blocks.append(render(failed(failure)).decode())
    shown.check()


@fuzzed
@given(HOSTILE)
def test_a_cache_file(shown: Shown, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Names in a cache that another program wrote: in both lists of accounts, and in errors; identifiers stay exact."""
    folder: Path = tmp_path_factory.mktemp("cache")
    state: Any = rows.rows(1_000_000.0, username="ada")
    other: Any = rows.rows(1_000_000.0, username="bob", account="two.utid")
    for section, found in other.items():
        state.setdefault(section, {}).update(found)
    for row in state["Account"].values():
        row["username"] = text
    (folder / "c.nocae").write_text(json.dumps(state))
    (folder / "c.nocae").chmod(0o600)
    options = TokenCachePersistenceOptions(allow_unencrypted_storage=True, path=folder / "c")
    found = doorcode.cache.accounts(options)
    assert {each.home_account_id for each in found} == {rows.ACCOUNT, "two.utid"}
    shown.names(*found)
    own = credential(script(), cache_persistence_options=options, disable_automatic_authentication=True)
    shown.names(*own.accounts())
    shown.error(outcome(own.sign_out))
    shown.error(outcome(lambda: own.get_token(SCOPE)))
    shown.check()


@pytest.mark.parametrize("name", ["ada\u200b@contoso.example", "\u202eada@contoso.example"])
def test_a_name_that_only_looks_like_another(name: str) -> None:
    """Lookups stay exact: an account whose name merely looks like the one that was asked for is another account."""
    ended = outcome(lambda: credential(script(token=token(name)), username="ada@contoso.example").get_token(SCOPE))
    assert isinstance(ended, doorcode.errors.OtherAccountError)
