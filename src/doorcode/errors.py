"""The exceptions that callers catch.

::

    azure.core.exceptions.ClientAuthenticationError
    └── AuthenticationFailedError           the authority refused, or the sign-in did not succeed
        ├── SignInDeclinedError             the user declined, or a policy denied the sign-in
        ├── CodeExpiredError                the user did not sign in before the code expired
        ├── SignInTimedOutError             the user did not sign in within ``timeout``
        ├── SignInCancelledError            the program cancelled the sign-in
        ├── OtherAccountError               the user signed in with another account than the credential's
        ├── AuthorityUnreachableError       no usable reply: network, proxy, certificate, outage
        ├── UnknownAuthorityError           instance discovery does not know the authority; also a ValueError
        └── CredentialUnavailableError      this credential lacks what it needs to try
            ├── AuthenticationRequiredError the user must sign in, and the credential may not ask
            └── CacheUnavailableError       no token store can be used here; also a ValueError

If the same process imports ``azure.identity``, a CredentialUnavailableError and an AuthenticationRequiredError are also
instances of its classes of the same names, so that its chains and a program's ``except`` clauses work, whether doorcode
raises the error or the program. ``azure.identity`` is looked up when an error is made, and never imported.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, cast

from azure.core.exceptions import ClientAuthenticationError
from typing_extensions import Self

from doorcode._core.display import lines
from doorcode._core.messages.advice import explain as explain_error
from doorcode._core.messages.error_context import ErrorContext
from doorcode._core.model import Failure
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.values import field, value_class
from doorcode._record import AuthenticationRecord

__all__ = [
    "AuthenticationFailedError",
    "AuthenticationRequiredError",
    "AuthorityUnreachableError",
    "CacheUnavailableError",
    "CodeExpiredError",
    "CredentialUnavailableError",
    "OtherAccountError",
    "SignInCancelledError",
    "SignInDeclinedError",
    "SignInTimedOutError",
    "UnknownAuthorityError",
    "explain",
]


@value_class(frozen=True, slots=True)
class ErrorRequest:
    """The request that a reply answered, without its body."""

    method: str
    url: str


@value_class(frozen=True, slots=True)
class ErrorResponse:
    """An error reply of the authority, in the shape of azure-core's responses.

    Attributes:
        status_code: the HTTP status.
        headers: the reply's headers; case does not matter in their names.
        request: the request, without its body.
    """

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    request: ErrorRequest
    body: str = field(default="", repr=False)

    @property
    def reason(self) -> str:
        """Return the standard phrase of the status."""
        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""

    @property
    def content_type(self) -> str | None:
        """Return the reply's content type, or None."""
        return self.headers.get("content-type")

    @property
    def content(self) -> bytes:
        """Return the body, in UTF-8."""
        return self.body.encode()

    def text(self, encoding: str | None = None) -> str:
        """Return the body."""
        return self.body if encoding is None else self.content.decode(encoding)

    def json(self) -> object:
        """Return the body, parsed.

        Raises:
            ValueError: the body is not JSON.
        """
        value: object = json.loads(self.body)
        return value


class AuthenticationFailedError(ClientAuthenticationError):
    """A credential got no token; the message says why, and what to do next.

    Attributes:
        error: the OAuth error code, or None if the authority sent none.
        error_description: the authority's description, or None.
        error_codes: the AADSTS numbers; empty if there are none.
        suberror: Entra's more specific code, or None.
        correlation_id: identifies the request to Microsoft's support, or None.
        trace_id: likewise.
        timestamp: when the authority refused, in its own format, or None.
        claims: claims for the next ``authenticate``, a JSON object as text, or None.
        response: the reply, with ``status_code``, ``headers``, ``text()`` and ``json()``, or None.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG004 - __init__ takes them
        """Make an error that is azure.identity's counterpart too, if that is loaded."""
        theirs = _counterpart(cls)
        made = cls if theirs is None else cast("type[Self]", _joined(cls, theirs))  # type: ignore[arg-type] # classes are hashable
        return super().__new__(made, *args)

    def __init__(
        self,
        message: object | None = None,
        response: ErrorResponse | Any | None = None,
        *,
        said: ServiceError | None = None,
        **kwargs: Any,
    ) -> None:
        # azure-core reads `error` while it initializes. ClientAuthenticationError is called by name, because in a class
        # joined with azure.identity's, super() would be azure.identity's class, which takes other arguments.
        self._said: ServiceError | None = None
        shown = lines(message) if isinstance(message, str) else message
        ClientAuthenticationError.__init__(self, shown, None, **kwargs)
        self.response: Any = response
        self.status_code: int | None = None if response is None else response.status_code
        self.reason: str | None = None if response is None else response.reason
        self._said = said
        self._failure: Failure | None = None
        self._context: ErrorContext | None = None

    # azure-core declares `error` as an instance attribute of its own; here it is the authority's field.
    @property  # type: ignore[override]
    def error(self) -> str | None:
        """Return the OAuth error code."""
        return self._said.error if self._said else None

    @error.setter
    def error(self, value: object) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Ignore azure-core's own attempt to read the reply."""

    @property
    def error_description(self) -> str | None:
        """Return the authority's description."""
        return self._said.description if self._said else None

    @property
    def error_codes(self) -> tuple[int, ...]:
        """Return the AADSTS numbers."""
        return self._said.codes if self._said else ()

    @property
    def suberror(self) -> str | None:
        """Return Entra's more specific code."""
        return self._said.suberror if self._said else None

    @property
    def correlation_id(self) -> str | None:
        """Return the correlation ID."""
        return self._said.correlation_id if self._said else None

    @property
    def trace_id(self) -> str | None:
        """Return the trace ID."""
        return self._said.trace_id if self._said else None

    @property
    def timestamp(self) -> str | None:
        """Return the authority's time of the refusal."""
        return self._said.timestamp if self._said else None

    @property
    def claims(self) -> str | None:
        """Return the claims that the next sign-in must satisfy."""
        return self._said.claims if self._said else None

    def __str__(self) -> str:
        # azure-core would append the reply's body, which does not belong in a log.
        return str(self.message)

    def _render_traceback_(self) -> list[str]:
        """Return what IPython prints."""
        from doorcode._notebook_traceback import rendered

        return rendered(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (_public_class(type(self)), self.message, self._said, self._kept())

    def _kept(self) -> dict[str, object]:
        return {"_context": self._context}


class SignInDeclinedError(AuthenticationFailedError):
    """The user declined to sign in, or a policy denied the sign-in."""


class CodeExpiredError(AuthenticationFailedError):
    """The user did not finish signing in before the code expired."""


class SignInTimedOutError(AuthenticationFailedError):
    """The user did not finish signing in within the credential's ``timeout``."""


class SignInCancelledError(AuthenticationFailedError):
    """The program cancelled the sign-in."""


class OtherAccountError(AuthenticationFailedError):
    """The user signed in with another account than the record or ``username`` names; nothing was stored."""


class AuthorityUnreachableError(AuthenticationFailedError):
    """The authority sent no usable reply: no network, a proxy's page, an untrusted certificate, an outage."""


class UnknownAuthorityError(AuthenticationFailedError, ValueError):
    """Instance discovery does not know the authority; ``disable_instance_discovery=True`` skips the check."""


class CredentialUnavailableError(AuthenticationFailedError):
    """This credential lacks what it needs to try; a chain goes on to its next credential."""


class CacheUnavailableError(CredentialUnavailableError, ValueError):
    """No token store fits the program's options; the message names each store and the reason."""


class AuthenticationRequiredError(CredentialUnavailableError):
    """The user must sign in, and the credential may not ask by itself.

    Pass ``scopes`` and ``claims`` to ``authenticate``.

    Attributes:
        accounts: the accounts to choose from, as records; empty unless several are signed in.
    """

    def __init__(
        self,
        scopes: Iterable[str],
        message: object | None = None,
        claims: str | None = None,
        *,
        accounts: tuple[AuthenticationRecord, ...] = (),
        **kwargs: Any,
    ) -> None:
        words = message or "Interactive authentication is required to get a token. Call 'authenticate' to begin."
        super().__init__(words, **kwargs)
        self._scopes = scopes
        self._claims = claims
        self.accounts = accounts

    @property
    def scopes(self) -> Iterable[str]:
        """Return the scopes of the request that failed."""
        return self._scopes

    @property
    def claims(self) -> str | None:
        """Return the claims for the next ``authenticate``: the request's, else those that the authority demands."""
        return self._claims or super().claims

    def _kept(self) -> dict[str, object]:
        return {**super()._kept(), "_scopes": tuple(self._scopes), "_claims": self._claims, "accounts": self.accounts}


def explain(error: BaseException) -> str:
    """Return a long text about an error: its meaning, the next step, and where to read more.

    Args:
        error: a credential's exception; any other exception gives its own text.
    """
    if not isinstance(error, AuthenticationFailedError) or error._said is None:  # noqa: SLF001 - our own field
        return str(error)
    return explain_error(error._said, error._context)  # noqa: SLF001 - likewise


def _counterpart(cls: type[AuthenticationFailedError]) -> type[Exception] | None:
    """Return azure.identity's class of the same name as this one, or as the nearest of its bases, that it lacks.

    A program may have replaced azure.identity by doorcode; then there is no counterpart.
    """
    module = sys.modules.get("azure.identity")
    for base in cls.__mro__:
        if base is AuthenticationFailedError:
            break
        theirs = getattr(module, base.__name__, None)
        if isinstance(theirs, type) and issubclass(theirs, Exception):
            return None if issubclass(theirs, AuthenticationFailedError) or issubclass(cls, theirs) else theirs
    return None


@lru_cache(maxsize=64)
def _joined(ours: type[Exception], theirs: type[Exception]) -> type[Exception]:
    return type(ours.__name__, (ours, theirs), {"__doc__": ours.__doc__, "__module__": ours.__module__})


def _public_class(cls: type[AuthenticationFailedError]) -> type[AuthenticationFailedError]:
    """Return the public class for a class that may be joined with azure.identity's."""
    public: type[AuthenticationFailedError] = next(base for base in cls.__mro__ if base in _PUBLIC)
    return public


def _rebuild(
    cls: type[AuthenticationFailedError],
    message: object,
    said: ServiceError | None,
    kept: dict[str, object],
) -> AuthenticationFailedError:
    error = cls.__new__(cls)
    AuthenticationFailedError.__init__(error, message, None if said is None else said.reply, said=said)
    error.__dict__.update(kept)
    return error


_PUBLIC: Final = frozenset(value for name, value in globals().items() if name in __all__ and isinstance(value, type))
