"""Check the options of a UserCredential, and make the flow of its sign-in from them."""

from __future__ import annotations

from typing import Final

from doorcode._browser.agent import check_redirect
from doorcode._browser.environment import SignInMethod, choose_here
from doorcode._core.checks import check_choice, check_login_hint
from doorcode._core.flows import auth_code, device_code, fallback
from doorcode._core.model import Failure, TokenRequest, Tokens
from doorcode._core.numeric_checks import check_timeout
from doorcode._core.steps import Flow
from doorcode._core.values import replace, value_class

BROWSER_SECONDS: Final = 300.0
"""Seconds to wait for the browser if the program sets no ``timeout``."""
_CHANGE: Final = {
    SignInMethod.BROWSER: "A browser cannot be used for this sign-in, so a code is.",
    SignInMethod.DEVICE_CODE: "The organization does not accept a code for this sign-in, so a browser is tried.",
}


@value_class(frozen=True, slots=True)
class SignInOptions:
    """How a UserCredential signs the user in.

    Attributes:
        prefer: the first method; None chooses it anew for every sign-in.
        timeout: seconds to wait for the user with each method, or None.
        redirect_uri: the redirect URI of the browser, or None for the default.
        login_hint: the account to suggest in the browser, or None.
    """

    prefer: SignInMethod | None
    timeout: float | None
    redirect_uri: str | None
    login_hint: str | None

    @classmethod
    def checked(
        cls, prefer: object, timeout: object, redirect_uri: object, login_hint: object, paste: object
    ) -> SignInOptions:
        """Check the options.

        Raises:
            TypeError: an option has the wrong type.
            ValueError: an option has an invalid value.
        """
        name = check_choice("prefer", prefer, tuple(method.value for method in SignInMethod))
        return cls(
            None if name is None else SignInMethod(name),
            check_timeout(timeout),
            check_redirect(redirect_uri, paste),
            check_login_hint(login_hint),
        )

    def with_hint(self, login_hint: object) -> SignInOptions:
        """Return the options with the ``login_hint`` of one call, if the call has one."""
        return replace(self, login_hint=check_login_hint(login_hint) or self.login_hint)


def sign_in(request: TokenRequest, options: SignInOptions, started: float, now: float) -> Flow[Tokens | Failure]:
    """Return the flow: the preferred method, then the other one if that fails.

    Args:
        request: what the token is for.
        options: how the user is asked.
        started: when the wait for the user began, in monotonic seconds; the second method has a time of its own.
        now: the time now, in monotonic seconds.
    """
    methods = {SignInMethod.BROWSER: _in_browser, SignInMethod.DEVICE_CODE: _with_code}
    first = options.prefer or choose_here()
    return fallback.sign_in(
        methods[first](request, options, started, now),
        lambda then: methods[first.other](request, options, then, then),
        _CHANGE[first],
    )


def _in_browser(request: TokenRequest, options: SignInOptions, started: float, _now: float) -> Flow[Tokens | Failure]:
    timeout = BROWSER_SECONDS if options.timeout is None else options.timeout
    return auth_code.sign_in(request, started=started, timeout=timeout, login_hint=options.login_hint)


def _with_code(request: TokenRequest, options: SignInOptions, started: float, now: float) -> Flow[Tokens | Failure]:
    return device_code.sign_in(request, started=started, timeout=options.timeout, now=now)
