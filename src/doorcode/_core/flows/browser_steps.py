"""The steps of a sign-in in a browser, and the values that pass between them."""

from __future__ import annotations

import math
from typing import ClassVar

from doorcode._core.model import Failure, TokenRequest, Tokens
from doorcode._core.replies.faults import Fault
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.secret import Secret, SecretDict
from doorcode._core.steps import Exchange, SignInExchange, Step, no_reply
from doorcode._core.values import field, value_class


@value_class(frozen=True, slots=True)
class SignInPage:
    """A page of the authority where a user signs in (RFC 6749 4.1.1), and the values that its answer is checked with.

    Attributes:
        url: the address to open.
        redirect_uri: where the browser goes afterwards.
        state: what the answer must carry (RFC 6749 10.12).
        flow: MSAL's own state of the sign-in: the PKCE verifier, the nonce, the scopes.
    """

    url: str = field(repr=False)
    redirect_uri: str
    state: Secret
    flow: SecretDict


@value_class(frozen=True, slots=True)
class Redirect:
    """The authority's answer as a browser brought it (RFC 6749 4.1.2): with a code or an error, else it is none."""

    code: Secret | None = None
    error: ServiceError | None = None


@value_class(frozen=True, slots=True)
class Listen(Step[str | Failure]):
    """Prepare to receive the answer; return the redirect URI that the browser must bring it to."""


@value_class(frozen=True, slots=True)
class BeginBrowser(Exchange[SignInPage | ServiceError | Fault]):
    """Build the address of a sign-in page, after discovery where that is needed."""

    request: TokenRequest
    redirect_uri: str
    login_hint: str | None
    within: float

    def no_answer(self, host: str) -> Fault:
        """Return the fault that stands for an answer that did not come in time."""
        return no_reply(host, "DISCOVERY")


@value_class(frozen=True, slots=True)
class OpenPage(Exchange[Failure | None]):
    """Bring the user to the page; the user then has ``left`` seconds."""

    asks_authority: ClassVar[bool] = False
    page: SignInPage
    left: float
    within: float


@value_class(frozen=True, slots=True)
class AwaitRedirect(Exchange[Redirect | Failure | None]):
    """Wait until the browser brings the answer; return None if it does not within ``within`` seconds."""

    asks_authority: ClassVar[bool] = False
    page: SignInPage
    within: float


@value_class(frozen=True, slots=True)
class RedeemCode(SignInExchange):
    """Redeem the authorization code (RFC 6749 4.1.3)."""

    request: TokenRequest
    page: SignInPage
    redirect: Redirect
    within: float = math.inf


@value_class(frozen=True, slots=True)
class Conclude(Exchange[None]):
    """Tell the user the result, in their browser; this may take ``within`` seconds."""

    asks_authority: ClassVar[bool] = False
    outcome: Tokens | Failure
    within: float
