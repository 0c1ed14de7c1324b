"""An exception of the transport -> the named fault that it stands for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from azure.core import exceptions as azure

from doorcode._certificate import issuer_of
from doorcode._core.faults import Endpoint, Fault, FaultKind

_STRICT = (
    "Python 3.13 and later insist on certificates that follow RFC 5280 to the letter; this one does not "
    "(a CA whose basic constraints are not critical, for example). Have it issued anew."
)
_CLOCK = "Set this machine's clock; if it is right, have whoever runs the server or the proxy renew the certificate."
_SET_FILES = "Check connection_verify=, connection_cert= and the environment variable REQUESTS_CA_BUNDLE."
_UNTIMELY = ("certificate is not yet valid", "certificate has expired")
_UNUSUAL = ("not marked critical", "Missing Authority Key Identifier")
_NO_FILE = ("Could not find a suitable TLS CA", "Could not find the TLS", "NO_CERTIFICATE_OR_CRL_FOUND")


def fault_of(exception: Exception, endpoint: Endpoint, host: str) -> Fault | None:
    """Return the fault that an exception stands for, or None for one that is not the network's.

    Args:
        exception: what the pipeline raised.
        endpoint: what was asked.
        host: of the authority.
    """
    if not isinstance(exception, (azure.AzureError, OSError)):
        return None
    if isinstance(exception, azure.ClientAuthenticationError):
        return None
    text = " ".join(str(link) for link in _chain(exception))
    kind, words, step = _classify(exception, text)
    if kind is FaultKind.CERTIFICATE:
        issuer = issuer_of(untrusted(exception))
        words = words if issuer is None else f"{words}, issued by {issuer},"
    return Fault(kind, endpoint, f"{words} while asking {host} for {endpoint.value}", step=step)


def untrusted(exception: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the certificate error that an exception stands for, or None."""
    return next((link for link in _chain(exception) if isinstance(link, ssl.SSLCertVerificationError)), None)


def _classify(exception: Exception, text: str) -> tuple[FaultKind, str, str | None]:
    """Return the kind of trouble, words for it, and a step where the kind's own is not the right one."""
    kind, step = FaultKind.UNREACHABLE, None
    certificate = untrusted(exception)
    if certificate is not None or "CERTIFICATE_VERIFY_FAILED" in text:
        reason = certificate.verify_message if certificate is not None else "certificate verify failed"
        kind, words, step = FaultKind.CERTIFICATE, f"The server's certificate is not trusted ({reason})", _cure(text)
    elif "Tunnel connection failed: 407" in text:
        kind, words = FaultKind.PROXY, "The proxy wants a user name and a password (407)"
    elif any(sign in text for sign in _NO_FILE):
        words, step = "A file of certificates cannot be read", _SET_FILES
    elif isinstance(exception, (azure.ServiceRequestTimeoutError, azure.ServiceResponseTimeoutError, TimeoutError)):
        kind, words = FaultKind.TIMEOUT, "No answer in time"
    elif type(exception) is azure.DecodeError:
        kind, words = FaultKind.NOT_PROTOCOL, "The reply could not be decompressed"
    else:
        words = _network_words(text)
    return kind, words, step


def _cure(text: str) -> str | None:
    """Return what to do about a certificate, where it is not the usual unknown CA."""
    if any(sign in text for sign in _UNTIMELY):
        return _CLOCK
    return _STRICT if any(sign in text for sign in _UNUSUAL) else None


def _network_words(text: str) -> str:
    known = {
        "Tunnel connection failed": "The proxy did not open a tunnel",
        "connect to proxy": "The proxy could not be reached",
        "Name or service not known": "The name could not be looked up",
        "NameResolutionError": "The name could not be looked up",
        "Failed to resolve": "The name could not be looked up",
        "Connection refused": "The connection was refused",
        "Connection reset": "The connection was reset",
        "Connection aborted": "The connection was cut",
        "Network is unreachable": "There is no network",
        "SSLError": "TLS could not be agreed on",
    }
    return next((words for sign, words in known.items() if sign in text), "The connection failed")


def _chain(exception: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps, each once."""
    seen: set[int] = set()
    todo = [exception]
    while todo:
        link = todo.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapping = [getattr(link, name, None) for name in ("__cause__", "__context__", "reason", "inner_exception")]
        todo += [wrapped for wrapped in (*wrapping, *link.args) if isinstance(wrapped, BaseException)]
