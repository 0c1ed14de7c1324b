"""``doorcode doctor``: find out why signing in does not work here, and say what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import click

from doorcode import AzureAuthorityHosts
from doorcode._cli import account_file, health_checks
from doorcode._cli.account_file import DEFAULT_CACHE, AccountFileError, SignedIn, shown_text
from doorcode._cli.accounts import command_for, nobody_in
from doorcode._cli.failures import CommandError, ExitCode, for_users, wrong_usage
from doorcode._cli.fast_token import AccountChoice, chosen
from doorcode._cli.health_checks import FAIL, OK, WARN, Finding
from doorcode._cli.help_format import echo_wrapped
from doorcode._cli.options import cache_option, checked_text, is_stored, json_option
from doorcode.cache import StoreError
from doorcode.errors import CacheUnavailableError

STYLES: Final = {OK: "green", WARN: "yellow", FAIL: "red"}
MARGIN: Final = " " * 5
HTTPS: Final = 443


@click.command(short_help="Find out why signing in does not work here.")
@click.option(
    "--authority",
    metavar="HOST",
    callback=checked_text,
    help="What to reach; by default the current account's, or the cloud's.",
)
@json_option
@cache_option
def doctor(*, authority: str | None, as_json: bool, cache: str | None) -> None:
    """Check network, proxy, TLS, clock, authority, token cache and versions; say what to do.

    The exit code is 1 when a check fails.
    """
    findings: list[Finding] = []
    for found in examined(authority, cache):
        finding = found._replace(detail=for_users(found.detail))
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        click.echo(json.dumps({"checks": [finding._asdict() for finding in findings]}, indent=2))
    failed = any(finding.verdict == FAIL for finding in findings)
    raise click.exceptions.Exit(ExitCode.FAILED if failed else ExitCode.DONE)


def examined(authority: str | None, cache: str | None) -> Iterator[Finding]:
    """Yield a verdict for each check, as soon as it is there.

    Args:
        authority: what to reach; None for the current account's.
        cache: the name of a cache; None for the current account's.

    Raises:
        CommandError: one of the two cannot be right.
    """
    current: SignedIn | None = None
    yield health_checks.versions()
    try:
        current = next(iter(chosen(account_file.read(), AccountChoice(cache=cache))), None)
    except AccountFileError as error:
        yield Finding("account", FAIL, str(error))
    else:
        yield _account(current, cache)
    try:
        options = current.cache_options() if current else account_file.cache_options(cache or DEFAULT_CACHE)
    except ValueError as error:
        raise wrong_usage(error) from error
    yield health_checks.store(options)
    if current is not None:
        yield _sign_in(current)
    url, host, port = _address(authority, current)
    yield health_checks.proxy(host)
    yield health_checks.certificate(host, port)
    yield from health_checks.authority(url)


def _account(current: SignedIn | None, cache: str | None) -> Finding:
    try:
        account_file.check_writable()
    except AccountFileError as error:
        return Finding("account", FAIL if current is None else WARN, str(error))
    if current is None:
        return Finding("account", WARN, nobody_in(cache), f"Run {command_for(cache, 'login')}.")
    return Finding("account", OK, f"{current.name} is the current account.")


def _sign_in(current: SignedIn) -> Finding:
    """Tell whether the cache has the sign-in of an account."""
    try:
        if is_stored(current):
            return Finding("sign-in", OK, f"The sign-in of {current.name} is stored.")
    except (StoreError, CacheUnavailableError) as error:
        return Finding("sign-in", FAIL, f"The cache cannot be read: {error}.")
    return Finding("sign-in", WARN, f"The cache has no sign-in of {current.name}.", "Run `doorcode login`.")


def _address(authority: str | None, current: SignedIn | None) -> tuple[str, str, int]:
    """Return the URL of the authority with a tenant, its host and its port."""
    named = authority or (current.record.authority if current else "") or os.environ.get("AZURE_AUTHORITY_HOST", "")
    place = (named or AzureAuthorityHosts.AZURE_PUBLIC_CLOUD).strip().rstrip("/")
    tenant = current.record.tenant_id if current and authority in {None, current.record.authority} else "organizations"
    parts = urlsplit(place if "//" in place else f"https://{place}")
    try:
        host, port = parts.hostname, parts.port or HTTPS
    except ValueError:
        host, port = None, HTTPS
    if host is None or parts.scheme != "https":
        message = f"{place} is no authority: write a host, such as login.microsoftonline.com."
        raise CommandError(message, ExitCode.USAGE)
    return f"https://{parts.netloc}{parts.path or '/' + tenant}", host, port


def _print(finding: Finding) -> None:
    first, *more = shown_text(finding.detail).split("\n")
    click.secho(f"{finding.verdict:<4} ", fg=STYLES[finding.verdict], nl=False)
    echo_wrapped(f"{finding.check}: {first}", MARGIN)
    for line in [*more, *(["-> " + finding.advice] if finding.advice else [])]:
        click.echo(MARGIN, nl=False)
        echo_wrapped(line, MARGIN)
