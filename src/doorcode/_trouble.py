"""An exception of the transport -> the named fault that it stands for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from azure.core import exceptions as azure

from doorcode._certificate import issuer_of
from doorcode._core.replies import Endpoint, Fault, FaultKind

_HOW_TO_TRUST = (
    "If a company proxy inspects TLS, pass its CA certificate: connection_verify='/path/ca.pem', "
    "or set REQUESTS_CA_BUNDLE."
)
_STRICT = (
    "Python 3.13 and later insist on certificates that follow RFC 5280 to the letter; this one does not "
    "(a CA whose basic constraints are not critical, for example). Have it issued anew."
)


def fault_of(exception: Exception, endpoint: Endpoint, host: str) -> Fault | None:
    """Return the fault that an exception stands for, or None for one that is not the network's.

    Args:
        exception: what the pipeline raised.
        endpoint: what was asked.
        host: of the authority.
    """
    if not isinstance(exception, (azure.AzureError, OSError)):
        return None
    chain = list(_chain(exception))
    text = " ".join(str(link) for link in chain)
    if isinstance(exception, azure.ClientAuthenticationError):
        return None
    kind, words = _classify(exception, chain, text)
    if kind is FaultKind.CERTIFICATE:
        issuer = issuer_of(host)
        words = words if issuer is None else f"{words} with a certificate that {issuer} issued,"
    return Fault(kind, endpoint, f"{words} while asking {host} for {endpoint.value}")


def _classify(exception: Exception, chain: list[BaseException], text: str) -> tuple[FaultKind, str]:
    certificate = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if certificate is not None or "CERTIFICATE_VERIFY_FAILED" in text:
        return FaultKind.CERTIFICATE, _certificate_words(certificate, text)
    if "Tunnel connection failed: 407" in text:
        words = "The proxy wants a user name and a password (407); put them into proxies= or HTTPS_PROXY"
        return FaultKind.PROXY, words
    if isinstance(exception, (azure.ServiceRequestTimeoutError, azure.ServiceResponseTimeoutError, TimeoutError)):
        return FaultKind.TIMEOUT, "No answer in time"
    return FaultKind.UNREACHABLE, _network_words(text)


def _certificate_words(certificate: ssl.SSLCertVerificationError | None, text: str) -> str:
    reason = certificate.verify_message if certificate is not None else "certificate verify failed"
    strict = "not marked critical" in text or "Missing Authority Key Identifier" in text
    return f"The server's certificate is not trusted ({reason}). {_STRICT if strict else _HOW_TO_TRUST} It happened"


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
