"""Report which store a cache would use here, and the reasons against the others."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH120

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from doorcode._core.values import value_class
from doorcode._frames import clears_frames
from doorcode.cache._content import load
from doorcode.cache._errors import StoreError, StoreKeyError, StoreUnreadable
from doorcode.cache._files.ownership import check_directory
from doorcode.cache._options import TokenCachePersistenceOptions, resolve_options
from doorcode.cache._select import Rejected, choose, locate
from doorcode.cache._stores.file import FileStore

if TYPE_CHECKING:
    from doorcode.cache._protocol import TokenStore

__all__ = ["Status", "status"]


@value_class(frozen=True, slots=True)
class Status:
    """The store that a cache would use.

    Attributes:
        store: which store it is, where, and how it is protected; None when no store can be used.
        encrypted: whether the content is encrypted at rest.
        rejected: the kinds of store that were tried before, with the reasons against them.
        error: why no store can be used; None when one can.
        memory_only: why this process cannot write to the store, or cannot read one of the program's own, so that new
            sign-ins are kept in its memory only; None when it can.
    """

    store: str | None
    encrypted: bool
    rejected: tuple[Rejected, ...]
    error: str | None = None
    memory_only: str | None = None

    def __str__(self) -> str:
        if self.store is None:
            return str(self.error)
        lines = [f"Sign-ins are kept in {self.store}."]
        if self.memory_only is not None:
            lines = [
                f"New sign-ins are kept in memory only, for one process: {self.memory_only}.",
                f"The token cache would be {self.store}.",
            ]
        if self.rejected:
            lines += ["Not used:", *(f"  - {reason}" for reason in self.rejected)]
        return "\n".join(lines)


@clears_frames
def status(options: object | None = None, *, cae: bool = False) -> Status:
    """Report which store a cache would use, and whether it works; never prompts, and shows no token.

    It waits at most two seconds for a keyring that does not answer, and as long as ``timeout=`` for a Redis server.

    Args:
        options: as for ``cache_persistence_options``; by default the cache that Microsoft's tools share.
        cae: whether to report on the CAE cache: the tokens of clients that handle claims challenges.

    Raises:
        TypeError: the options have another type.
    """
    resolved = TokenCachePersistenceOptions() if options is None else resolve_options(options)
    try:
        if resolved.has_key:
            resolved.check_key()
        choice = choose(resolved, cae=cae)
        if resolved.store is not None:
            memory_only = _why_unreadable(choice.store)
        else:
            memory_only = _why_unwritable(resolved, choice.store, cae=cae)
    except (ValueError, StoreKeyError) as error:
        return Status(None, encrypted=False, rejected=(), error=str(error))
    return Status(
        choice.store.describe(),
        encrypted=choice.store.encrypted,
        rejected=choice.rejected,
        memory_only=memory_only,
    )


def _why_unreadable(store: TokenStore) -> str | None:
    """Return why a store of the program's own cannot be read; None if it can.

    Raises:
        StoreKeyError: the key does not decrypt the content.
    """
    try:
        load(store)
    except StoreKeyError:
        raise
    except StoreUnreadable:
        return None  # the store has set the content aside, so the next sign-in is stored
    except StoreError as error:
        return str(error)
    return None


def _why_unwritable(options: TokenCachePersistenceOptions, store: TokenStore, *, cae: bool) -> str | None:
    """Return why this process cannot write to a store of this machine; None if it can.

    Raises:
        StoreKeyError: the key does not decrypt the content.
    """
    try:
        if isinstance(store, FileStore):
            store.check()
        # The locks of keyrings are files in this directory too.
        check_directory(os.path.dirname(locate(options, cae=cae).base), private=options.path is None)
    except StoreKeyError:
        raise
    except StoreError as error:
        return str(error)
    return None
