"""Index the rows of a section, so that a cache of thousands of tokens is searched as fast as one of a few.

An index holds hints: the keys under which a row may be. Sections share an index as they grow, so a hint may lead to a
row that is missing in an older section, or that has changed since. A caller that follows a hint checks the row itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from doorcode._core.json_values import as_object, instant
from doorcode._core.msal_cache.rows import ACCESS_TOKEN, Row, State, rows_of, text_of
from doorcode._core.secret import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

Holder: TypeAlias = tuple[str, str, str]
"""The holder of a token: client, home_account_id, and host in lower case."""

_Hints: TypeAlias = "dict[object, dict[str, None]]"


class Section(dict[str, Row]):
    """The rows of one section, with the indexes that have been needed so far. Its rows never change in place."""

    __slots__ = ("_ends", "_holders", "_scopes")

    def __init__(self, rows: Mapping[str, Row]) -> None:
        super().__init__(rows)
        self._holders: _Hints | None = None
        self._scopes: _Hints | None = None
        self._ends: dict[str, int] | None = None

    def with_rows(self, added: Mapping[str, Row]) -> Section:
        """Return a section that has these rows too, and continues the indexes of this one."""
        grown = Section(self)
        grown.update(added)
        grown._holders, grown._scopes, grown._ends = self._holders, self._scopes, self._ends
        for key, row in _objects(added):
            if self._holders is not None:
                _note(self._holders, key, [holder_of(row)])
            if self._scopes is not None:
                _note(self._scopes, key, _scopes_of(row))
            if self._ends is not None:
                _note_end(self._ends, row)
        return grown

    def holders(self) -> Iterator[Holder]:
        """Yield the holders of the tokens in this section."""
        if self._holders is None:
            self._holders = _indexed(self, lambda row: [holder_of(row)])
        for holder, keys in list(self._holders.items()):
            if any(holder_of(row) == holder for row in self._at(keys)):
                yield holder  # type: ignore[misc] # the keys of this index

    def with_scope(self, scope: str) -> Iterator[Row]:
        """Yield the rows whose target has a scope, whatever its case."""
        if self._scopes is None:
            self._scopes = _indexed(self, _scopes_of)
        name = scope.lower()
        return (row for row in self._at(self._scopes.get(name, {})) if name in _scopes_of(row))

    def may_have_ended(self, clients: Collection[str], before: float) -> bool:
        """Return whether a token of one of these clients may have expired before then; False is certain."""
        ends = self._ends
        if ends is None or _is_due(ends, clients, before):
            # The token that was due may have been replaced meanwhile.
            ends = self._ends = {}
            for _, row in _objects(self):
                _note_end(ends, row)
        return _is_due(ends, clients, before)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{key!r}: {SHOWN}' for key in self)}}}"

    def _at(self, keys: Iterable[str]) -> Iterator[Row]:
        for key in list(keys):
            row = as_object(self.get(key))
            if row is not None:
                yield row


def indexed(state: State) -> State:
    """Return a state whose access tokens have an index, built on first use."""
    rows = as_object(state.get(ACCESS_TOKEN))
    return state if rows is None else {**state, ACCESS_TOKEN: Section(cast("Mapping[str, Row]", rows))}


def section_of(state: State, name: str) -> Section:
    """Return a section with its index; a section without one gets one that lives as long as the result."""
    rows = state.get(name)
    return rows if isinstance(rows, Section) else Section(dict(rows_of(state, name)))


def holder_of(row: Row) -> Holder:
    """Return the holder of a token's row."""
    return text_of(row, "client_id"), text_of(row, "home_account_id"), text_of(row, "environment").lower()


def _scopes_of(row: Row) -> list[str]:
    return text_of(row, "target").lower().split()


def _indexed(rows: Mapping[str, Row], names: Callable[[Row], Iterable[object]]) -> _Hints:
    hints: _Hints = {}
    for key, row in _objects(rows):
        _note(hints, key, names(row))
    return hints


def _note(hints: _Hints, key: str, names: Iterable[object]) -> None:
    for name in names:
        hints.setdefault(name, {})[key] = None


def _is_due(ends: Mapping[str, int], clients: Collection[str], before: float) -> bool:
    return any(ends[client] < before for client in clients if client in ends)


def _note_end(ends: dict[str, int], row: Row) -> None:
    end = instant(row.get("expires_on"))
    if end is not None:
        client = text_of(row, "client_id")
        ends[client] = min(ends.get(client, end), end)


def _objects(rows: Mapping[str, Row]) -> Iterator[tuple[str, Row]]:
    for key, value in rows.items():
        row = as_object(value)
        if row is not None:
            yield key, row
