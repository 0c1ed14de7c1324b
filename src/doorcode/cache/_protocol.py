"""The Protocol that authors of token stores implement, and the values that its methods take and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeGuard, runtime_checkable

from doorcode._core.flows.leases import LeaseHolder
from doorcode._core.values import field, value_class

__all__ = [
    "Conflict",
    "Lease",
    "LeaseHolder",
    "Loaded",
    "ReadOnlyStore",
    "RemoteStore",
    "RenewableLease",
    "Stamp",
    "TokenStore",
    "UpdatingStore",
    "WatchedStore",
    "can_update",
    "is_remote",
    "is_renewable",
    "is_watched",
]

Stamp: TypeAlias = str | None
"""Opaque text that differs whenever the stored content differs; None when nothing is stored."""


@value_class(frozen=True, slots=True)
class Loaded:
    """The content of a store.

    Attributes:
        data: MSAL's unified cache JSON, in UTF-8; None when there is nothing to read. A stamp may come with None: the
            key of an encrypted file may be lost, for example.
        stamp: the stamp of exactly this content.
    """

    data: bytes | None = field(repr=False)
    stamp: Stamp


@value_class(frozen=True, slots=True)
class Conflict:
    """The content that ``save`` found in place of the content that the caller expected; read under the lock.

    Attributes:
        data: as in Loaded.
        stamp: the stamp to pass to the next ``save``.
    """

    data: bytes | None = field(repr=False)
    stamp: Stamp


class Lease(Protocol):
    """The exclusive right to do something, such as a refresh, until it is released."""

    def release(self) -> None:
        """Give the lease up; does nothing when it is released already, or in a forked child."""


@runtime_checkable
class RenewableLease(Lease, Protocol):
    """A lease whose holder can extend it, and learns in doing so whether it still holds it."""

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Extend the lease.

        Args:
            seconds: how long the holder may need it from now on.
            until: the latest time at which the holder's work can end, in Unix seconds; None when that is unknown.

        Returns:
            whether this process still holds the lease: a store takes it from a holder that exceeds its time.
        """
        ...


class ReadOnlyStore(Protocol):
    """Another program's cache, which doorcode reads and never writes."""

    def load(self) -> Loaded:
        """Return the content, or no data when there is none; blocks for a local read.

        Raises:
            StoreError: the content exists and cannot be read.
        """
        ...

    def stamp(self) -> Stamp:
        """Return the stamp alone, cheaply."""
        ...

    def describe(self) -> str:
        """Return whose cache this is and where, as text for the user."""
        ...


@runtime_checkable
class TokenStore(Protocol):
    """One token cache, shared by every process that opens the same store.

    Methods block and never prompt. Any thread, and a forked child, may call them. A failure is raised as a StoreError,
    and then the stored content is unchanged; any other exception counts as one. A method that asks the very credential
    that calls it for a token gets an AuthenticationFailedError.
    """

    @property
    def encrypted(self) -> bool:
        """Tell whether the content is encrypted at rest."""
        ...

    def load(self) -> Loaded:
        """Return the content and its stamp.

        Raises:
            StoreUnreadable: the content was damaged and has been set aside; the next load finds nothing.
            StoreError: the content exists and cannot be read now: permission, a wrong key, no connection.
        """
        ...

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the whole content if it is still the content that the caller loaded.

        Args:
            data: the new content; never empty.
            expected: the stamp of the content that ``data`` was made from; None when nothing was stored.

        Returns:
            The new stamp; or a Conflict, with nothing changed, when the stored stamp differs from ``expected``.

        Raises:
            StoreUnreadable: the stored content was damaged and has been set aside; load and try again.
            StoreError: nothing was written, and the content is as it was.
        """
        ...

    def delete(self) -> None:
        """Remove the content; does nothing when there is none.

        Raises:
            StoreError: the content is still stored.
        """
        ...

    def stamp(self) -> Stamp:
        """Return the stamp alone: no decryption, no parsing, no lock.

        Raises:
            StoreError: the store cannot be reached.
        """
        ...

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to get the lease of a name, which one caller in all processes can hold at a time; never waits.

        Args:
            name: at most 64 letters, digits, ``-``, ``_`` and ``.``.
            seconds: how long the caller needs the lease at most, unless it renews it. After that the store ends the
                lease, because its holder has stopped or died.

        Returns:
            The lease, a RenewableLease if the store supports it; it ends by itself when the process dies. None while
            another caller, in this process or another, holds it.

        Raises:
            StoreError: the store cannot be written.
            ValueError: the name has other characters or is too long.
        """
        ...

    def describe(self) -> str:
        """Return which store this is, where, and how it is protected, as text for the user."""
        ...


@runtime_checkable
class UpdatingStore(TokenStore, Protocol):
    """A store that can read, change and write under one lock, so that concurrent writers never have to retry.

    A store with a lock implements it; a compare-and-set store leaves it out.
    """

    def update(self, change: Callable[[bytes | None], bytes | None]) -> Loaded:
        """Replace the content by the result of ``change``; blocks as ``save`` does.

        Args:
            change: takes the present content or None, and returns the new content, or None to keep the present one. It
                is called once, under the lock: it must be quick and must not use this store.

        Returns:
            The content that is stored afterwards.

        Raises:
            StoreError: as for ``save``. An exception of ``change`` passes through, and then nothing was written.
        """
        ...


@runtime_checkable
class RemoteStore(TokenStore, Protocol):
    """A store on a server, which other machines go on using while this process cannot reach it.

    A refresh token that such a store has held is redeemed only while the store can be read and grants leases: another
    machine could redeem it at the same time, or have done so since.
    """

    @property
    def remote(self) -> bool:
        """Tell whether the content is on a server; a wrapper says what the store in it says."""
        ...


@runtime_checkable
class WatchedStore(TokenStore, Protocol):
    """A store that knows who holds a lease, so that a process that waits for the lease can tell its user."""

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return who holds a lease; None when that is unknown. Never waits."""
        ...


# ``isinstance`` with a Protocol imports ``inspect`` from Python 3.12 on, for which a stored token would wait. There it
# also overlooks what a wrapper passes on with ``__getattr__``.


def can_update(store: TokenStore) -> TypeGuard[UpdatingStore]:
    """Return whether a store reads, changes and writes under one lock."""
    return hasattr(store, "update")


def is_remote(store: TokenStore) -> bool:
    """Return whether a store is on a server."""
    return bool(getattr(store, "remote", False))


def is_watched(store: TokenStore) -> TypeGuard[WatchedStore]:
    """Return whether a store knows who holds a lease."""
    return hasattr(store, "lease_holder")


def is_renewable(lease: Lease) -> TypeGuard[RenewableLease]:
    """Return whether the holder of a lease can extend it."""
    return hasattr(lease, "renew")
