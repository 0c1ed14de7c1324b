"""Report which store a cache would use here, and the reasons against the others."""

from __future__ import annotations

from doorcode._core.values import value_class
from doorcode._frames import clears_frames
from doorcode.cache._options import TokenCachePersistenceOptions, resolve_options
from doorcode.cache._select import Rejected, choose

__all__ = ["Status", "status"]


@value_class(frozen=True, slots=True)
class Status:
    """The store that a cache would use.

    Attributes:
        store: which store it is, where, and how it is protected; None when no store can be used.
        encrypted: whether the content is encrypted at rest.
        rejected: the kinds of store that were tried before, with the reasons against them.
        error: why no store can be used; None when one can.
    """

    store: str | None
    encrypted: bool
    rejected: tuple[Rejected, ...]
    error: str | None = None

    def __str__(self) -> str:
        if self.store is None:
            return str(self.error)
        lines = [f"Sign-ins are kept in {self.store}."]
        if self.rejected:
            lines += ["Not used:", *(f"  - {reason}" for reason in self.rejected)]
        return "\n".join(lines)


@clears_frames
def status(options: object | None = None, *, cae: bool = False) -> Status:
    """Report which store a cache would use; never prompts, and reads no token.

    It waits at most two seconds for a keyring that does not answer.

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
    except ValueError as error:
        return Status(None, encrypted=False, rejected=(), error=str(error))
    return Status(choice.store.describe(), encrypted=choice.store.encrypted, rejected=choice.rejected)
