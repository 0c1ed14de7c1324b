"""What ``doorcode doctor`` looks at: each check gives one verdict and says what to do."""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPSConnection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from doorcode import TokenCachePersistenceOptions
from doorcode import cache as token_caches

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"
SECONDS: Final = 10.0
"""Seconds to wait for the authority."""
MOST_SKEW: Final = 300
"""Seconds by which authority and services accept a clock to be wrong."""
NOTED_SKEW: Final = 30
PACKAGES: Final = ("doorcode", "msal", "azure-core", "requests", "cryptography")
PUBLIC_ISSUERS: Final = ("DigiCert", "Microsoft")
"""The issuers of the certificates of Microsoft's authorities."""
CLOUD_DOMAINS: Final = (".microsoftonline.com", ".microsoftonline.us", ".chinacloudapi.cn")
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ([^\"'()\[\]]+)")
_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Finding(NamedTuple):
    """One verdict.

    Attributes:
        check: what was looked at.
        verdict: ``ok``, ``warn`` or ``fail``.
        detail: what was found.
        advice: what to do; empty where nothing is.
    """

    check: str
    verdict: str
    detail: str
    advice: str = ""


def versions() -> Finding:
    """Tell the versions of what is involved."""
    try:
        found = [f"{name} {version(name)}" for name in PACKAGES]
    except PackageNotFoundError as error:
        return Finding("versions", FAIL, f"{error.name} is not installed.", "Install doorcode anew with pip.")
    return Finding("versions", OK, ", ".join([f"Python {platform.python_version()}", *found]))


def store(options: TokenCachePersistenceOptions) -> Finding:
    """Tell where tokens would be kept."""
    found = token_caches.status(options)
    if found.store is None:
        return Finding("store", FAIL, str(found.error))  # the error says what to do
    if found.memory_only is not None:
        return Finding("store", FAIL, str(found), "Let this user write there, or set HOME to a directory of this user.")
    if not found.encrypted:
        return Finding(
            "store",
            WARN,
            str(found),
            "A program that can read this file has the sign-ins: prefer a keyring or a key.",
        )
    return Finding("store", OK, str(found))


def proxy(host: str) -> Finding:
    """Tell which proxy the environment names for a host."""
    address = _proxy_for(host)
    if address is None:
        return Finding("proxy", OK, "None is set for the authority; the connection is direct.")
    parts = urlsplit(address if "//" in address else f"http://{address}")
    return Finding("proxy", OK, f"{parts.hostname}:{parts.port or 80}, from HTTPS_PROXY.")


def authority(url: str) -> Iterator[Finding]:
    """Ask an authority for its metadata, as a sign-in does.

    Args:
        url: of the authority, with a tenant.

    Yields:
        network, clock and discovery; only the first where nothing answers.
    """
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.transport import HttpRequest, RequestsTransport

    address = f"{url}/v2.0/.well-known/openid-configuration"
    host = urlsplit(url).netloc
    try:
        with RequestsTransport(connection_timeout=SECONDS, read_timeout=SECONDS) as transport:
            started = time.perf_counter()
            response = transport.send(HttpRequest("GET", address))
            took = time.perf_counter() - started
            status, date, body = response.status_code, response.headers.get("Date"), response.body()
    except (AzureError, OSError, ValueError) as error:
        yield Finding("network", FAIL, f"{host} cannot be reached: {_reason(error)}.", network_advice(error))
        return
    yield Finding("network", OK, f"{host} answered within {took * 1000:.0f} ms.")
    yield clock(date, time.time())
    yield discovery(status, body, host)


def clock(date: str | None, now: float) -> Finding:
    """Compare this machine's clock with the authority's.

    Args:
        date: the ``Date`` of its reply.
        now: the time here, in Unix seconds.
    """
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return Finding("clock", WARN, "The authority's reply has no date to compare with.")
    off = round(now - theirs)
    detail = f"This machine's clock is {abs(off)} s {'ahead of' if off > 0 else 'behind'} the authority's."
    if abs(off) >= MOST_SKEW:
        return Finding("clock", FAIL, detail, "Set the clock (timedatectl set-ntp true): tokens are refused otherwise.")
    if abs(off) >= NOTED_SKEW:
        return Finding("clock", WARN, detail, "Let the clock be set by NTP (timedatectl set-ntp true).")
    return Finding("clock", OK, detail)


def discovery(status: int, body: bytes, host: str) -> Finding:
    """Tell whether an authority's metadata is what a sign-in needs."""
    try:
        found: Any = json.loads(body)
        named = [str(found[name]) for name in ("token_endpoint", "device_authorization_endpoint")]
    except (ValueError, KeyError, TypeError):
        advice = "A proxy or a sign-in page of the network may answer in its place; or the tenant does not exist."
        return Finding("discovery", FAIL, f"{host} answered {status}, and not with its metadata.", advice)
    wrong = [url for url in named if urlsplit(url).scheme != "https"]
    if wrong:
        return Finding("discovery", FAIL, f"{host} names an address without TLS: {wrong[0]}", "Do not sign in there.")
    return Finding("discovery", OK, f"Tokens are asked for at {urlsplit(named[0]).netloc}.")


def certificate(host: str, port: int) -> Finding:
    """Tell who issued the authority's certificate, as it arrives here."""
    try:
        issuer = _issuer(host, port)
    except ssl.SSLCertVerificationError as error:
        advice = "Name your organization's CA in REQUESTS_CA_BUNDLE, if it inspects TLS."
        return Finding("tls", FAIL, f"The certificate of {host} is not trusted: {error.verify_message}.", advice)
    except (OSError, HTTPException, ValueError) as error:
        return Finding("tls", WARN, f"The certificate of {host} could not be looked at: {_reason(error)}.")
    cloud = any(f".{host}".endswith(domain) for domain in CLOUD_DOMAINS)
    if cloud and not issuer.startswith(PUBLIC_ISSUERS):
        advice = "Your organization inspects TLS. That works while its CA is trusted here; it can read the tokens."
        return Finding("tls", WARN, f"The certificate of {host} was issued by {issuer}, not by a public CA.", advice)
    return Finding("tls", OK, f"The certificate of {host} was issued by {issuer}.")


def _issuer(host: str, port: int) -> str:
    context = ssl.create_default_context(cafile=_trusted())
    address = _proxy_for(host)
    if address is None:
        connection = HTTPSConnection(host, port, timeout=SECONDS, context=context)
    else:
        parts = urlsplit(address if "//" in address else f"http://{address}")
        connection = HTTPSConnection(parts.hostname or "", parts.port or 80, timeout=SECONDS, context=context)
        connection.set_tunnel(host, port, _proxy_headers(parts.username, parts.password))
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket), "as HTTPSConnection makes it"
        found: Any = connection.sock.getpeercert() or {}
    finally:
        connection.close()
    names = {name: value for entry in found.get("issuer", ()) for name, value in entry}
    return str(names.get("organizationName") or names.get("commonName") or "an unnamed issuer")


def _trusted() -> str | None:
    """Return the file of trusted CAs that requests would use; None for the system's."""
    named = next(filter(None, map(os.environ.get, _BUNDLES)), None)
    if named is not None:
        return named if Path(named).is_file() else None
    try:
        from certifi import where
    except ImportError:
        return None
    return where()


def _proxy_for(host: str) -> str | None:
    found = getproxies()
    if proxy_bypass(host):
        return None
    return found.get("https") or found.get("all")


def _proxy_headers(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    from base64 import b64encode

    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"}


def network_advice(error: BaseException) -> str:
    """Return what to do about a connection that failed."""
    words = str(error).lower()
    if "certificate bundle" in words or "x509" in words:
        return "Correct REQUESTS_CA_BUNDLE, or unset it: it has to name a file of CA certificates."
    if "certificate" in words:
        return "If your organization inspects TLS, name its CA in REQUESTS_CA_BUNDLE."
    if "proxy" in words:
        return "Check HTTPS_PROXY and NO_PROXY."
    if isinstance(error.__cause__, socket.gaierror) or "resolve" in words or "name or service" in words:
        return "The name is not resolved: check the network's DNS, or set HTTPS_PROXY."
    return "Check the network and its firewall: the authority's port 443 has to be open, or HTTPS_PROXY set."


def _reason(error: BaseException) -> str:
    """Return the operating system's words for an error of the network, else the error's own."""
    found = _ERRNO.search(str(error))
    return found[1] if found else _first_line(error)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
