"""What a failed request is put down to, and the exception that a program finds as the cause."""

from __future__ import annotations

import errno
import importlib.metadata
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msal
import pytest
import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy

import doorcode._entra.msal_client
import doorcode._entra.pipeline
from doorcode import errors
from doorcode._core.replies.faults import Endpoint, FaultKind
from doorcode._entra.redaction import redacted
from doorcode._entra.transport_errors import fault_of
from doorcode._frames import chain
from doorcode.emulator import Emulator, Hang, Reply, Reset
from support.dripping import MISFRAMED, dripping
from support.dripping import SECRET as TOKEN
from support.signing import OTHER, PATIENCE, SCOPE, outcome

SECRET = "hunter2-hunter2"
PROXIES = {
    "socks": "socks5://{}h.example:1",
    "scheme": "ftp://{}h.example:1",
    "port": "http://{}h.example:1x",
    "closed": "http://{}127.0.0.1:9",
    "host": "http://{}",
}


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Log everything."""
    for name in ("doorcode", "msal", "azure", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def links(error: BaseException) -> Iterator[BaseException]:
    """Yield what an error wraps, in each way in which one can get at it."""
    yield from chain(error)


def all_of(error: BaseException) -> str:
    """Return all that a crash reporter would show of an error."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return "".join([*shown, *(f"{link!r} {vars(link)!r}" for link in links(error))])


@pytest.mark.parametrize("error", [AttributeError("mine"), KeyError("mine"), ValueError("mine"), OSError("mine")])
def test_an_error_of_our_own(
    make: Any,
    records: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """It is not put down to the authority: it is the cause, and the log at DEBUG has where it was raised."""

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(doorcode._entra.msal_client, "identify", broken)
    found = outcome(lambda: make().get_token(SCOPE))
    assert isinstance(found, ClientAuthenticationError)
    assert not isinstance(found, errors.AuthorityUnreachableError)
    assert found.__cause__ is error
    assert "doorcode's own" in str(found)
    (logged,) = [record for record in records.records if "A request failed" in record.getMessage()]
    assert logged.levelno == logging.DEBUG
    assert "in broken" in logged.getMessage()


def test_an_error_of_our_own_holds_no_secret(
    make: Any, authority: Emulator, records: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its message, its log nor its frames show what was sent or received, whatever its text is."""
    seen: list[str] = []

    def broken(result: Any, *_: object) -> None:
        seen.append(result["access_token"])
        message = f"cannot read {result['access_token']}"
        raise AttributeError(message)

    monkeypatch.setattr(doorcode._entra.msal_client, "identify", broken)
    found: Any = outcome(lambda: make().get_token(SCOPE))
    assert seen[0] not in str(found)
    assert seen[0] not in records.text
    frames = traceback.TracebackException.from_exception(found.__cause__, capture_locals=True).stack
    assert seen[0] not in repr([frame.locals for frame in frames])


def test_what_msal_raises_is_about_the_reply(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """MSAL stumbles over replies; that is the authority's, and MSAL's exception is the cause."""
    place: dict[str, Any] = {}
    exec("def add(self, event, now=None): raise KeyError('expires_in')", vars(msal.token_cache), place)  # noqa: S102
    monkeypatch.setattr(msal.TokenCache, "add", place["add"])
    monkeypatch.setattr(msal.SerializableTokenCache, "add", place["add"])
    found: Any = outcome(lambda: make().get_token(SCOPE))
    assert "sent a reply that could not be read (KeyError)" in str(found)
    assert isinstance(found.__cause__, KeyError)


HOOKS: dict[str, Callable[[Callable[..., None]], dict[str, Any]]] = {
    "request hook": lambda hook: {"raw_request_hook": hook},
    "response hook": lambda hook: {"raw_response_hook": hook},
    "policy": lambda hook: {"per_call_policies": [type("P", (SansIOHTTPPolicy,), {"on_request": hook})()]},
    "policy after each try": lambda hook: {
        "per_retry_policies": [type("P", (SansIOHTTPPolicy,), {"on_response": hook})()]
    },
}


@pytest.mark.parametrize(
    "error", [PermissionError(13, "no log here"), ConnectionError("mine"), TimeoutError("mine"), AttributeError("mine")]
)
@pytest.mark.parametrize("place", HOOKS)
def test_an_error_of_the_programs(make: Any, place: str, error: Exception) -> None:
    """What a hook or a policy of the program's raises is its own, though it looks like the network's."""

    def broken(*_: object) -> None:
        raise error

    found = outcome(lambda: make(**HOOKS[place](broken)).get_token(SCOPE))
    assert isinstance(found, ClientAuthenticationError)
    assert not isinstance(found, errors.AuthorityUnreachableError)
    assert found.__cause__ is error
    assert str(error) in str(found)


def test_an_error_of_azure_cores_out_of_a_policy(make: Any) -> None:
    """A policy that speaks of the network in azure-core's words is believed."""
    error = ServiceRequestError("no route")

    def broken(*_: object) -> None:
        raise error

    found = outcome(lambda: make(retry_total=0, **HOOKS["policy"](broken)).get_token(SCOPE))
    assert isinstance(found, errors.AuthorityUnreachableError)
    assert found.__cause__ is error


@pytest.mark.parametrize("fault", [Reset(), Hang()], ids=["reset", "hang"])
@pytest.mark.parametrize("endpoint", ["discovery", "devicecode", "token", "token:refresh_token"])
def test_the_transports_error_is_the_cause(
    make: Any, authority: Emulator, request: pytest.FixtureRequest, endpoint: str, fault: Any
) -> None:
    """Whichever request failed, the error that comes out names azure-core's as its cause, without what was sent."""
    cache = msal.TokenCache()
    if endpoint == "token:refresh_token":
        make(_cache=cache).get_token(SCOPE)
    if endpoint == "token":
        request.getfixturevalue("over_after_two_replies")
    authority.faults.always(endpoint, fault)
    credential = make(_cache=cache, retry_total=0, read_timeout=0.3, timeout=PATIENCE)
    found: Any = outcome(lambda: credential.get_token(OTHER))
    assert isinstance(found, (errors.AuthorityUnreachableError, errors.SignInTimedOutError))
    assert isinstance(found.__cause__, AzureError)
    shown = all_of(found.__cause__)
    assert "grant_type" not in shown
    assert "refresh_token" not in shown


@pytest.mark.parametrize("kind", MISFRAMED)
def test_a_token_in_a_reply_that_is_not_http(
    make: Any, authority: Emulator, records: pytest.LogCaptureFixture, kind: str
) -> None:
    """A proxy that breaks the framing of a reply makes http.client and urllib3 quote it; no error or log does."""
    with dripping(authority, kind, "devicecode") as broken:
        found = outcome(lambda: make(authority=broken.host, retry_total=0).get_token(SCOPE))
    assert isinstance(found, errors.AuthorityUnreachableError)
    assert ("not HTTP" in str(found)) == (kind in {"no status line", "chunks without sizes"})
    assert TOKEN not in f"{found} {found!r} {''.join(traceback.format_exception(found))}"
    assert TOKEN not in all_of(found)
    assert TOKEN not in records.text


@pytest.mark.parametrize("where", ["option", "environment"])
@pytest.mark.parametrize("kind", PROXIES)
def test_a_proxys_password(
    make: Any, records: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    """It stands neither in the error nor in its cause nor in a log, whatever is wrong with the proxy."""
    address = PROXIES[kind].format(f"user:{SECRET}@")
    options: dict[str, Any] = {"proxies": {"https": address}} if where == "option" else {}
    if where == "environment":
        monkeypatch.setenv("HTTPS_PROXY", address)
    found = outcome(lambda: make(retry_total=0, **options).get_token(SCOPE))
    assert isinstance(found, errors.AuthorityUnreachableError)
    assert found.__cause__ is not None
    assert SECRET not in f"{found} {found!r} {''.join(traceback.format_exception(found))}"
    assert SECRET not in all_of(found.__cause__)
    assert SECRET not in records.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"proxies": {"https": "socks5://h.example:1"}}, r"PySocks.*\n.*pip install 'requests\[socks\]'"),
        ({"proxies": {"https": "ftp://h.example:1"}}, r"proxy's address.*\n.*proxies="),
        ({"proxies": {"https": "h.example:1x"}}, r"proxy's address.*\n.*proxies="),
        ({"connection_verify": "/no/such/ca.pem"}, r"/no/such/ca.pem does not exist\n.*connection_verify="),
        ({"connection_verify": __file__}, r"test_causes.py cannot be read\n.*connection_verify="),
        ({"connection_cert": "/no/such/me.pem"}, r"/no/such/me.pem does not exist\n.*connection_cert="),
        ({"connection_cert": __file__}, r"client certificate .*test_causes.py cannot be read\n.*connection_cert="),
    ],
    ids=["socks", "scheme", "port", "no file", "no certificate", "no client file", "no client certificate"],
)
def test_a_setting_that_is_wrong(make: Any, authority: Emulator, options: dict[str, Any], words: str) -> None:
    """The error says which and what to do, without further tries, and not that the network is down."""
    with pytest.raises(errors.AuthorityUnreachableError, match=words) as caught:
        make(retry_backoff_factor=100, **options).get_token(SCOPE)
    assert caught.value.__cause__ is not None
    assert authority.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_that_the_environment_names(make: Any, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Also a file that nobody named in the program is named in the error."""
    monkeypatch.setenv(variable, __file__)
    with pytest.raises(errors.AuthorityUnreachableError, match=r"test_causes.py cannot be read"):
        make(connection_verify=None).get_token(SCOPE)


def test_a_setting_that_goes_wrong_while_polling(make: Any, authority: Emulator, tmp_path: Path) -> None:
    """Polling ends at once: waiting brings no file back."""
    file = tmp_path / "ca.pem"
    file.write_bytes(Path(authority.ca_file).read_bytes())

    def callback(*_: object) -> None:
        file.unlink()
        credential._session.close()

    credential = make(connection_verify=str(file), prompt_callback=callback)
    with pytest.raises(errors.AuthorityUnreachableError, match=r"ca.pem does not exist"):
        credential.get_token(SCOPE)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_that_may_not_be_read(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its permissions are not the network's fault."""
    file = tmp_path / "ca.pem"
    file.touch(mode=0)
    if os.geteuid() == 0:  # root reads every file: what the system says to others stands in for it
        denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        monkeypatch.setattr("ssl.SSLContext.load_verify_locations", Mock(side_effect=denied))
    with pytest.raises(errors.AuthorityUnreachableError, match=r"ca.pem cannot be read"):
        make(connection_verify=str(file)).get_token(SCOPE)


@pytest.mark.parametrize("location", ["http://[", "http://h:x/", "\xe9", "http://h/" + "a" * 9000, "//"], ids=ascii)
def test_a_redirect_to_nowhere(make: Any, authority: Emulator, location: str) -> None:
    """A redirect is no answer of the protocol's, wherever it leads."""
    authority.faults.queue("discovery", Reply(302, b"", "text/plain", headers={"Location": location}))
    with pytest.raises(errors.AuthorityUnreachableError, match="redirect"):
        make(retry_total=0).get_token(SCOPE)


def test_a_secret_that_cannot_be_taken_out() -> None:
    """Where an exception shows a secret whatever is done to it, another one stands for it."""

    class StubbornError(Exception):
        def __str__(self) -> str:
            return SECRET

    found = redacted(StubbornError(), [SECRET])
    assert isinstance(found, ConnectionError)
    assert str(found) == "StubbornError: …"


def test_a_certificate_that_pyopenssl_refuses() -> None:
    """It is one that is not trusted, although no error of ``ssl`` says so (``inject_into_urllib3``)."""
    error = requests.exceptions.SSLError("bad handshake: Error([('SSL routines', '', 'certificate verify failed')])")
    fault = fault_of(ServiceRequestError(str(error), error=error), Endpoint.TOKEN, "login.example")
    assert fault is not None
    assert fault.kind is FaultKind.CERTIFICATE


def test_a_time_out_that_an_older_azure_core_does_not_name() -> None:
    """It is one all the same: what requests says counts."""
    error = ServiceResponseError("read", error=requests.exceptions.ReadTimeout("Read timed out."))
    fault = fault_of(error, Endpoint.TOKEN, "login.example")
    assert fault is not None
    assert fault.kind is FaultKind.TIMEOUT


def test_a_copy_without_metadata(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle, or a source tree on the path, signs in as an installed package does; its version is unknown."""

    def none_is_installed(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", none_is_installed)
    monkeypatch.delitem(vars(doorcode), "__version__", raising=False)
    assert make().get_token(SCOPE).token
    assert authority.requests[-1].headers["user-agent"].startswith("azsdk-python-doorcode/0+unknown ")
    assert doorcode.__version__ == "0+unknown"
    monkeypatch.delitem(vars(doorcode), "__version__")


def test_an_error_of_our_own_before_the_request(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put down neither to the authority nor to what the program gave for the pipeline."""
    mine = LookupError("mine")
    monkeypatch.setattr(doorcode._entra.pipeline, "user_agent", Mock(side_effect=mine))
    found = outcome(lambda: make().get_token(SCOPE))
    assert isinstance(found, errors.AuthenticationFailedError)
    assert not isinstance(found, errors.AuthorityUnreachableError)
    assert found.__cause__ is mine
    assert "not because of the authority" in str(found)
    assert "doorcode's own" in str(found)


def test_no_further_connection() -> None:
    """A process with too many open files is told so, not that there is no network."""
    mine = ServiceRequestError("x", error=OSError(errno.EMFILE, "Too many open files"))
    fault = fault_of(mine, Endpoint.TOKEN, "login.example")
    assert fault is not None
    assert fault.kind is FaultKind.UNREACHABLE  # the user may still finish: polls go on
    assert "too many files and connections open" in fault.message
    assert "ulimit -n" in (fault.step or "")
