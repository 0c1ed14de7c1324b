"""``doorcode accounts``, ``switch``, ``logout`` and ``status``: who is signed in, and where that is kept."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import click

from doorcode import cache as token_caches
from doorcode._cli import account_file
from doorcode._cli.account_file import DEFAULT_CACHE, DEFAULT_CLIENT_ID, Accounts, SignedIn, shown, shown_text
from doorcode._cli.failures import CommandError, ExitCode, as_command_error, for_users, sign_in_needed, wrong_usage
from doorcode._cli.fast_token import AccountChoice, chosen, stored_tokens
from doorcode._cli.help_format import complain, echo_wrapped
from doorcode._cli.options import (
    account_named,
    cache_option,
    choice_options,
    is_stored,
    json_option,
    name_argument,
    notes,
    silent_credential,
)
from doorcode.cache import CachedAccount, StoreError
from doorcode.errors import CacheUnavailableError


def nobody_in(cache: str | None) -> str:
    """Return that no account is signed in; in one cache, where the user has named it."""
    return "No account is signed in." if cache is None else f"No account in the cache {shown(cache)} is signed in."


def command_for(cache: str | None, *words: str) -> str:
    """Return a command in backticks, for the cache that the user has named."""
    line = ["doorcode", *words, *([] if cache is None else ["--cache", cache])]
    return f"`{shown_text(shlex.join(line))}`"


@click.command(short_help="List the signed-in accounts.")
@json_option
def accounts(*, as_json: bool) -> None:
    """List the accounts that are signed in; the current one has a star."""
    known = account_file.read()
    if as_json:
        _print_json([_described(each, current=each is known[0]) for each in known])
        return
    if not known:
        click.echo(f"{nobody_in(None)} Begin with {command_for(None, 'login')}.", err=True)
    for each in known:
        star = "*" if each is known[0] else " "
        click.echo(f"{star} {each.name}  tenant {each.tenant}  {each.authority}{_particulars(each, known)}")


def _particulars(account: SignedIn, known: Accounts) -> str:
    """Return an application or a cache that is not the default one, and the ID where several accounts have one name."""
    record = account.record
    ids = {each.record.home_account_id for each in known if each.name == account.name}
    words = {
        "application": record.client_id if record.client_id != DEFAULT_CLIENT_ID else None,
        "cache": account.cache if account.cache != DEFAULT_CACHE else None,
        "home_account_id": record.home_account_id if len(ids) > 1 else None,
    }
    return "".join(f"  {name} {shown(value)}" for name, value in words.items() if value)


@click.command(short_help="Make another account the current one.")
@choice_options(name_argument)
def switch(*, choice: AccountChoice) -> None:
    """Make another signed-in account the current one. NAME is its user name, or its home_account_id."""
    account = account_named(choice)
    account_file.update(partial(_switched, account))
    click.echo(f"The current account is {account.name}.", err=True)


def _switched(account: SignedIn, known: Accounts) -> Accounts:
    """Return the accounts with one as the current one, as the file has it by now.

    Raises:
        CommandError: another process signed it out meanwhile.
    """
    for each in known:
        if each.key == account.key:
            return account_file.made_current(known, each)
    raise sign_in_needed(f"{account.name} has just been signed out.")


@click.command(short_help="Sign an account out.")
@choice_options()
@click.option("--all", "every_account", is_flag=True, help="Sign every account out.")
def logout(*, choice: AccountChoice, every_account: bool) -> None:
    """Sign an account out: remove its tokens from the cache, and the account from the list.

    Access tokens that programs hold already live on until they expire, an hour or so.
    """
    if every_account:
        if choice != AccountChoice(cache=choice.cache):
            raise click.UsageError("--all goes with --cache alone: it signs every account out.")
        _sign_out_every_account(choice.cache)
        return
    if choice == AccountChoice(cache=choice.cache) and not chosen(account_file.read(), choice):
        everything = command_for(choice.cache, "logout", "--all")
        click.echo(f"{nobody_in(choice.cache)} {everything} also signs out what programs signed in.", err=True)
        return
    leaving = account_named(choice, can_sign_in=False)
    _remove_tokens(leaving)
    # The account stays in the list for as long as its tokens may be stored.
    account_file.update(lambda known: tuple(each for each in known if each.key != leaving.key))
    click.echo(f"Signed {leaving.name} out.", err=True)
    left = account_file.read()
    if left:
        click.echo(f"The current account is {left[0].name}.", err=True)


def _sign_out_every_account(cache: str | None) -> None:
    """Sign every account out, go on where one of them fails, and end with the exit code of the first failure."""
    known, damage = account_file.read_legible()
    leaving = [each for each in known if cache in {None, each.cache}]
    report = _SignOutReport()
    gone = {each.key for each in leaving if report.attempt_for(each.name, partial(_remove_tokens, each))}
    places = {cache or DEFAULT_CACHE, *(each.cache for each in leaving)}
    unlisted = sum(_sign_out_unlisted(each, report) for each in sorted(places))
    if damage is not None:
        report.end()  # The file stays damaged until no token is left, so that the user can run the command again.
    elif not leaving:
        report.end()
        if not unlisted:
            click.echo(nobody_in(cache), err=True)
        return
    aside = account_file.update(
        lambda accounts: tuple(each for each in accounts if each.key not in gone), repair=damage is not None
    )
    if aside is not None:
        report.add(_lost(aside))
    report.end()


def _remove_tokens(account: SignedIn) -> None:
    """Remove an account's tokens from its cache.

    Raises:
        StoreError: tokens of it are still stored.
        CacheUnavailableError: the cache cannot be opened; tokens may still be stored.
    """
    with notes(quiet=True), silent_credential(account) as credential:
        credential.sign_out(account.record)


def _sign_out_unlisted(cache: str, report: _SignOutReport) -> int:
    """Sign out the accounts of the default application that a cache holds and the list does not name.

    Returns:
        How many there were.
    """
    try:
        options = account_file.cache_options(cache)
    except ValueError as error:
        raise wrong_usage(error) from error
    found: list[CachedAccount] = []
    with notes(quiet=True):
        report.attempt(lambda: found.extend(token_caches.accounts(options)))
        leaving = [each for each in found if DEFAULT_CLIENT_ID in each.client_ids]
        for each in leaving:
            name = shown(each.username or each.home_account_id)
            report.attempt_for(name, partial(token_caches.sign_out, each, options, client_id=DEFAULT_CLIENT_ID))
    return len(leaving)


def _lost(aside: str) -> CommandError:
    return CommandError(
        f"The account file could not be read. It is kept as {shown_text(aside)}.\n"
        "Accounts that only it names, of a cache with another name or of another application, may still be signed in: "
        "sign in to each with `doorcode login` and the same options, then run `doorcode logout`."
    )


class _SignOutReport:
    """Tell the user about each account as it is signed out or fails, and keep the first failure's exit code."""

    def __init__(self) -> None:
        self._code = ExitCode.DONE

    def attempt_for(self, name: str, work: Callable[[], object]) -> bool:
        """Sign an account out, and return whether that was done.

        Args:
            name: of the account.
            work: does it.
        """
        done = self.attempt(work, f"{name} may still be signed in. ")
        if done:
            click.echo(f"Signed {name} out.", err=True)
        return done

    def attempt(self, work: Callable[[], object], lead: str = "") -> bool:
        """Do something for the sign-outs, and return whether it was done.

        Args:
            work: does it.
            lead: what the message of a failure begins with.
        """
        try:
            work()
        except (StoreError, CacheUnavailableError) as error:
            failure = as_command_error(error)
            assert failure is not None, "both have an exit code"
            self.add(CommandError(f"{lead}{failure}", failure.code))
            return False
        return True

    def add(self, failure: CommandError) -> None:
        """Tell the user about a failure."""
        complain(failure)
        self._code = self._code or failure.code

    def end(self) -> None:
        """End the command with the exit code of the first failure, if there was one."""
        if self._code is not ExitCode.DONE:
            raise click.exceptions.Exit(self._code)


@click.command(short_help="Say where tokens are kept and who is signed in.")
@json_option
@cache_option
def status(*, as_json: bool, cache: str | None) -> None:
    """Say where tokens are kept and why there, who is signed in, and when tokens end."""
    known = account_file.read()
    current = next(iter(chosen(known, AccountChoice(cache=cache))), None)
    name = current.cache if current else cache or DEFAULT_CACHE
    try:
        options = current.cache_options() if current else account_file.cache_options(name)
    except ValueError as error:
        raise wrong_usage(error) from error
    store = token_caches.status(options)
    tokens: list[dict[str, Any]] = []
    stored: bool | None = None
    if current is not None and store.store is not None:
        stored, tokens = is_stored(current), _tokens(current)
    if as_json:
        _print_json(
            {
                "account": _described(current, current=True) if current else None,
                "accounts_file": account_file.path(),
                "cache": name,
                "signed_in": bool(stored),
                "store": store.store,
                "encrypted": store.encrypted,
                "error": store.error,
                "rejected": [{"store": each.store, "reason": each.reason} for each in store.rejected],
                "tokens": tokens,
            }
        )
    else:
        _print_status(current, name, str(store), tokens, stored=stored, named=cache)
    if store.error is not None:
        raise click.exceptions.Exit(ExitCode.NO_CACHE)


def _print_status(
    current: SignedIn | None,
    cache: str,
    store: str,
    tokens: list[dict[str, Any]],
    *,
    stored: bool | None,
    named: str | None,
) -> None:
    if current is None:
        echo_wrapped(f"{nobody_in(named)} Begin with {command_for(named, 'login')}.")
    elif stored is None:
        echo_wrapped(f"The current account is {current.name}; its token cache cannot be used.")
    elif stored:
        echo_wrapped(f"Signed in as {current.name}, tenant {current.tenant}, at {current.authority}.")
    else:
        echo_wrapped(f"No sign-in of {current.name} can be found in the cache. Run `doorcode login`.")
    echo_wrapped(f"The cache is called {shown(cache)}.")
    echo_wrapped(for_users(shown_text(store)))
    for each in tokens:
        minutes = max(0, int(each["expires_on"] - time.time()) // 60)
        ends = f"{datetime.fromtimestamp(each['expires_on']).astimezone():%H:%M}"
        echo_wrapped(
            f"Token for {shown(each['scope'])} (tenant {shown(each['tenant_id'])}): until {ends}, {minutes} min."
        )
    if stored and not tokens:
        echo_wrapped("No valid access token is stored; the next command gets one.")
    echo_wrapped(f"The list of accounts is {shown_text(account_file.path())}.")


def _tokens(account: SignedIn) -> list[dict[str, Any]]:
    """Return the valid tokens of an account; of two for the same scopes, the one that lives longer."""
    found: dict[tuple[frozenset[str], str], dict[str, Any]] = {}
    for each in sorted(stored_tokens(account).valid(), key=lambda token: token.expires_on):
        row = {"scope": each.target, "tenant_id": each.tenant_id, "expires_on": each.expires_on}
        found[frozenset(each.target.lower().split()), each.tenant_id] = row
    return list(found.values())


def _described(account: SignedIn, *, current: bool) -> dict[str, Any]:
    record = account.record
    return {
        "username": record.username,
        "home_account_id": record.home_account_id,
        "tenant_id": record.tenant_id,
        "client_id": record.client_id,
        "authority": record.authority,
        "cache": account.cache,
        "current": current,
    }


def _print_json(content: object) -> None:
    click.echo(json.dumps(content, indent=2))
