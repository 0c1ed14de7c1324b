"""Options of the azure-core pipeline, and what of them reaches the wire."""

from __future__ import annotations

import os
import re
import socket
import ssl
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
import trustme
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.pipeline.policies import HTTPPolicy, RetryPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport

from doorcode import errors
from doorcode._core.messages.failures import unreachable
from doorcode._core.replies.faults import Endpoint, FaultKind
from doorcode._entra.transport_errors import fault_of
from doorcode.emulator import Emulator, Html, Reply, Reset, ServerError, TooManyRequests
from support.proxy import proxy
from support.signing import OTHER, PATIENCE, SCOPE, outcome


def test_user_agent(make: Any, authority: Emulator) -> None:
    """Every request names the library, its version, Python and the platform; an own name stands beside it."""
    make(user_agent="my-program/1").get_token(SCOPE)
    pattern = rf"(my-program/1 )?azsdk-python-doorcode/{re.escape(version('doorcode'))} Python/[\d.]+\S* \(.+\)"
    for request in authority.requests:
        assert re.fullmatch(rf"my-program/1 {pattern}|{pattern} my-program/1", request.headers["user-agent"])
    authority.reset_counters()
    make().get_token(SCOPE)
    assert {bool(re.fullmatch(pattern, request.headers["user-agent"])) for request in authority.requests} == {True}


def test_headers_and_hooks(make: Any, authority: Emulator) -> None:
    """Headers are sent, hooks and policies see every request, and a hook can read a reply as ever."""
    asked: list[str] = []
    replies: list[Any] = []
    seen: list[str] = []

    class Seer(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            seen.append(request.http_request.url)

    make(
        headers={"x-mine": "yes"},
        raw_request_hook=lambda request: asked.append(request.http_request.method),
        raw_response_hook=lambda response: replies.append(response.http_response.json()),
        per_call_policies=Seer(),
        per_retry_policies=[Seer()],
    ).get_token(SCOPE)
    assert {request.headers["x-mine"] for request in authority.requests} == {"yes"}
    assert asked == ["GET", "POST", "POST"]
    assert ["user_code" in replies[1], "access_token" in replies[2]] == [True, True]
    assert len(seen) == 2 * len(asked)


def test_a_hook_that_raises(make: Any, authority: Emulator) -> None:
    """The program's own error is the cause of ClientAuthenticationError, whatever it is."""
    mine = KeyError("mine")

    def hook(_: object) -> None:
        raise mine

    for name in ("raw_request_hook", "raw_response_hook"):
        with pytest.raises(ClientAuthenticationError, match="KeyError: 'mine'") as caught:
            make(**{name: hook}).get_token(SCOPE)
        assert caught.value.__cause__ is mine


def test_retries_before_the_prompt(make: Any, authority: Emulator) -> None:
    """Requests that do not poll are repeated as azure-core does; retry_total says how often."""
    authority.faults.queue("discovery", ServerError(503))
    authority.faults.queue("devicecode", ServerError(503), TooManyRequests(0))
    make().get_token(SCOPE)
    assert (authority.count("discovery"), authority.count("devicecode")) == (2, 3)
    authority.faults.queue("devicecode", ServerError(503))
    with pytest.raises(errors.AuthorityUnreachableError):
        make(retry_total=0).get_token(SCOPE)
    assert authority.count("devicecode") == 4


@pytest.mark.usefixtures("over_after_two_replies")
def test_a_poll_is_not_repeated_by_the_pipeline(make: Any, authority: Emulator) -> None:
    """Two back-offs would multiply: the flow's own is the only one."""
    authority.faults.always("token", ServerError(503))
    credential = make(timeout=PATIENCE, retry_backoff_factor=100, retry_total=10)
    with pytest.raises(errors.SignInTimedOutError, match="503"):
        credential.get_token(SCOPE)
    assert authority.count("token") == 2


def test_an_early_refresh_is_not_repeated(make: Any, authority: Emulator, shift: Any) -> None:
    """While a valid token is at hand nobody waits for repetitions."""
    authority.configure(refresh_in=60)
    credential = make()
    first = credential.get_token(SCOPE)
    authority.faults.always("token:refresh_token", ServerError(503))
    shift(61)
    assert credential.get_token(SCOPE) == first
    assert authority.count("token:refresh_token") == 1
    with pytest.raises(errors.AuthorityUnreachableError):
        credential.get_token(OTHER)
    assert authority.count("token:refresh_token") == 1 + 4


@pytest.mark.parametrize(
    ("step", "trouble", "named"),
    [
        ("discovery", ServerError(503), "503"),
        ("devicecode", ServerError(503), "503"),
        ("devicecode", Reset(), "was (cut|reset)"),
    ],
)
def test_a_repetition_that_would_come_too_late(
    make: Any, authority: Emulator, step: str, trouble: Any, named: str
) -> None:
    """The error comes at once, and names the trouble: it does not say that the time is over."""
    authority.faults.always(step, trouble)
    with pytest.raises(errors.AuthorityUnreachableError, match=named):
        make(timeout=PATIENCE, retry_backoff_factor=1000).get_token(SCOPE)
    assert authority.count(step) == 2


class Counting(RetryPolicy[Any, Any]):
    """A program's own retry policy."""

    made = 0

    def __init__(self, **options: Any) -> None:
        Counting.made += 1
        super().__init__(**options)


class Plain(HTTPPolicy[Any, Any]):
    """A policy that knows nothing of repetitions."""

    def __init__(self, **_: Any) -> None:
        super().__init__()

    def send(self, request: Any) -> Any:
        return self.next.send(request)


@pytest.mark.parametrize("policy", [Counting, Plain])
def test_an_own_retry_policy(make: Any, policy: Any) -> None:
    """retry_policy_class is used, one that is none of azure-core's as well."""
    Counting.made = 0
    assert make(retry_policy_class=policy).get_token(SCOPE).token
    assert Counting.made == (policy is Counting)


def test_own_policies_are_all_there_is(make: Any, authority: Emulator) -> None:
    """``policies`` replaces the pipeline; our bounds still hold."""
    credential = make(policies=[Plain()], headers={"x-mine": "yes"})
    assert credential.get_token(SCOPE).token
    assert "x-mine" not in authority.requests[0].headers


class Old(RequestsTransport):
    """A transport with azure-core's first generation of responses, as programs' tests still have."""

    def send(self, request: Any, **options: Any) -> Any:
        from azure.core.pipeline.transport import HttpRequest

        options.pop("stream", None)
        old = HttpRequest(request.method, request.url, headers=request.headers)
        if request.method == "POST":
            old.set_formdata_body(request.content)
        return super().send(old, **options)


def test_an_old_transport(make: Any, authority: Emulator) -> None:
    """Whichever generation of responses a transport answers with, the reply is read."""
    assert make(transport=Old(connection_verify=authority.ca_file)).get_token(SCOPE).token


class Silent(HTTPPolicy[Any, Any]):
    """A policy whose author forgot to return the response."""

    def send(self, request: Any) -> Any:
        self.next.send(request)


class SilentTransport(RequestsTransport):
    """Likewise a transport, as a stand-in of a program's tests may be."""

    def send(self, request: Any, **options: Any) -> Any:
        """Send nothing."""


@pytest.mark.parametrize("name", ["per_call_policies", "transport"])
def test_a_part_of_the_programs_that_returns_no_response(make: Any, name: str) -> None:
    """The error is put down to what the program gave, not to doorcode."""
    options: dict[str, Any] = {name: SilentTransport() if name == "transport" else [Silent()]}
    with pytest.raises(
        ClientAuthenticationError, match="transport= or one of its policies returned no response"
    ) as found:
        make(**options).get_token(SCOPE)
    assert not isinstance(found.value, errors.AuthorityUnreachableError)
    assert "doorcode" not in str(found.value)


def test_a_mock_of_azure_cores_transport(make: Any, authority: Emulator) -> None:
    """``MagicMock(spec=RequestsTransport)`` has what the class has, and nothing of an object, such as its session."""
    with RequestsTransport(connection_verify=authority.ca_file) as transport:
        mock = MagicMock(spec=RequestsTransport, send=transport.send)
        assert make(transport=mock).get_token(SCOPE).token


def test_closing(make: Any, authority: Emulator) -> None:
    """close() releases the transport and nothing else: a later call opens a new one, again and again."""
    credential = make()
    credential.close()
    first = credential.get_token(SCOPE)
    for other in (OTHER, "https://t.example/.default"):
        credential.close()
        assert credential.get_token(SCOPE) == first
        credential.get_token(other)
    assert len(make.approver.prompts) == 1


def test_as_a_context_manager(make_sync: Any) -> None:
    """``with`` closes, and may be used again."""
    credential = make_sync()
    for scope in (SCOPE, OTHER):
        with credential as entered:
            assert entered is credential
            entered.get_token(scope)
    assert len(make_sync.approver.prompts) == 1


def test_a_closed_transport_of_the_programs(make: Any, authority: Emulator) -> None:
    """What the program opened and closed is not replaced; the error says that it is closed."""
    transport = RequestsTransport(connection_verify=authority.ca_file)
    credential = make(transport=transport)
    credential.get_token(SCOPE)
    credential.close()
    with pytest.raises(ClientAuthenticationError, match=r"transport .*closed"):
        credential.get_token(OTHER)


@pytest.mark.parametrize("fault", [TooManyRequests(3600), ServerError(503, 3600)], ids=["429", "503"])
def test_a_retry_after_that_leaves_no_time(make: Any, authority: Emulator, fault: Any) -> None:
    """It is told at once, and not waited for in vain, both before the prompt and at a refresh."""
    authority.faults.queue("devicecode", fault)
    with pytest.raises(errors.AuthorityUnreachableError, match=r"answered (429|503).*\nWait 3600 s, then call again"):
        make().get_token(SCOPE)
    credential = make()
    credential.get_token(SCOPE)
    authority.faults.queue("token:refresh_token", fault)
    with pytest.raises(errors.AuthorityUnreachableError, match=r"answered (429|503).*\nWait 3600 s, then call again"):
        credential.get_token(OTHER)
    assert (authority.count("devicecode"), authority.count("token:refresh_token")) == (2, 1)


@pytest.mark.parametrize("name", ["Retry-After", "x-ms-retry-after-ms"])
@pytest.mark.parametrize("text", ["9" * 20, "soon", "Sun, 06 Nov 1994 08:49:60 GMT", "inf"])
def test_a_retry_after_that_cannot_be_read(make: Any, authority: Emulator, name: str, text: str) -> None:
    """The reply is what the error speaks of, and a pause that cannot be told is not waited for."""
    authority.faults.queue("devicecode", Reply(503, b"", "text/plain", {name: text}))
    with pytest.raises(errors.AuthorityUnreachableError, match="answered 503"):
        make().get_token(SCOPE)
    assert authority.count("devicecode") == 1


def test_an_untrusted_certificate(make: Any, authority: Emulator) -> None:
    """It ends the sign-in at the first try, with the reason, and with the option to set as the next step."""
    tries: list[str] = []

    class Counting(RequestsTransport):
        def send(self, request: Any, **options: Any) -> Any:
            tries.append(request.url)
            return super().send(request, **options)

    with pytest.raises(
        errors.AuthorityUnreachableError, match=r"not trusted.*O=doorcode emulator.*\n.*connection_verify="
    ) as caught:
        make(transport=Counting()).get_token(SCOPE)
    assert authority.host in str(caught.value)
    assert authority.requests == []
    assert len(tries) == 1


@pytest.mark.parametrize("reason", ["certificate is not yet valid", "certificate has expired"])
def test_a_certificate_of_another_time(reason: str) -> None:
    """The machine's clock is the first suspect, not a company's proxy."""
    error = ssl.SSLCertVerificationError(reason)
    error.verify_message = reason
    fault = fault_of(ServiceRequestError("x", error=error), Endpoint.DISCOVERY, "login.invalid")
    assert fault is not None
    assert unreachable(fault).message.partition("\n")[2].startswith("Set this machine's clock")


def test_a_file_of_certificates_that_is_not_there(make: Any) -> None:
    """The error is about the file, not about the network."""
    with pytest.raises(errors.AuthorityUnreachableError, match=r"does not exist.*\n.*connection_verify="):
        make(connection_verify="/no/such/ca.pem", retry_total=0).get_token(SCOPE)


def entered(make: Any, credential: Any, *details: Any) -> None:
    """Enter and leave a credential of either kind, as a with statement does."""
    if make.kind == "sync":
        credential.__enter__()
        credential.__exit__(*details)
    else:
        credential.__aenter__()
        credential.__aexit__(*details)


def test_a_transport_is_closed_with_the_credential(make: Any) -> None:
    """close() before any request closes the program's transport, once, and does not enter it."""
    transport = MagicMock()
    credential = make(transport=transport)
    assert not transport.__enter__.called
    assert not transport.__exit__.called
    credential.close()
    credential.close()
    assert not transport.__enter__.called
    transport.__exit__.assert_called_once_with()


def test_a_transport_is_entered_with_the_credential(make: Any) -> None:
    """A with statement enters the program's transport and closes it with what it was given, again and again."""
    transport = MagicMock()
    credential = make(transport=transport)
    details = (ValueError, ValueError("x"), None)
    for times in (1, 2):
        entered(make, credential, *details)
        assert (transport.__enter__.call_count, transport.__exit__.call_count) == (times, times)
        transport.__exit__.assert_called_with(*details)
    credential.close()
    assert transport.__exit__.call_count == 2


def test_leaving_without_entering(make: Any) -> None:
    """The arguments of __exit__ reach the transport in any case."""
    transport = MagicMock()
    credential = make(transport=transport)
    leave = credential.__exit__ if make.kind == "sync" else credential.__aexit__
    leave("type", "value", "traceback")
    transport.__exit__.assert_called_once_with("type", "value", "traceback")


def test_a_transport_is_closed_after_requests(make: Any, authority: Emulator) -> None:
    """The same once requests were made: closed once, and again only when a request has used it again."""
    transport = MagicMock(wraps=RequestsTransport(connection_verify=authority.ca_file))
    credential = make(transport=transport)
    entered(make, credential)
    credential.authenticate(scopes=[SCOPE])
    credential.close()
    credential.close()
    assert transport.__exit__.call_count == 2


def test_a_transport_that_cannot_be_opened_again(make: Any, authority: Emulator) -> None:
    """azure-core's own stays closed; a with statement around what is in memory goes on working."""
    credential = make(transport=RequestsTransport(connection_verify=authority.ca_file))
    token = credential.get_token(SCOPE).token
    for _ in range(2):
        entered(make, credential)
        assert credential.get_token(SCOPE).token == token


def test_a_transport_that_cannot_be_entered(make: Any) -> None:
    """What the transport raises when it is first entered is the program's to see."""
    credential = make(transport=MagicMock(__enter__=Mock(side_effect=ValueError("no"))))
    with pytest.raises(ValueError, match="no"):
        entered(make, credential)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_leaves_the_transport_alone(make_sync: Any, tmp_path: Path) -> None:
    """A child that closes its copy of the credential does not close what its parent uses."""
    mark = tmp_path / "closed"
    transport = MagicMock()
    transport.__exit__.side_effect = lambda *_: mark.touch()
    credential = make_sync(transport=transport)
    child = os.fork()
    if child == 0:
        credential.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert not mark.exists()
    credential.close()
    assert mark.exists()


def test_an_asynchronous_transport(make: Any) -> None:
    """It is refused in the constructor, in the asyncio credentials too: requests are made in threads."""

    class Theirs:
        async def send(self, request: Any, **options: Any) -> None: ...

    with pytest.raises(TypeError, match="not asynchronous.*not Theirs"):
        make(transport=Theirs())


def test_a_certificate_that_becomes_untrusted_while_polling(make: Any, authority: Emulator, tmp_path: Any) -> None:
    """Waiting does not make a certificate trusted: polling ends."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(Path(authority.ca_file).read_bytes())

    def callback(*_: object) -> None:
        trustme.CA().cert_pem.write_to_path(ca_file)
        credential._session.close()

    credential = make(connection_verify=str(ca_file), prompt_callback=callback)
    with pytest.raises(errors.AuthorityUnreachableError, match="certificate is not trusted"):
        credential.get_token(SCOPE)
    assert authority.count("token") == 0


def test_the_environments_certificates(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE is honoured, unless use_env_settings=False."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)
    assert make(connection_verify=None).get_token(SCOPE).token
    with pytest.raises(errors.AuthorityUnreachableError, match="not trusted"):
        make(connection_verify=None, use_env_settings=False).get_token(SCOPE)


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_proxy_that_is_not_there(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """proxies= and HTTPS_PROXY are used for every request; their credentials are not printed."""
    proxy = "http://user:hunter2@127.0.0.1:9"
    options: dict[str, Any] = {"proxies": {"https": proxy}} if where == "option" else {}
    if where == "environment":
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = outcome(lambda: make(retry_total=0, **options).get_token(SCOPE))
    assert isinstance(error, errors.AuthorityUnreachableError)
    assert "hunter2" not in str(error)
    assert "proxy" in str(error)
    assert authority.requests == []
    if where == "environment":
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert make().get_token(SCOPE).token


def test_a_proxy_that_wants_credentials(make: Any, authority: Emulator) -> None:
    """A 407 is what the error says, not hidden behind a failed discovery."""
    authority.faults.queue("discovery", Html(407))
    with pytest.raises(errors.AuthorityUnreachableError, match=r"407.*a proxy on the way asks for credentials"):
        make().get_token(SCOPE)


def test_a_name_that_does_not_exist(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS failure is named as such."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(errors.AuthorityUnreachableError, match="could not be looked up"):
        make(authority="login.invalid", retry_total=0).get_token(SCOPE)


def test_short_timeouts_of_the_programs_are_kept(make: Any, authority: Emulator) -> None:
    """connection_timeout and read_timeout bound each request, where they are shorter than ours."""
    from doorcode.emulator import Hang

    authority.faults.queue("discovery", Hang())
    with pytest.raises(errors.AuthorityUnreachableError, match="No answer in time"):
        make(read_timeout=0.2, retry_total=0).get_token(SCOPE)


def test_nothing_of_ours_reaches_the_pipeline(make: Any) -> None:
    """Options of the credential are no options of azure-core's."""
    credential = make(timeout=5, enable_support_logging=False, additionally_allowed_tenants=["*"], read_timeout=5)
    assert set(credential._session.config.pipeline) == {"connection_verify", "retry_backoff_factor", "read_timeout"}


def test_azure_cores_own_errors_are_not_what_comes_out(make: Any, authority: Emulator) -> None:
    """Whatever the network does, the error is ClientAuthenticationError, and no HttpResponseError that is none."""
    with authority.offline():
        error = outcome(lambda: make(retry_total=0).get_token(SCOPE))
    assert isinstance(error, ClientAuthenticationError)
    assert isinstance(error, HttpResponseError)
    assert error.response is None


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_proxy(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Discovery, the code, polls and refreshes all go through the same proxy."""
    with proxy() as running:
        options: dict[str, Any] = {"proxies": {"https": running.url}} if where == "option" else {}
        if where == "environment":
            monkeypatch.setenv("HTTPS_PROXY", running.url)
        credential = make(**options)
        credential.get_token(SCOPE)
        credential.close()
        credential.get_token(OTHER)
        assert running.tunnels == [authority.host] * 2
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        make().get_token(SCOPE)
        assert len(running.tunnels) == 2


def test_a_proxy_that_opens_no_tunnel_without_credentials(make: Any, authority: Emulator) -> None:
    """407 in answer to CONNECT: the error says what the proxy wants, and not what was given."""
    with proxy(refuses=True) as running:
        given = running.url.replace("//", "//user:hunter2@")
        error = outcome(lambda: make(proxies={"https": given}, retry_total=0).get_token(SCOPE))
    assert isinstance(error, errors.AuthorityUnreachableError)
    assert "The proxy wants a user name and a password (407)" in str(error)
    assert "hunter2" not in str(error)


def test_a_policy_that_refuses(make: Any) -> None:
    """A policy's own ClientAuthenticationError is the cause of ours."""
    mine = ClientAuthenticationError("no proxy ticket")

    class Refusing(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            raise mine

    with pytest.raises(errors.AuthenticationFailedError, match="no proxy ticket") as caught:
        make(per_call_policies=[Refusing()]).get_token(SCOPE)
    assert caught.value.__cause__ is mine


def test_a_certificate_that_python_313_is_too_strict_for() -> None:
    """The reason why a company's CA is refused since Python 3.13 is explained."""
    reason = "Basic Constraints of CA cert not marked critical"
    refused = ssl.SSLCertVerificationError(1, f"certificate verify failed: {reason} (_ssl.c:1000)")
    refused.verify_message = reason
    fault = fault_of(ServiceRequestError("failed", error=refused), Endpoint.TOKEN, "login.example")
    assert fault is not None
    assert fault.kind is FaultKind.CERTIFICATE
    assert "not marked critical" in fault.message
    assert "Python 3.13" in unreachable(fault).message


def test_an_unknown_status(make: Any, authority: Emulator) -> None:
    """A status that HTTP has no words for is an error like others."""
    authority.faults.queue("token", Reply(499, b'{"error": "odd"}', "application/json"))
    error: Any = outcome(lambda: make().get_token(SCOPE))
    assert (error.error, error.status_code, error.reason) == ("odd", 499, "")
