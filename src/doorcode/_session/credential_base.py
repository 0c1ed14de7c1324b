"""The base of every interactive credential, sync or asyncio: its options, its account, its log lines."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._core.display import log_line
from doorcode._frames import clears_frames, shortened
from doorcode._lazy import LazyModule
from doorcode._log import logger
from doorcode._record import AuthenticationRecord

# Importing a credential's class has to be cheap, and so has reading a stored token: a module that only some calls
# need is imported by these calls.
if TYPE_CHECKING:
    from typing_extensions import Self

    from doorcode import _credential_options
    from doorcode._core.model import Failure, TokenRequest, Tokens
    from doorcode._core.msal_cache.rows import StoredToken
    from doorcode._core.steps import Flow, SignIn
    from doorcode._session import prompt
    from doorcode._session.step_handler import StepHandler
    from doorcode.errors import AuthenticationFailedError

else:
    _credential_options, prompt = LazyModule("doorcode._credential_options"), LazyModule("doorcode._session.prompt")

E = TypeVar("E", bound=Exception)
R = TypeVar("R")
_LOGGER: Final = logger(__name__)
INFO: Final = logging.INFO
is_logged: Final = _LOGGER.isEnabledFor
"""Whether a level is logged; the hot path checks this before it calls anything that logs."""


class _RecordInUse:
    """The record of the latest sign-in, or the one that was given, or None.

    Programs read it as ``_auth_record``: after ``get_token``, azure-identity has no other way to it. A subclass may set
    an attribute of that name, which is its own.
    """

    def __get__(self, credential: BaseCredential | None, owner: type[BaseCredential]) -> AuthenticationRecord | None:
        return None if credential is None else credential._session.record  # noqa: SLF001 - of its own class


class BaseCredential:
    """Hold a credential's options, and the session in which its flows run."""

    _auth_record = _RecordInUse()
    _timeout: float | None = None
    _login_hint: str | None = None
    _prompt_callback: prompt.PromptCallback | None = None

    def __init__(
        self,
        *,
        authentication_record: _credential_options.RecordFields | None = None,
        disable_automatic_authentication: bool = False,
        client_id: str | None = DEVELOPER_CLIENT_ID,
        **kwargs: Any,
    ) -> None:
        from doorcode._config import resolve
        from doorcode._pipeline_options import warn_of_uncalled_methods, without_empty
        from doorcode._session.session import Session

        options = {
            "client_id": client_id,
            "authentication_record": authentication_record,
            "disable_automatic_authentication": disable_automatic_authentication,
            **kwargs,
        }
        config = resolve(
            type(self).__name__, self._has_own_flow and self._prompts_here(), self._login_hint, **without_empty(options)
        )
        warn_of_uncalled_methods(type(self))
        self._session = Session(config)
        self._memory = self._session.memory
        if "azure.core" in sys.modules:  # once too many files are open, no error's class can be imported any more
            import_module("doorcode.errors")
        super().__init__()  # of a class beside this one, among the bases of a program's own

    def _prompts_here(self) -> bool:
        """Return whether the prompt appears on this machine; a program's own subclass may prompt users anywhere."""
        return False

    @property
    def _has_own_flow(self) -> bool:
        """Return whether this credential's own flow prompts the user, and no ``_request_token`` of the program's."""
        current = getattr(self, "_request_token", None)
        return getattr(current, "__func__", None) is getattr(type(self), "_run_sign_in", self)

    @property
    def _sign_in(self) -> SignIn:
        """Return what prompts the user: this credential's own flow, or the program's ``_request_token``."""
        if self._has_own_flow:
            return self._sign_in_flow
        from doorcode._core.flows.interactive import by_request_token

        return by_request_token

    def _sign_in_flow(self, request: TokenRequest, started: float, now: float) -> Flow[Tokens | Failure]:
        """Return the flow that signs a user in, as ``doorcode._core.steps.SignIn``."""
        raise NotImplementedError

    def _handler(self, *, any_account: bool = False) -> StepHandler:
        """Return the object that performs the steps of one call.

        Args:
            any_account: whether any account may sign in, as for ``authenticate``.
        """
        from doorcode._session.step_handler import StepHandler

        return StepHandler(self._session, any_account=any_account)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_memory"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._memory = self._session.memory

    def __copy__(self) -> Self:
        return self._twin({}, lambda value, memo: memo.get(id(value), value))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._twin(memo, copy.deepcopy)

    def _twin(self, memo: dict[int, Any], copied: Callable[[Any, dict[int, Any]], Any]) -> Self:
        """Return a credential with the same options and account, and without tokens, as pickle does.

        Objects that the program gave, such as a callback, are shared by both.
        """
        twin = memo[id(self)] = type(self).__new__(type(self))
        memo[id(self._session)] = self._session.twin()
        own = {name: value for name, value in vars(self).items() if name != "_memory"}
        twin.__setstate__({name: value if callable(value) else copied(value, memo) for name, value in own.items()})
        return twin

    @clears_frames
    def _request(
        self,
        method: str,
        scopes: tuple[object, ...],
        claims: str | None,
        tenant_id: str | None,
        enable_cae: bool,  # noqa: FBT001 - azure-core's name and place
        options: Mapping[str, object],
    ) -> TokenRequest:
        """Check a request, also in a forked child, and log what is wrong with it."""
        self._session.after_fork()
        if options and self._has_own_flow:
            self._log_ignored(method, options)
        try:
            return self._session.requests.checked(scopes, method, claims, tenant_id, enable_cae, options)
        except authentication_errors(ValueError, TypeError) as exception:
            self._failed(method, exception)
            raise shortened(exception)  # noqa: B904 - the same exception

    def _log_ignored(self, method: str, options: Mapping[str, object]) -> None:
        """Log the names of keywords that have no effect: azure-core and its clients may pass keywords of their own."""
        from doorcode._pipeline_options import PASSED_ON

        names = ", ".join(sorted(map(str, options.keys() - PASSED_ON)))
        if names:
            self._session.log_debug(f"{method} ignores what it does not know: {names}")

    @clears_frames
    def _request_of(self, method: str, scopes: tuple[object, ...], options: object) -> TokenRequest:
        """Check a request of ``get_token_info``, and log what is wrong with it."""
        from doorcode._session.token_requests import split_options

        try:
            given = split_options(options)
        except TypeError as exception:
            self._failed(method, exception)
            raise shortened(exception)  # noqa: B904 - the same exception
        return self._request(method, scopes, *given)

    @clears_frames
    def _acquisition(self, request: TokenRequest) -> Flow[StoredToken | Failure]:
        from doorcode._core.flows.acquire import acquire

        return acquire(request, self._sign_in, may_ask=self._session.config.may_ask, timeout=self._timeout)

    def _authentication(
        self,
        scopes: Iterable[str] | None,
        claims: str | None,
        tenant_id: str | None,
        enable_cae: bool,  # noqa: FBT001 - azure-core's name and place
        force_prompt: bool,  # noqa: FBT001 - passed on by name
        options: Mapping[str, object],
    ) -> tuple[TokenRequest, Flow[StoredToken | Failure]]:
        """Return the request of ``authenticate``, and the flow for it.

        Raises:
            TypeError: a keyword is misspelt, and no ``_request_token`` of the program's could know it.
        """
        if options and self._has_own_flow:
            from doorcode._pipeline_options import check_keywords

            check_keywords(options)
        request = self._sign_in_request("authenticate", scopes, claims, tenant_id, enable_cae, options)
        return request, self._authentication_flow(request, force_prompt, options.get("login_hint"))

    @clears_frames
    def _authentication_flow(
        self,
        request: TokenRequest,
        force_prompt: bool,  # noqa: FBT001 - passed on by name
        hint: object,
    ) -> Flow[StoredToken | Failure]:
        from doorcode._core.account_selection import authenticates_silently
        from doorcode._core.flows import acquire

        record = self._session.record
        if authenticates_silently(
            self._session.account.in_use, record.username if record else "", force_prompt=force_prompt, login_hint=hint
        ):
            self._session.refusals.forgive()
            return acquire.acquire(request, self._sign_in, may_ask=True, timeout=self._timeout)
        return acquire.prompt(request, self._sign_in, timeout=self._timeout)

    def _sign_in_request(
        self,
        method: str,
        scopes: Iterable[str] | None,
        claims: str | None,
        tenant_id: str | None,
        enable_cae: bool,  # noqa: FBT001 - azure-core's name and place
        options: Mapping[str, object],
    ) -> TokenRequest:
        """Return the request of ``authenticate`` or ``begin``, by default for the cloud's Resource Manager."""
        _check_list(scopes, method)
        try:
            wanted = tuple(scopes or self._session.requests.default_scopes(method))
        except authentication_errors() as exception:
            self._failed(method, exception)
            raise shortened(exception)  # noqa: B904 - the same exception
        return self._request(method, wanted, claims, tenant_id, enable_cae, options)

    def _error(self, failure: Failure, request: TokenRequest) -> AuthenticationFailedError:
        """Return the exception for a failure, with the accounts that the program has to choose from."""
        from doorcode._core.model import Reason
        from doorcode._core.values import replace
        from doorcode._error_mapping import exception_for
        from doorcode._session.accounts.records import record_of
        from doorcode.errors import AuthenticationRequiredError

        outage = self._session.outage()
        if outage and failure.reason is Reason.REQUIRED:
            failure = replace(failure, message=f"{failure.message} The token cache cannot be used now: {outage}.")
        exception = exception_for(failure, request)
        if isinstance(exception, AuthenticationRequiredError):
            config = self._session.config
            exception.accounts = tuple(
                record_of(account, config.client_id, config.authority.netloc) for account in failure.candidates
            )
        return exception

    def _record_of(self, token: StoredToken, request: TokenRequest) -> AuthenticationRecord:
        """Return the record of the account that a token is for, even if another user signs in meanwhile.

        Raises:
            AuthenticationFailedError: the sign-in that this one waited for named no account, or is signed out again.
        """
        from doorcode._core.messages.failures import no_account

        record = self._session.account.record_of(token)
        if record is None:
            raise self._error(no_account(), request)
        return record

    def _tell(self, message: str) -> None:
        """Tell the user something where a prompt would appear, and log it: as a warning if only the log shows it."""
        level = logging.INFO if self._show_message(message) else logging.WARNING
        _LOGGER.log(level, "%s: %s", type(self).__name__, log_line(message))

    def _show_message(self, message: str) -> bool:  # noqa: ARG002 - for subclasses
        """Show the user a message other than a code, if this credential can; return whether it was shown."""
        return False

    def _outcome(self, outcome: R | Failure, request: TokenRequest) -> R:
        """Return what a flow returned, or raise its failure."""
        from doorcode._core.model import Failure

        if isinstance(outcome, Failure):
            error = self._error(outcome, request)
            raise error from error.__cause__
        return outcome

    def _reported(self, method: str, exception: E) -> E:
        """Log an exception, and return it; without its traceback if its message and its cause say enough."""
        self._failed(method, exception)
        return shortened(exception) if isinstance(exception, authentication_errors()) else exception

    def _succeeded(self, method: str) -> None:
        if is_logged(INFO):
            _LOGGER.info("%s.%s succeeded", type(self).__name__, method)

    def _failed(self, method: str, exception: BaseException) -> None:
        _LOGGER.warning("%s.%s failed: %s", type(self).__name__, method, log_line(exception))


def authentication_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what an ``except`` clause catches: azure-core's ClientAuthenticationError and other classes.

    azure-core's class is left out until azure-core is loaded. No such error can exist before, and an error of another
    class need not load azure-core.

    Args:
        *others: the other classes.
    """
    error = getattr(sys.modules.get("azure.core.exceptions"), "ClientAuthenticationError", None)
    return others if error is None else (*others, error)


def _check_list(scopes: object, method: str) -> None:
    if isinstance(scopes, (str, bytes)) or not isinstance(scopes, (Iterable, NoneType)):
        message = f"{method} takes scopes as a list: write scopes=[scope]"
        raise TypeError(message)
