from __future__ import annotations

import json
import ssl
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.conftest import Command
from doorcode import TokenCachePersistenceOptions
from doorcode._cli import account_file, health_checks
from doorcode._cli.health_checks import Finding
from doorcode.cache import _select
from doorcode.emulator import Emulator

CHECKS = ["versions", "account", "store", "sign-in", "proxy", "tls", "network", "clock", "discovery"]


def verdicts(text: str) -> dict[str, str]:
    """Return the verdict of each check of the JSON report."""
    return {each["check"]: each["verdict"] for each in json.loads(text)["checks"]}


def test_all_is_well_after_a_sign_in(signed_in: Command) -> None:
    """Each check is one line for people, and the exit code is 0."""
    done = signed_in("doctor")
    assert done.code == 0
    assert [line[5:].partition(":")[0] for line in done.out.splitlines()] == CHECKS
    assert verdicts(signed_in("doctor", "--json").out) == dict.fromkeys(CHECKS, "ok")


def test_before_the_first_sign_in_it_is_named(command: Command) -> None:
    """That is no failure."""
    done = command("doctor")
    assert done.code == 0
    assert "warn account: No account is signed in.\n     -> Run `doorcode login`." in done.out


def test_no_network_fails_with_advice(command: Command, authority: Emulator) -> None:
    """What depends on it is not judged."""
    with authority.offline():
        done = command("doctor", "--json")
    assert done.code == 1
    found = verdicts(done.out)
    assert (found["network"], found["tls"]) == ("fail", "warn")
    assert "clock" not in found
    advice = next(each["advice"] for each in json.loads(done.out)["checks"] if each["check"] == "network")
    assert "HTTPS_PROXY" in advice
    [detail] = [each["detail"] for each in json.loads(done.out)["checks"] if each["check"] == "network"]
    assert detail.endswith(" cannot be reached: Connection refused.")


@pytest.mark.skipif(sys.platform == "win32", reason="the user's directory is LOCALAPPDATA there")
def test_no_home_fails_with_advice_that_helps(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key would not help a user whose home directory is not known; the variable to set is named."""
    monkeypatch.setattr(_select, "home_of_user", lambda: None)
    monkeypatch.setenv("HOME", "")
    found = {each["check"]: each for each in json.loads(command("doctor", "--json").out)["checks"]}["store"]
    assert (found["verdict"], found["advice"]) == ("fail", "")
    assert "HOME is not set; set it" in found["detail"]


@pytest.mark.skipif(sys.platform == "win32", reason="another system's paths are looked for")
def test_a_system_that_cannot_encrypt_is_told_once_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache's own error says it, so the check adds nothing."""
    monkeypatch.delenv("DOORCODE_CACHE_KEY", raising=False)
    monkeypatch.setattr(sys, "platform", "freebsd")
    found = health_checks.store(TokenCachePersistenceOptions())
    assert (found.verdict, found.advice) == ("fail", "")
    assert found.detail.count("openssl rand -base64 32") == 1


def test_an_untrusted_certificate_fails(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that helps."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)
    done = command("doctor", "--json")
    found = {each["check"]: each for each in json.loads(done.out)["checks"]}
    assert (done.code, found["tls"]["verdict"], found["network"]["verdict"]) == (1, "fail", "fail")
    assert "REQUESTS_CA_BUNDLE" in found["network"]["advice"]


def test_a_cache_that_cannot_be_used_fails(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reasons."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", "short")
    assert verdicts(command("doctor", "--json").out)["store"] == "fail"


def test_a_cache_that_lost_the_sign_in_is_told(signed_in: Command) -> None:
    """Neither doctor nor status says that the next command gets a token."""
    for file in Path.home().glob(".IdentityService/*.keyed"):
        file.unlink()
    assert verdicts(signed_in("doctor", "--json").out)["sign-in"] == "warn"
    done = signed_in("status")
    assert (done.code, "No sign-in of ada@contoso.example can be found" in done.out) == (0, True)
    assert "the next command" not in done.out
    assert json.loads(signed_in("status", "--json").out)["signed_in"] is False


def test_a_cache_of_another_key_fails(signed_in: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store could be used, and cannot be read."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", b64encode(bytes([1]) * 32).decode())
    done = signed_in("doctor", "--json")
    assert (done.code, verdicts(done.out)["sign-in"]) == (1, "fail")


def test_a_plain_cache_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the user allows it."""
    monkeypatch.delenv("DOORCODE_CACHE_KEY", raising=False)
    (tmp_path / "tokens.nocae").write_text("{}")
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", allow_unencrypted_storage=True)
    assert health_checks.store(options).verdict == "warn"


def test_a_damaged_account_file_fails(signed_in: Command) -> None:
    """The command that repairs it is named."""
    Path(account_file.path()).write_text("{")
    done = signed_in("doctor", "--json")
    assert (done.code, verdicts(done.out)["account"]) == (1, "fail")


@pytest.mark.parametrize(
    ("off", "verdict", "words"),
    [
        (0, "ok", "0 s behind"),
        (45, "warn", "45 s ahead of"),
        (-45, "warn", "45 s behind"),
        (-301, "fail", "301 s behind"),
    ],
)
def test_the_clock(off: int, verdict: str, words: str) -> None:
    """A wrong clock has tokens refused."""
    found = health_checks.clock("Thu, 01 Jan 1970 12:00:00 GMT", 43_200 + off)
    assert found.verdict == verdict
    assert words in found.detail


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_clock_that_cannot_be_compared(date: str | None) -> None:
    """It is no failure."""
    assert health_checks.clock(date, 0.0).verdict == "warn"


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b'{"token_endpoint": "https://a/t", "device_authorization_endpoint": "https://a/d"}', "ok"),
        (b'{"token_endpoint": "http://a/t", "device_authorization_endpoint": "https://a/d"}', "fail"),
        (b"<html>Please log in to the hotel</html>", "fail"),
        (b"[]", "fail"),
    ],
)
def test_the_authoritys_metadata(body: bytes, verdict: str) -> None:
    """A captive portal is no authority."""
    assert health_checks.discovery(200, body, "a").verdict == verdict


@pytest.mark.parametrize(
    ("issuer", "verdict"), [("DigiCert Inc", "ok"), ("Microsoft Corporation", "ok"), ("Example Firewall", "warn")]
)
def test_tls_inspection_is_named(issuer: str, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, and the user should know."""
    monkeypatch.setattr(health_checks, "_issuer", lambda _host, _port: issuer)
    found = health_checks.certificate("login.microsoftonline.com", 443)
    assert found.verdict == verdict
    assert issuer in found.detail


def test_a_refused_certificate_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In OpenSSL's words."""

    def refuse(_host: str, _port: int) -> str:
        error = ssl.SSLCertVerificationError("refused")
        error.verify_message = "self-signed certificate"
        raise error

    monkeypatch.setattr(health_checks, "_issuer", refuse)
    found = health_checks.certificate("login.microsoftonline.com", 443)
    assert found == Finding("tls", "fail", found.detail, found.advice)
    assert "self-signed certificate" in found.detail


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none where the authority is exempt."""
    monkeypatch.setenv("https_proxy", "http://ada:made-up@proxy.example:3128")
    found = health_checks.proxy("login.microsoftonline.com")
    assert "proxy.example:3128" in found.detail
    assert "made-up" not in found.detail
    monkeypatch.setenv("no_proxy", "login.microsoftonline.com")
    assert "None is set" in health_checks.proxy("login.microsoftonline.com").detail


@pytest.mark.parametrize("arguments", [("--authority", "http://a.example"), ("--cache", "../up")])
def test_wrong_options(command: Command, arguments: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert command("doctor", *arguments).code == 2


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("certificate verify failed", "name its CA in REQUESTS_CA_BUNDLE"),
        ("Could not find a suitable TLS CA certificate bundle, invalid path: /x", "Correct REQUESTS_CA_BUNDLE"),
        ("[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate", "Correct REQUESTS_CA_BUNDLE"),
        ("Cannot connect to proxy", "NO_PROXY"),
        ("Failed to resolve 'login.microsoftonline.com'", "DNS"),
        ("timed out", "port 443"),
    ],
)
def test_what_to_do_about_the_network(words: str, advice: str) -> None:
    """By what the connection failed with."""
    assert advice in health_checks.network_advice(OSError(words))


def test_a_missing_package_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what helps."""
    monkeypatch.setattr(health_checks, "PACKAGES", ("doorcode", "no-such-package-of-ours"))
    assert health_checks.versions().verdict == "fail"


def test_the_certificate_is_looked_at_through_the_proxy(authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the user and password that its address has."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(f"{self.path} {self.headers['Proxy-Authorization']}")
            self.send_response(502)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("https_proxy", f"http://ada:a%20b@127.0.0.1:{server.server_address[1]}")
        found = health_checks.certificate("login.example", 443)
        server.shutdown()
    assert found.verdict == "warn"
    assert asked == ["login.example:443 Basic " + b64encode(b"ada:a b").decode()]
