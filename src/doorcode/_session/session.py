"""The state of one credential, and the work that its flows' steps do on it; shared by the sync and asyncio shells."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from doorcode._core.account_selection import may_use_cache, usable
from doorcode._core.display import account_name, log_line
from doorcode._core.msal_cache.changes import RemoveAccount
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._entra.given_transport import GivenTransport
from doorcode._log import logger
from doorcode._record import AuthenticationRecord
from doorcode._session.accounts.current import CurrentAccount
from doorcode._session.accounts.sign_outs import SignOuts
from doorcode._session.memory import Entry, Key, fresh
from doorcode._session.nesting import LOCKED, StoreUse, held, holding, refuse_to_wait
from doorcode._session.open_cache import open_cache
from doorcode._session.singleflight import SingleFlight
from doorcode._session.token_requests import TokenRequests
from doorcode.cache._outage import ServedRefreshTokens
from doorcode.cache._process_caches import MemoryCache
from doorcode.cache._token_cache import Change, TokenCache, WarnOnce

# Errors, and modules that only a reply of the authority needs, are imported on first use.
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from doorcode._config import Config
    from doorcode._core.flows.limits import RequestLimits
    from doorcode._core.flows.refusals import Refusals
    from doorcode._core.model import TokenRequest, Who
    from doorcode._core.msal_cache.lookup import Account
    from doorcode._entra.msal_client import MsalApplication

_LOGGER: Final = logger("doorcode")
_AFTER_FORK: Final = threading.Condition()
"""Held by the thread of a forked child that renews a session's locks."""
if hasattr(os, "register_at_fork"):  # Windows has no fork
    # A thread that is not in the child may have held it.
    os.register_at_fork(after_in_child=_AFTER_FORK.__init__)  # type: ignore[misc]


def _now() -> float:
    """Return the time of the current ``time.time``, which a program's tests may replace."""
    return time.time()


class CanCancel(Protocol):
    """A call or a sign-in that is under way."""

    def cancel(self) -> None:
        """End it; safe from any thread."""
        ...


class Session:
    """Hold a credential's account, tokens and connections. Thread-safe.

    Args:
        config: the credential's options.
        clock: the wall clock, in Unix seconds.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = _now) -> None:
        self.config = config
        self.clock = clock
        self.requests: TokenRequests = TokenRequests(config)
        self.memory: dict[Key, Entry] = {}
        self.account: CurrentAccount = CurrentAccount(config.record, self.memory)
        self.transport: GivenTransport = GivenTransport(config.pipeline.get("transport"))
        self._start()
        self._pid = os.getpid()

    def _start(self) -> None:
        self._lock: AbstractContextManager[object] = threading.RLock()
        """Guards what takes no time, so that an event loop may wait for it.

        Reentrant, because a signal handler may call ``cancel`` while this very thread holds it.
        """
        self._opening = threading.Lock()
        self._building = threading.Lock()
        self.account.after_fork()
        self._warned: set[str] = set()
        self.flights: SingleFlight = SingleFlight()
        self.sign_outs: SignOuts = SignOuts()
        self.storing: AbstractContextManager[object] = threading.RLock()
        """Held while a sign-in is stored and becomes the credential's, so that a sign-out sees both or neither."""
        self.waits: set[CanCancel] = set()
        self._refusals: Refusals | None = None
        self._pending: weakref.WeakSet[CanCancel] = weakref.WeakSet()
        self._application: MsalApplication | None = None
        self._caches: dict[bool, TokenCache] = {}
        self.served: ServedRefreshTokens = ServedRefreshTokens()
        self._trouble = WarnOnce(self._warn_locked)

    def after_fork(self) -> None:
        """Drop the locks and connections of the parent's threads, in a forked child."""
        if self._pid == os.getpid():
            return
        with _AFTER_FORK:
            if self._pid == os.getpid():
                return
            caches = self._caches
            self._start()
            self.transport.after_fork()
            # Another thread may have held a lock at the fork; the caches in memory remain valid in the child.
            for cae, cache in caches.items():
                if isinstance(cache, MemoryCache):
                    state, self._caches[cae] = cache.state(), MemoryCache()
                    self._caches[cae].commit(lambda _, state=state: state)  # type: ignore[misc]
            self._pid = os.getpid()  # at the end: another thread of the child may use the locks now

    def started(self, pending: CanCancel) -> None:
        """Keep track of a pending sign-in while the program holds it, so that ``cancel`` ends it too."""
        self.after_fork()
        with self._lock:
            self._pending.add(pending)

    def cancel(self) -> None:
        """Cancel every call and every sign-in that is under way; safe from any thread."""
        self.after_fork()
        if self._application is not None:
            self._application.cut_abandoned()
        with self._lock:
            under_way: list[CanCancel] = [*self._pending, *self.waits.copy()]
        for each in under_way:
            each.cancel()

    def close(self, *details: object) -> None:
        """Release the HTTP transport, and nothing else; a later request opens a new one.

        Args:
            *details: the arguments of ``__exit__``, for a transport that the program gave.
        """
        self.after_fork()
        if self._application is not None:
            self._application.close()
        self.transport.close(*details)

    def twin(self) -> Session:
        """Return a session with the same options and account, and without tokens, for a copy of the credential."""
        twin = Session(self.config, self.clock)
        twin.account.restore(self.account.kept())
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "account": self.account.kept()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["config"])  # type: ignore[misc] # pickle made the object without it
        self.account.restore(state["account"])

    @property
    def who(self) -> Who:
        """Return whose tokens this credential may use now."""
        config = self.config
        return usable(config.account, self.account.in_use, config.client_id, config.environments)

    @property
    def record(self) -> AuthenticationRecord | None:
        """Return the record of the latest sign-in, or the one that was given."""
        return self.account.record

    @cached_property
    def limits(self) -> RequestLimits:
        """Return the time limits of requests."""
        from doorcode._core.flows.limits import request_limits

        return request_limits(self.config.pipeline)

    @property
    def application(self) -> MsalApplication:
        """Return the MSAL client, built on first use."""
        with self._building:
            if self._application is None:
                from doorcode._entra.http_client import HttpClient
                from doorcode._entra.metadata import AuthorityMetadata
                from doorcode._entra.msal_client import MsalApplication

                metadata = AuthorityMetadata(lambda: tuple(self._caches.copy().values()), self.clock)
                client = HttpClient(self.config.pipeline, self.limits, metadata, self.transport)
                self._application = MsalApplication(self.config, client, metadata)
            return self._application

    def cache(self, *, cae: bool) -> TokenCache:
        """Return the cache for requests with or without CAE, opened on first use."""
        if LOCKED in held():
            refuse_to_wait()
        return self._caches.get(cae) or self._open(cae=cae)

    def _open(self, *, cae: bool) -> TokenCache:
        with StoreUse(self._opening), self._opening:
            if cae not in self._caches:
                self._caches[cae] = open_cache(
                    self.config,
                    cae=cae,
                    warn=self._warn_locked,
                    trouble=self._trouble,
                    served=self.served,
                    guard=lambda: StoreUse(self),
                )
            return self._caches[cae]

    @property
    def refusals(self) -> Refusals:
        """Return the refreshes that the authority has refused in this process."""
        with self._lock:
            if self._refusals is None:
                from doorcode._core.flows.refusals import Refusals

                self._refusals = Refusals()
            return self._refusals

    def opened(self, *, cae: bool) -> TokenCache | None:
        """Return a cache that is in use; None if a persistent one has not been opened."""
        in_memory = self.config.persistence is None or self.config.caches[cae] is not None
        return self.cache(cae=cae) if in_memory else self._caches.get(cae)

    def outage(self) -> str | None:
        """Return why the server of the token cache is of no use now; None if it is, or if there is none."""
        # Without the lock, which another thread may hold while it waits for that very server.
        return next(filter(None, (cache.outage() for cache in self._caches.copy().values())), None)

    def remembered(self, request: TokenRequest) -> StoredToken | None:
        """Return a token of this process that is still fresh."""
        options = {"tenant_id": request.tenant_id, "enable_cae": request.enable_cae}
        entry = fresh(self.memory, request.scopes, options, self.clock())
        return None if entry is None else entry.stored

    def remember(self, request: TokenRequest, token: StoredToken, fresh_until: float, sign_outs: int) -> None:
        """Remember a token under its tenant's name and, for the credential's own tenant, also without a name.

        Args:
            request: the request that it answers.
            token: the token.
            fresh_until: Unix seconds.
            sign_outs: the number of sign-outs when the token was looked for; if there were more since, nothing is
                remembered.
        """
        entry = Entry(token, fresh_until)
        keys: list[Key] = [(request.scopes, request.tenant_id, request.enable_cae)]
        if request.tenant_id == self.config.tenant_id:
            keys.append((request.scopes, None, request.enable_cae))
        with self.sign_outs.lock:
            if self.sign_outs.count == sign_outs:
                self.account.remember(token, dict.fromkeys(keys, entry), self.clock())

    def warn_once(self, message: str) -> None:
        """Log a warning about a lasting condition, once."""
        if message not in self._warned:
            self._warned.add(message)
            self.warn(message)

    def warn(self, message: str) -> None:
        """Log a warning about something that did not stop the request."""
        _LOGGER.warning("%s: %s", self.config.class_name, log_line(message))

    def _warn_locked(self, message: str) -> None:
        """Log a warning about a cache while the cache's locks are held."""
        with holding(LOCKED):
            self.warn(message)

    def log_debug(self, message: str) -> None:
        """Log a line that helps to find an error."""
        _LOGGER.debug("%s: %s", self.config.class_name, log_line(message))

    def removal(self, home_account_id: str) -> Change:
        """Return the change that removes an account's tokens for this application from a cache."""
        who = self.who
        return RemoveAccount(who.client_id, who.environments, home_account_id)

    def use_account(self, account: Account) -> bool:
        """Change to an account that was found in the cache, unless this credential uses another one by now."""
        used, changed = self.account.use(account, lambda: may_use_cache(self.who))
        if changed:
            name = account_name(account.username, account.home_account_id)
            _LOGGER.info("%s: using the account %s, which the token cache holds", self.config.class_name, name)
        return used
