"""Tell people and programs which store a cache would have, and why not another."""

from __future__ import annotations

from doorcode._core.values import dataclass
from doorcode._frames import clears_frames
from doorcode.cache._options import TokenCachePersistenceOptions, resolve_options
from doorcode.cache._select import Rejected, choose

__all__ = ["Status", "status"]


@dataclass(frozen=True, slots=True)
class Status:
    """Which store would be used.

    Attributes:
        store: what it is, where, and how it is protected; None when there is none.
        encrypted: whether the content is encrypted at rest.
        rejected: the kinds that come first and were not taken, with the reasons.
        error: why there is none; None when there is one.
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
    """Tell which store would be used; never prompts, reads no token, and blocks for two seconds without an answer.

    Args:
        options: as for ``cache_persistence_options``; by default those of azure-identity.
        cae: about the cache of tokens whose clients handle claims challenges.

    Raises:
        TypeError: the options are of another kind.
    """
    resolved = TokenCachePersistenceOptions() if options is None else resolve_options(options)
    try:
        if resolved.has_key:
            resolved.check_key()
        choice = choose(resolved, cae=cae)
    except ValueError as error:
        return Status(None, encrypted=False, rejected=(), error=str(error))
    return Status(choice.store.describe(), encrypted=choice.store.encrypted, rejected=choice.rejected)
