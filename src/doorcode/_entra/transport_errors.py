"""Map an exception of the transport to a named fault."""

from __future__ import annotations

import re
import ssl
import sys
import traceback

from azure.core import exceptions as azure

from doorcode._core.messages.descriptors import FREE_DESCRIPTORS, NO_DESCRIPTORS, is_without_descriptors
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.values import field, value_class
from doorcode._entra.certificate import issuer_of
from doorcode._entra.redaction import QUOTING, redacted, redacted_text
from doorcode._frames import chain

_STRICT = (
    "Python 3.13 and later insist on certificates that follow RFC 5280 to the letter; this one does not "
    "(a CA whose basic constraints are not critical, for example). Have it issued anew."
)
_CLOCK = "Set this machine's clock; if it is right, the operator of the server or the proxy must renew the certificate."
_SET_FILES = "Check connection_verify=, connection_cert= and the environment variable REQUESTS_CA_BUNDLE."
_INSTALL_SOCKS = "Install it: pip install 'requests[socks]'."
_SET_PROXY = "Check proxies= and the environment variable HTTPS_PROXY, as http://proxy.example:8080."
_NOT_VERIFIED = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed")  # the second one without ssl: pyOpenSSL
_UNTIMELY = ("certificate is not yet valid", "certificate has expired")
_UNUSUAL = ("not marked critical", "Missing Authority Key Identifier")
_NO_FILE = ("Could not find a suitable TLS CA", "Could not find the TLS")
_BAD_FILE = ("NO_CERTIFICATE_OR_CRL_FOUND", "[X509] PEM lib", "PEM routines")
_BAD_CLIENT_FILE = ("[SSL] PEM lib", "KEY_VALUES_MISMATCH")
_NAMED_FILE = re.compile(r"invalid path: (.+?)(?: |$)")
_BAD_PROXY = ("InvalidProxyURL", "ProxySchemeUnknown", "LocationParseError", "Not supported proxy scheme")


@value_class(frozen=True, slots=True)
class ConnectionSettings:
    """Settings of the program that can make a request fail.

    Attributes:
        certificates: the file or folder of trusted certificates, or "" for the default.
        client_certificate: the files of the client's own certificate, or "".
        secrets: user names and passwords of its proxies, which no message may show.
    """

    certificates: str = ""
    client_certificate: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)


_TIMEOUTS = (azure.ServiceRequestTimeoutError, azure.ServiceResponseTimeoutError, TimeoutError)
_TIMED_OUT = ("ReadTimeout", "ConnectTimeout")  # azure-core 1.35 reports these as other failures
_NO_SETTINGS = ConnectionSettings()


class TransportError(Exception):
    """Carry an error of the transport past the retry policy, because a retry cannot help.

    Args:
        error: the error.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


def past_the_policies(error: Exception) -> Exception:
    """Return the error to raise to the retry policy for an error of the transport.

    azure-core's errors are about the network, and worth a retry, except those about a certificate or a wrong setting.
    Any other error is wrapped in :class:`TransportError`, which shows that no policy or hook raised it.
    """
    if not isinstance(error, azure.AzureError) or untrusted(error) is not None or _setting(error, _NO_SETTINGS):
        return TransportError(error)
    return error


def fault_of(
    exception: Exception, endpoint: Endpoint, host: str, settings: ConnectionSettings = _NO_SETTINGS
) -> Fault | None:
    """Return the fault for an exception, or None if the exception is not about the network.

    Args:
        exception: the pipeline's exception.
        endpoint: the endpoint of the request.
        host: the authority's host.
        settings: the program's settings.
    """
    error = exception.error if isinstance(exception, TransportError) else exception
    if isinstance(error, azure.ClientAuthenticationError):
        return None
    found = _setting(error, settings)
    if found is None and not _is_networks(exception):
        return None
    kind, words, step = found or _classify(error, _text(error))
    if kind is FaultKind.CERTIFICATE:
        issuer = issuer_of(untrusted(error))
        words = words if issuer is None else f"{words}, issued by {issuer},"
    if kind is not FaultKind.SETTING:
        words = f"{words} while asking {host} for {endpoint.value}"
    return Fault(
        kind, endpoint, redacted_text(words, settings.secrets), step=step, cause=redacted(error, settings.secrets)
    )


def _is_networks(exception: Exception) -> bool:
    """Tell whether an error is about the network; an OSError of a program's hook is not."""
    if isinstance(exception, TransportError):
        return isinstance(exception.error, (azure.AzureError, OSError))
    return isinstance(exception, azure.AzureError)


def is_own(exception: Exception) -> bool:
    """Return whether this library failed, and no part of the pipeline that the program or azure-core brought."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(exception.__traceback__)]
    packages = [module.partition(".")[0] for module in modules]
    return [package for package in packages if package not in sys.stdlib_module_names][-1:] == ["doorcode"]


def untrusted(exception: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the certificate error inside an exception, or None."""
    return next((link for link in chain(exception) if isinstance(link, ssl.SSLCertVerificationError)), None)


def _classify(exception: Exception, text: str) -> tuple[FaultKind, str, str | None]:
    """Return the kind of a fault, a message, and the next step if it differs from the kind's usual one."""
    kind, step = FaultKind.UNREACHABLE, None
    certificate = untrusted(exception)
    if certificate is not None or any(sign in text for sign in _NOT_VERIFIED):
        reason = certificate.verify_message if certificate is not None else "certificate verify failed"
        kind, words, step = FaultKind.CERTIFICATE, f"The server's certificate is not trusted ({reason})", _cure(text)
    elif "Tunnel connection failed: 407" in text:
        kind, words = FaultKind.PROXY, "The proxy wants a user name and a password (407)"
    elif isinstance(exception, _TIMEOUTS) or any(sign in text for sign in _TIMED_OUT):
        kind, words = FaultKind.TIMEOUT, "No answer in time"
    elif any(is_without_descriptors(link) for link in chain(exception)):
        words, step = NO_DESCRIPTORS, FREE_DESCRIPTORS
    elif type(exception) is azure.DecodeError:
        kind, words = FaultKind.NOT_PROTOCOL, "The reply could not be decompressed"
    else:
        words = _network_words(text)
    return kind, words, step


def _setting(error: Exception, settings: ConnectionSettings) -> tuple[FaultKind, str, str] | None:
    """Return the fault that a wrong setting of the program or the machine causes, and the next step; or None."""
    text = _text(error)
    found: tuple[str, str] | None = None
    if "Missing dependencies for SOCKS" in text:
        found = "The proxy is a SOCKS proxy, and PySocks, which speaks to those, is not installed", _INSTALL_SOCKS
    elif any(sign in text for sign in _NO_FILE):
        named = _NAMED_FILE.search(text)
        found = f"The certificate file {named[1] if named else ''} does not exist", _SET_FILES
    elif any(sign in text for sign in _BAD_CLIENT_FILE):
        found = f"The client certificate {settings.client_certificate} cannot be read", _SET_FILES
    elif any(sign in text for sign in _BAD_FILE) or ("SSLError" in text and _is_files(error)):
        found = f"The certificate file {settings.certificates} cannot be read", _SET_FILES
    elif any(sign in text for sign in _BAD_PROXY):
        found = "The proxy's address cannot be used", _SET_PROXY
    return None if found is None else (FaultKind.SETTING, " ".join(found[0].split()), found[1])


def _is_files(error: Exception) -> bool:
    return any(isinstance(link, (PermissionError, FileNotFoundError, IsADirectoryError)) for link in chain(error))


def _text(error: BaseException) -> str:
    return " ".join(f"{type(link).__name__}: {link}" for link in chain(error))


def _cure(text: str) -> str | None:
    """Return the next step for a certificate, unless the problem is the usual one, an unknown CA."""
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
        **dict.fromkeys(QUOTING, "The reply was not HTTP"),
        "Connection aborted": "The connection was cut",
        "Network is unreachable": "There is no network",
        "SSLError": "TLS could not be agreed on",
    }
    return next((words for sign, words in known.items() if sign in text), "The connection failed")
