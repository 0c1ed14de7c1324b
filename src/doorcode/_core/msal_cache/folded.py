"""Fold changes that a store could not take into one, so that memory stays bounded and no sign-in is lost."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, TypeAlias, cast

from doorcode._core.json_values import as_object
from doorcode._core.msal_cache.changes import merge
from doorcode._core.msal_cache.rows import ACCESS_TOKEN, REFRESH_TOKEN, Row, State, last_modified, rows_of, text_of
from doorcode._core.secret import SecretDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Holder: TypeAlias = "tuple[str, str]"
"""The holder of a token: client and home_account_id."""


class Folded:
    """The change that does what several changes have done, one after the other.

    Applied to a newer state, it follows the rules of the changes that it replaces: it does not bring back an account
    that another process has signed out meanwhile, and it does not replace a newer refresh token.

    Args:
        before: the state to which the changes apply.
        changes: the changes, the oldest first.
        removals: those of them that sign accounts out. They are kept as they are: if the store could not be read,
            ``before`` may lack an account that the store has.
    """

    def __init__(
        self, before: State, changes: Iterable[Callable[[State], State]], removals: Iterable[Callable[[State], State]]
    ) -> None:
        self._removals = tuple(removals)
        start, end = _applied(before, self._removals), _applied(before, changes)
        self._holders = _holders(start)
        self._known = _hidden(rows_of(start, REFRESH_TOKEN))
        self._rows = _rows_apart(end, start)
        self._gone: State = {name: _hidden(_rows_without(start, end, name)) for name in start}

    def __call__(self, state: State) -> State:
        """Return the changed state, or the same object if nothing changes."""
        left = _without(_applied(state, self._removals), self._gone)
        present = _holders(left)
        overtaken = {holder for holder in _holders(self._rows) if self._is_overtaken(holder, left, present)}
        accounts = {account for _, account in overtaken}

        def is_missing(row: Row) -> bool:
            client, account = _holder_of(row)
            return (client, account) not in overtaken if client else account not in accounts

        differing = _rows_apart(self._rows, left)
        added = {name: _hidden(each for each in rows_of(differing, name) if is_missing(each[1])) for name in differing}
        return merge(left, added) if any(added.values()) else left

    def _is_overtaken(self, holder: _Holder, state: State, present: frozenset[_Holder]) -> bool:
        """Return whether another process has signed the holder out, or stored a newer refresh token."""
        if holder in self._holders and holder not in present:
            return True
        mine = dict(rows_of(self._rows, REFRESH_TOKEN))
        times = [last_modified(row) for row in mine.values() if _holder_of(row) == holder]
        return bool(times) and any(
            _holder_of(row) == holder
            and row not in (self._known.get(key), mine.get(key))
            and last_modified(row) > max(times)
            for key, row in rows_of(state, REFRESH_TOKEN)
        )


def _applied(state: State, changes: Iterable[Callable[[State], State]]) -> State:
    return reduce(lambda before, change: change(before), changes, state)


def _hidden(rows: Iterable[tuple[str, Row]]) -> Mapping[str, Row]:
    """Return rows in a mapping whose repr shows no token."""
    return cast("Mapping[str, Row]", SecretDict(rows))


def _holder_of(row: Row) -> _Holder:
    return text_of(row, "client_id"), text_of(row, "home_account_id")


def _holders(state: State) -> frozenset[_Holder]:
    return frozenset(_holder_of(row) for name in (REFRESH_TOKEN, ACCESS_TOKEN) for _, row in rows_of(state, name))


def _rows_apart(state: State, other: State) -> State:
    """Return the rows of a state that another state lacks, or has with another content."""
    apart: dict[str, Mapping[str, Row]] = {}
    for name in state:
        known = as_object(other.get(name)) or {}
        rows = _hidden((key, row) for key, row in rows_of(state, name) if known.get(key) != row)
        if rows:
            apart[name] = rows
    return apart


def _rows_without(state: State, other: State, name: str) -> Iterable[tuple[str, Row]]:
    """Return the rows of a section whose keys another state lacks."""
    known = as_object(other.get(name)) or {}
    return ((key, row) for key, row in rows_of(state, name) if key not in known)


def _without(state: State, gone: State) -> State:
    """Return a state without these rows; a row that has changed meanwhile stays."""
    for name, rows in gone.items():
        section = as_object(state.get(name)) or {}
        left = _hidden((key, cast("Row", row)) for key, row in section.items() if key not in rows or rows[key] != row)
        if len(left) < len(section):
            state = {**state, name: left}
    return state
