"""Decide whose tokens a credential uses. No other module decides that.

- A record that the program gave, or a sign-in of this credential, names the account.
- Otherwise ``username`` names it.
- Otherwise the only account in the token cache is used, if the program allows that; ``login_hint`` narrows the choice
  to the account of that name. If the program says nothing, this is allowed only where the prompt appears on this
  machine: a program's own prompt may appear in front of any visitor of a server, and each visitor has to sign in.
- An account that was found in the cache once stays this credential's account.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from doorcode._core.checks import PROMPTS, is_in, is_of
from doorcode._core.model import Who
from doorcode._core.msal_cache import lookup
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from doorcode._core.msal_cache.lookup import Account
    from doorcode._core.msal_cache.rows import State
    from doorcode._core.replies.identity import Identity


@value_class(frozen=True, slots=True)
class AccountOptions:
    """What the program says about the account of a credential.

    Attributes:
        home_account_id: of the record that was given, or None.
        name: the user name in that record, or ``username``; None without both.
        login_hint: the sign-in name that the sign-in page is filled in with, or None.
        use_cached_account: whether the only account in the cache may be used; None leaves it to the prompt.
        prompts_here: whether the prompt appears on this machine.
    """

    home_account_id: str | None = None
    name: str | None = None
    login_hint: str | None = None
    use_cached_account: bool | None = None
    prompts_here: bool = True

    @property
    def adopts(self) -> bool:
        """Return whether the only account in the cache may be used, if the program names no account."""
        return self.prompts_here if self.use_cached_account is None else self.use_cached_account


@value_class(frozen=True, slots=True)
class AccountInUse:
    """The account that a credential has come to use.

    Attributes:
        signed_in: the ``home_account_id`` of its record, given or from its latest sign-in; or None.
        found: the ``home_account_id`` that was found in the cache instead, or None.
        asks: whether the program has shown that its users sign in elsewhere: the user has to sign in even if the cache
            holds an account, unless the program says ``use_cached_account=True``.
        signed_out: whether the program has signed its account out: the user has to sign in.
    """

    signed_in: str | None = None
    found: str | None = None
    asks: bool = False
    signed_out: bool = False

    @property
    def home_account_id(self) -> str | None:
        """Return the account whose tokens this credential uses; None if that is not decided yet."""
        return self.found if self.signed_in is None else self.signed_in


@value_class(frozen=True, slots=True)
class Ambiguous:
    """Several accounts fit."""

    candidates: tuple[Account, ...]


def usable(options: AccountOptions, current: AccountInUse, client_id: str, environments: frozenset[str]) -> Who:
    """Return whose tokens a credential may use now.

    Args:
        options: what the program said.
        current: the account in use.
        client_id: the application.
        environments: the authority's host and its aliases.
    """
    known = current.home_account_id
    if known is not None:
        return Who(client_id, environments, known, adopts=options.adopts)
    if options.name is not None:
        return Who(client_id, environments, username=options.name, adopts=options.adopts)
    asked_for = options.use_cached_account is True
    adopts = options.adopts and not current.signed_out and (asked_for or not current.asks)
    hint = options.login_hint if adopts else None
    return Who(client_id, environments, username=hint, adopts=adopts, insists=asked_for)


def may_use_cache(who: Who) -> bool:
    """Return whether any account in the cache may be used before a user has signed in."""
    return who.home_account_id is not None or who.username is not None or who.adopts


def find_account(who: Who, *states: State) -> Account | Ambiguous | None:
    """Find the account to use.

    Args:
        who: whose tokens may be used.
        states: what each of the two caches holds; the second may be left out where the first is enough.

    Returns:
        The account; Ambiguous when several fit, None when none does or none may be used.
    """
    if who.home_account_id is not None:
        each = (lookup.account_with_id(state, who.client_id, who.environments, who.home_account_id) for state in states)
        return next((account for account in each if account is not None), None)
    if not may_use_cache(who):
        return None
    found: dict[str, Account] = {}
    for state in states:
        for account in lookup.accounts(state, who.client_id, who.environments):
            if not (account.home_account_id in found and found[account.home_account_id].username):
                found[account.home_account_id] = account
    fitting = tuple(each for each in found.values() if who.username is None or same_name(each.username, who.username))
    return Ambiguous(fitting) if len(fitting) > 1 else next(iter(fitting), None)


def is_expected(options: AccountOptions, current: AccountInUse, identity: Identity) -> bool:
    """Return whether the user who signed in for ``get_token`` has the account that the program named.

    The account that ``authenticate`` put in its place counts as named. User names are compared only where no
    identifier is known, and ``login_hint`` is a suggestion: the user may choose another account on the sign-in page.
    """
    if options.home_account_id is None and options.name is None:
        return True
    if current.signed_in is not None:
        return identity.home_account_id == current.signed_in
    return options.name is None or same_name(identity.username, options.name)


def authenticates_silently(current: AccountInUse, name: str, *, force_prompt: bool, login_hint: object) -> bool:
    """Return whether ``authenticate`` may return the record it has.

    Args:
        current: the account in use.
        name: the user name in the record, or "".
        force_prompt: whether the program wants a prompt in any case.
        login_hint: the name that ``authenticate`` was given, or None.
    """
    if current.signed_in is None or force_prompt:
        return False
    return not (isinstance(login_hint, str) and login_hint) or same_name(login_hint, name)


def contradiction(options: AccountOptions, username: str | None) -> str | None:
    """Return a warning where the program names two accounts; None where it does not.

    Args:
        options: what the program said.
        username: the user name that it gave beside a record, or None.
    """
    for option, name in (("username", username), ("login_hint", options.login_hint)):
        if name and options.name and not same_name(name, options.name):
            which = "the record's account" if options.home_account_id is not None else "username"
            return f"{option} {name!r} is not {which} {options.name!r}, whose tokens this credential uses."
    return None


def same_name(one: str, other: str) -> bool:
    """Return whether two user names are the same: case does not matter."""
    return one.strip().casefold() == other.strip().casefold()


def prompts_here(callback: object) -> bool:
    """Return whether a ``prompt_callback`` shows its prompt on this machine: none, or one of ``doorcode.prompts``.

    A function that wraps such a prompt, or a subclass of it, is the program's own and may do anything.
    """
    if type(callback) is partial:
        bound = cast("partial[object]", callback)
        callback = bound if bound.args or bound.keywords else bound.func
    return callback is None or is_of(callback, PROMPTS) or is_in(type(callback).__module__, PROMPTS)
