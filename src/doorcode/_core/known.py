"""What the caches know of a request: a token that answers it, a refresh token that may, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._core import lookup
from doorcode._core.lookup import Ambiguous, StoredToken
from doorcode._core.scopes import wanted
from doorcode._core.steps import Flow, Keep, Look, TokenRequest, View, ask
from doorcode._core.values import dataclass

if TYPE_CHECKING:
    from doorcode._core.secret import Secret
    from doorcode._core.service_errors import ServiceError


@dataclass(frozen=True, slots=True)
class PersonNeeded:
    """Say that interaction is required: which of an account's refresh tokens were refused, and why the last one was."""

    refused: tuple[Secret, ...] = ()
    error: ServiceError | None = None
    candidates: tuple[lookup.Account, ...] = ()
    home_account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody else changed what is known: look from the start."""


@dataclass(frozen=True, slots=True)
class Refreshable:
    """An account whose refresh token may be redeemed, with the token that is valid meanwhile."""

    home_account_id: str
    refresh_token: Secret
    valid: StoredToken | None


def find(request: TokenRequest, refused: tuple[Secret, ...] = ()) -> Flow[StoredToken | Refreshable | PersonNeeded]:
    """Look into the caches.

    Args:
        request: what the token is for; with ``claims``, no access token that is there answers it.
        refused: refresh tokens that the authority has refused: they are passed over.
    """
    _, view = yield from ask(Look(request.enable_cae))
    account = _account(view)
    other = None
    if not isinstance(account, str) or _refresh_token(view, account, refused) is None:
        # One sign-in serves CAE and non-CAE requests: the refresh token is one grant.
        _, other = yield from ask(Look(not request.enable_cae))
    if other is not None and account is None:
        account = _account(other)
    if account is None:
        return PersonNeeded()
    if isinstance(account, Ambiguous):
        return PersonNeeded(candidates=account.candidates)
    token = None if request.claims else _access_token(view, request, account)
    if token is not None and token.fresh(view.now):
        yield from ask(Keep(request, token, token.fresh_until))
        return token
    valid = token if token is not None and token.valid(view.now) else None
    refresh_token = _refresh_token(view, account, refused)
    if refresh_token is None and other is not None:
        refresh_token = _refresh_token(other, account, refused)
    if refresh_token is None:
        return valid or PersonNeeded(refused)
    return Refreshable(account, refresh_token, valid)


def _account(view: View) -> str | Ambiguous | None:
    who = view.who
    if not (who.home_account_id or who.username or who.adopts):
        return None
    found = lookup.find_account(view.state, who.client_id, who.environments, who.home_account_id, who.username)
    return found.home_account_id if isinstance(found, lookup.Account) else found


def _access_token(view: View, request: TokenRequest, account: str) -> StoredToken | None:
    who = view.who
    scopes = wanted(request.scopes)
    return lookup.access_token(
        view.state, who.client_id, who.environments, account, request.tenant_id, scopes, view.now
    )


def _refresh_token(view: View, account: str | Ambiguous | None, refused: tuple[Secret, ...]) -> Secret | None:
    if not isinstance(account, str):
        return None
    who = view.who
    return lookup.refresh_token(view.state, who.client_id, who.environments, account, refused)
