"""The state of one credential, and the work that its flows' steps do on it; shared by the sync and asyncio shells."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from doorcode._core.account_selection import may_use_cache, usable
from doorcode._core.checks import check_scopes, check_tenant
from doorcode._core.claims import merge_claims
from doorcode._core.clouds import default_scope
from doorcode._core.display import account_name, log_line
from doorcode._core.flows.limits import RequestLimits, request_limits
from doorcode._core.model import TokenRequest, Who
from doorcode._core.msal_cache import lookup
from doorcode._core.msal_cache.lookup import StoredToken
from doorcode._core.scopes import check_one_resource
from doorcode._core.tenants import resolve_tenant, same_tenant, tenant_refused
from doorcode._entra.given_transport import GivenTransport
from doorcode._log import logger
from doorcode._record import AuthenticationRecord
from doorcode._session.accounts.current import CurrentAccount
from doorcode._session.accounts.sign_outs import SignOuts
from doorcode._session.memory import Entry, Key
from doorcode._session.nesting import LOCKED, held, holding, refuse_to_wait
from doorcode._session.open_cache import open_cache
from doorcode._session.singleflight import SingleFlight
from doorcode.cache._process_caches import MemoryCache
from doorcode.cache._token_cache import Change, TokenCache, WarnOnce

# Errors, and modules that only a reply of the authority needs, are imported on first use.
if TYPE_CHECKING:
    from doorcode._config import Config
    from doorcode._core.flows.refusals import Refusals
    from doorcode._core.msal_cache.lookup import Account
    from doorcode._entra.msal_client import MsalApplication

_LOGGER: Final = logger("doorcode")


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
        self.memory: dict[Key, Entry] = {}
        self.account: CurrentAccount = CurrentAccount(config.record, self.memory)
        self.transport: GivenTransport = GivenTransport(config.pipeline.get("transport"))
        self.limits: RequestLimits = request_limits(config.pipeline)
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self.account.after_fork()
        self._warned: set[str] = set()
        self.flights: SingleFlight = SingleFlight()
        self.sign_outs: SignOuts = SignOuts()
        self.waits: set[CanCancel] = set()
        self._refusals: Refusals | None = None
        self._pending: weakref.WeakSet[CanCancel] = weakref.WeakSet()
        self._application: MsalApplication | None = None
        self._caches: dict[bool, TokenCache] = {}
        self._trouble = WarnOnce(self._warn_locked)

    def after_fork(self) -> None:
        """Drop the locks and connections of the parent's threads, in a forked child."""
        if self._pid != os.getpid():
            caches = self._caches
            self._start()
            # Another thread may have held a lock at the fork; the caches in memory remain valid in the child.
            for cae, cache in caches.items():
                if isinstance(cache, MemoryCache):
                    state, self._caches[cae] = cache.state(), MemoryCache()
                    self._caches[cae].commit(lambda _, state=state: state)  # type: ignore[misc]

    def started(self, pending: CanCancel) -> None:
        """Keep track of a pending sign-in while the program holds it, so that ``cancel`` ends it too."""
        with self._lock:
            self._pending.add(pending)

    def cancel(self) -> None:
        """Cancel every call and every sign-in that is under way; safe from any thread."""
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

    # -- requests

    def token_request(
        self,
        scopes: tuple[object, ...],
        method: str,
        claims: str | None,
        tenant_id: str | None,
        enable_cae: bool,  # noqa: FBT001 - azure-core's name and place
        options: Mapping[str, object],
    ) -> TokenRequest:
        """Check a caller's request.

        Raises:
            TypeError: a value of a wrong type.
            ValueError: no scope, or a value that cannot be right.
            ClientAuthenticationError: a tenant that the credential may not ask.
        """
        checked = check_scopes(scopes, method)
        check_one_resource(checked, method)
        merge_claims(claims, enable_cae)
        return TokenRequest(checked, self._tenant(tenant_id), claims or None, bool(enable_cae), dict(options))

    def resumed_request(self, asked: TokenRequest) -> TokenRequest:
        """Check the request of a sign-in that another process began, as if it began here.

        Raises:
            ValueError: a value that cannot be right, or a tenant to which this credential would not send the request.
            ClientAuthenticationError: a tenant that the credential may not ask.
        """
        request = self.token_request(asked.scopes, "resume", asked.claims, asked.tenant_id, asked.enable_cae, {})
        if not same_tenant(request.tenant_id, asked.tenant_id):
            message = f"This sign-in has tenant_id {asked.tenant_id!r}, but the credential has {request.tenant_id!r}."
            raise ValueError(message)
        return request

    def user_request(self, scopes: tuple[str, ...], options: Mapping[str, Any]) -> TokenRequest:
        """Return the arguments of ``_request_token`` as a request again."""
        rest = dict(options)
        claims, tenant_id = rest.pop("claims", None), rest.pop("tenant_id", None)
        return self.token_request(scopes, "get_token", claims, tenant_id, bool(rest.pop("enable_cae", False)), rest)

    def default_scopes(self, method: str) -> tuple[str, ...]:
        """Return the scope of the cloud's Resource Manager.

        Raises:
            CredentialUnavailableError: the authority belongs to no cloud that this library knows.
        """
        authority = self.config.authority
        scope = default_scope(authority.host, authority.port)
        if scope is None:
            from doorcode._error_mapping import unavailable

            message = f"{method}() at {authority.netloc} requires a value for 'scopes'."
            raise unavailable(message)
        return (scope,)

    def _tenant(self, asked: str | None) -> str:
        config = self.config
        single = bool(os.environ.get("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"))
        checked = check_tenant(asked) if asked else None
        tenant = resolve_tenant(config.tenant_id, checked, config.allowed_tenants, single)
        if tenant is None:
            from doorcode.errors import AuthenticationFailedError

            raise AuthenticationFailedError(tenant_refused(str(checked)))
        return tenant

    # -- the state that flows read

    @property
    def who(self) -> Who:
        """Return whose tokens this credential may use now."""
        config = self.config
        return usable(config.account, self.account.in_use, config.client_id, config.environments)

    @property
    def record(self) -> AuthenticationRecord | None:
        """Return the record of the latest sign-in, or the one that was given."""
        return self.account.record

    @property
    def application(self) -> MsalApplication:
        """Return the MSAL client, built on first use."""
        with self._lock:
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
        with self._lock:
            if cae not in self._caches:
                self._caches[cae] = open_cache(self.config, cae=cae, warn=self._warn_locked, trouble=self._trouble)
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
        with self._lock:
            if cae in self._caches:
                return self._caches[cae]
        in_memory = self.config.persistence is None or self.config.caches[cae] is not None
        return self.cache(cae=cae) if in_memory else None

    def outage(self) -> str | None:
        """Return why the server of the token cache is of no use now; None if it is, or if there is none."""
        # Without the lock, which another thread may hold while it waits for that very server.
        return next(filter(None, (cache.outage() for cache in self._caches.copy().values())), None)

    def remembered(self, request: TokenRequest) -> StoredToken | None:
        """Return a token of this process that is still fresh."""
        entry = self.memory.get((request.scopes, request.tenant_id, request.enable_cae))
        if entry is None or not entry.cached_at <= self.clock() < entry.fresh_until:
            return None
        return entry.stored

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
        return lambda state: lookup.remove_account(state, who.client_id, who.environments, home_account_id)

    def use_account(self, account: Account) -> bool:
        """Change to an account that was found in the cache, unless this credential uses another one by now."""
        used, changed = self.account.use(account, lambda: may_use_cache(self.who))
        if changed:
            name = account_name(account.username, account.home_account_id)
            _LOGGER.info("%s: using the account %s, which the token cache holds", self.config.class_name, name)
        return used
