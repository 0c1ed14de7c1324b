"""What every store of tokens does: the Protocol that authors of stores implement, and its values."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from doorcode._core.flows.lease_steps import LeaseHolder
from doorcode._core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Conflict",
    "Lease",
    "LeaseHolder",
    "Loaded",
    "ReadOnlyStore",
    "RenewableLease",
    "Stamp",
    "TokenStore",
    "UpdatingStore",
    "WatchedStore",
]

Stamp: TypeAlias = "str | None"
"""Opaque; differs whenever the stored content differs. None: nothing is stored."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a store holds.

    Attributes:
        data: MSAL's unified cache JSON, in UTF-8; None when there is nothing to read (which may come with a stamp:
            a file whose key is gone, for example).
        stamp: of exactly this content.
    """

    data: bytes | None = field(repr=False)
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is stored now, instead of what the caller expected; read under the lock.

    Attributes:
        data: as in Loaded.
        stamp: what the next ``save`` must expect.
    """

    data: bytes | None = field(repr=False)
    stamp: Stamp


class Lease(Protocol):
    """Something in progress that only one holder does at a time."""

    def release(self) -> None:
        """Let the next one have it; does nothing when released already, or in a forked child."""


@runtime_checkable
class RenewableLease(Lease, Protocol):
    """A lease that its holder can keep for longer than it said at first, and that it may have lost meanwhile."""

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Say that the lease is needed for so many seconds from now.

        Args:
            seconds: how long at most.
            until: the wall clock's time at which what the holder does is over in any case, in Unix seconds.

        Returns:
            whether this process still holds it: a store takes it from a holder that needs longer than it said.
        """
        ...


class ReadOnlyStore(Protocol):
    """Content that may be read and is never written: somebody else's cache."""

    def load(self) -> Loaded:
        """Return the content, or no data when there is none; blocks for a local read.

        Raises:
            StoreError: it is there and cannot be read.
        """
        ...

    def stamp(self) -> Stamp:
        """Return the stamp alone, cheaply."""
        ...

    def describe(self) -> str:
        """Return, for people, whose and where it is."""
        ...


@runtime_checkable
class TokenStore(Protocol):
    """One token cache, shared by every process that opens the same place.

    Methods block, never prompt, and may be called from any thread and by a forked child. Whatever fails is a
    StoreError; a store that reports one has changed nothing.
    """

    @property
    def encrypted(self) -> bool:
        """Tell whether the content is encrypted at rest."""
        ...

    def load(self) -> Loaded:
        """Return the content and its stamp.

        Raises:
            StoreUnreadable: the content was damaged and has been set aside; the next load finds nothing.
            StoreError: the content is there and cannot be read now: permission, a wrong key, no connection.
        """
        ...

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content as a whole if it is still what the caller loaded.

        Args:
            data: what to store; never empty.
            expected: the stamp of what ``data`` was made from; None when nothing was stored.

        Returns:
            The new stamp, or a Conflict, with nothing changed, when the stored stamp is another.

        Raises:
            StoreUnreadable: what is stored now was damaged and has been set aside; load and try again.
            StoreError: nothing was stored, and what was stored before still is.
        """
        ...

    def delete(self) -> None:
        """Remove the content; does nothing when there is none.

        Raises:
            StoreError: it is still there.
        """
        ...

    def stamp(self) -> Stamp:
        """Return the stamp alone: no decryption, no parsing, no lock.

        Raises:
            StoreError: the place cannot be looked at.
        """
        ...

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to become the only one, in all processes, who does what ``name`` says.

        Args:
            name: letters, digits, ``-``, ``_`` and ``.``; at most 64.
            seconds: how long it can take at most, unless the lease is renewed. A store ends the lease then: its holder
                is stopped, or dead where the store cannot see that.

        Returns:
            The lease, which ends by itself when the process dies; a RenewableLease where the store can. None while
            another caller, in this process or another, holds it. Never waits.

        Raises:
            StoreError: the place cannot be written.
            ValueError: the name has other characters.
        """
        ...

    def describe(self) -> str:
        """Return, for people, which store this is, where, and how it is protected."""
        ...


@runtime_checkable
class UpdatingStore(TokenStore, Protocol):
    """A store that can read, change and write under one lock: nobody has to try again, however many write at once.

    For stores that have a lock anyway; one of the compare-and-set kind leaves it out.
    """

    def update(self, change: Callable[[bytes | None], bytes | None]) -> Loaded:
        """Replace the content by what ``change`` makes of it; blocks as ``save`` does.

        Args:
            change: gets the content now, or None; returns the new content, or None to leave it. Called once, under the
                lock: it must be quick and must not use this store.

        Returns:
            What is stored when it is done.

        Raises:
            StoreError: as for ``save``; also whatever ``change`` raises, and then nothing was stored.
        """
        ...


@runtime_checkable
class WatchedStore(TokenStore, Protocol):
    """A store that knows who holds a lease, so that a process that waits for it can tell its user."""

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return who holds a lease; None where that is not known. Never waits."""
        ...
