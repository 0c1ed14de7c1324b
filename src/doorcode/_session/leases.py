"""The leases that one flow holds, which other processes respect, and the steps for them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, TypeAlias

from doorcode._core.flows.leases import REFRESH_LEASE
from doorcode._core.steps import DropLease, FindLeaseHolder, PromptLives, RenewLease, TakeLease
from doorcode._session.nesting import held, refuse_to_wait

if TYPE_CHECKING:
    from doorcode._core.flows.leases import LeaseHolder
    from doorcode._core.flows.limits import RequestLimits
    from doorcode._session.session import Session
    from doorcode.cache._protocol import Lease

STORE_SECONDS: Final = 30.0
"""Seconds that a lease outlasts its request: for two writes to caches that other processes may lock."""
LeaseStep: TypeAlias = TakeLease | RenewLease | FindLeaseHolder | PromptLives | DropLease


def longest_refresh(limits: RequestLimits) -> float:
    """Return the seconds that a refresh may take: its longest request, and storing the reply."""
    return limits.whole(redeems=True) + STORE_SECONDS


class HeldLeases:
    """Hold the leases of one flow. Both caches of a session hold the same grant, so they share one lease.

    Args:
        session: the credential's session.
        outer: the leases of the flow that has called a program's ``_request_token``, for a flow inside that call.
    """

    def __init__(self, session: Session, outer: HeldLeases | None) -> None:
        self._session = session
        self._outer = outer
        self._held: dict[str, Lease] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def has(self, name: str) -> bool:
        """Return whether the lease of that name is held."""
        return name in self._held

    def perform(self, step: LeaseStep) -> bool | LeaseHolder | None:
        """Perform a step; the store may block briefly."""
        cache = self._session.cache(cae=False)
        match step:
            case TakeLease(name, seconds):
                lease = cache.lease(name, self._lasting(name, seconds))
                if lease is not None:
                    self._held[name] = lease
                elif any(isinstance(each, HeldLeases) and each.has(name) for each in held()):
                    refuse_to_wait()
                return lease is not None
            case RenewLease(name, seconds):
                return self._renew(name, self._lasting(name, seconds), None)
            case FindLeaseHolder(name):
                return cache.lease_holder(name)
            case PromptLives(seconds):
                (self._outer or self).note_prompt(self._session, seconds)
            case DropLease(name):
                self._drop(name)
        return None

    def note_prompt(self, session: Session, seconds: float) -> None:
        """Tell other processes that the prompt of this sign-in is valid for at most so many seconds.

        Args:
            session: of the flow that shows the prompt; the sign-in of another credential is ignored.
            seconds: from now.
        """
        if session is self._session:
            for name in self._held:
                self._renew(name, seconds, session.clock() + seconds)

    def release(self) -> None:
        """Give back all leases."""
        with ExitStack() as stack:
            for name in list(self._held):
                stack.callback(self._drop, name)

    def _lasting(self, name: str, seconds: float) -> float:
        """Return the duration of a lease: at least as long as the longest request that the program's options allow."""
        if name != REFRESH_LEASE:
            return seconds
        return max(seconds, longest_refresh(self._session.limits))

    def _drop(self, name: str) -> None:
        lease = self._held.get(name)
        try:
            if lease is not None:
                lease.release()
        except Exception as error:  # noqa: BLE001 - of the program's store; the lease ends by itself, and the call goes on
            self._session.warn_once(f"The lease for a {name} could not be given back: {type(error).__name__}: {error}")
        finally:
            self._held.pop(name, None)

    def _renew(self, name: str, seconds: float, until: float | None) -> bool:
        from doorcode.cache._protocol import is_renewable

        lease = self._held[name]
        return not is_renewable(lease) or lease.renew(seconds, until)
