"""Say what a user can do next about an error of the authority: the table of codes and their advice.

The codes are documented at https://learn.microsoft.com/entra/identity-platform/reference-error-codes, each
with a page of its own under https://login.microsoftonline.com/error. Microsoft may change them at any time,
so the program's behaviour does not depend on this table: it only advises users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.messages.error_context import ErrorContext, GrantType
from doorcode._core.messages.scope_mistakes import scope_mistake
from doorcode._core.replies.faults import Endpoint, FaultKind
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from doorcode._core.replies.faults import Fault
    from doorcode._core.replies.service_errors import ServiceError

PERSONAL_TENANT: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant that all personal Microsoft accounts belong to."""

WRONG_SCOPES: Final = frozenset({28000, 70011, 500011, 650053, 700022})
"""The codes for a scope that its resource does not have, or for a resource that does not exist."""

INVALID_GRANT: Final = 70000
"""The code for a refresh token that is not accepted."""

ERROR_PAGE: Final = "https://login.microsoftonline.com/error?code={code}"


@value_class(frozen=True, slots=True)
class Advice:
    """The meaning of an error, and one thing to do about it.

    Attributes:
        meaning: why it happens: a sentence.
        step: what to do next: a sentence.
    """

    meaning: str
    step: str


_POLICY: Final = Advice(
    "A Conditional Access policy of the organization does not let this sign-in through; many organizations "
    "block the device code flow because of phishing.",
    "Sign in with InteractiveBrowserCredential on a machine that the policy accepts, or show an administrator "
    "the correlation ID, which names the policy in the sign-in logs.",
)
_DEVICE: Final = Advice(
    "A Conditional Access policy wants a managed device, and with a device code no device can prove that it is one.",
    "Sign in with InteractiveBrowserCredential on a device that the organization manages.",
)
_PUBLIC_CLIENT: Final = Advice(
    "The application is registered as a confidential client, and a program on a user's machine is a public one.",
    "In the app registration under Authentication, set 'Allow public client flows' to Yes.",
)
_WRONG_TENANT: Final = Advice(
    "The account is not known in the tenant that was asked: a personal or foreign account, or another tenant's.",
    "Pass tenant_id= with a tenant that has the account, sign in with another account, or have it invited as a guest.",
)
_EXPIRED_CODE: Final = Advice(
    "The user did not finish signing in before the code expired.",
    f"Call again for a new code, and enter it within its {ErrorContext().lifetime}.",
)
_MFA: Final = Advice(
    "The resource wants multifactor authentication, which only the user can do.",
    "Call authenticate() and finish the sign-in with the second factor.",
)
_MFA_SETUP: Final = Advice(
    "The account has to set up multifactor authentication first.",
    "Set it up at https://aka.ms/mfasetup, then sign in again with authenticate().",
)
_SIGN_IN_AGAIN: Final = Advice(
    "The stored sign-in has ended: it was revoked, or not used for too long, or a policy limits its age.",
    "Sign in again: call authenticate().",
)
_PERSONAL: Final = Advice(
    "Refresh tokens of personal Microsoft accounts are refused at the shared endpoints soon after the sign-in.",
    'Pass tenant_id="consumers" and sign in again.',
)
_CONSUMERS_ONLY: Final = Advice(
    "The application is registered for personal Microsoft accounts only.",
    'Pass tenant_id="consumers".',
)
_NO_PERSONAL: Final = Advice(
    "The application signs in work and school accounts only, and was asked for at another endpoint.",
    'Pass tenant_id="organizations", or the tenant\'s ID.',
)
_CONSENT: Final = Advice(
    "Neither the user nor an administrator has consented to what the application asks for.",
    "Call authenticate(scopes=...) with these scopes to be asked for consent, or have an administrator grant it.",
)
_ADMIN_CONSENT: Final = Advice(
    "Only an administrator can consent to what the application asks for.",
    "Have an administrator grant consent in the portal, under Enterprise applications, Permissions.",
)
_NO_APPLICATION: Final = Advice(
    "The application is not known in the tenant that was asked: a wrong client_id, tenant or cloud.",
    "Check client_id, tenant_id and authority against the app registration's overview.",
)
_NO_TENANT: Final = Advice(
    "There is no such tenant in this cloud.",
    "Check tenant_id, and authority= for a sovereign cloud; the portal shows the tenant ID on the overview page.",
)
_NAME_TENANT: Final = Advice(
    "Nothing in the request says which tenant it is for.",
    "Pass tenant_id= with the tenant's ID or domain.",
)
_ANOTHER_ACCOUNT: Final = Advice(
    "The account that was chosen in the browser cannot be used here.",
    "Sign out there or use a private window, then enter the code with another account.",
)
_SCOPES: Final = Advice(
    "The scopes are not what one resource offers.",
    "Ask for one resource's scopes at a time, as https://vault.azure.net/.default.",
)
_WAIT: Final = Advice(
    "The sign-in is still under way, or was interrupted to confirm something.",
    "Finish it in the browser.",
)
_CONFIRM: Final = Advice(
    "The user has to confirm which application is signing in, a safeguard against phishing that some "
    "organizations' policies do not let a device code pass.",
    "Confirm in the browser, or use InteractiveBrowserCredential where the organization blocks the device code flow.",
)

_POLICY_ELSEWHERE: Final = Advice(
    "A Conditional Access policy of the organization does not let this sign-in through.",
    "Sign in on a machine and from a network that the policy accepts, or show an administrator the correlation ID, "
    "which names the policy in the sign-in logs.",
)
_DEVICE_ELSEWHERE: Final = Advice(
    "A Conditional Access policy wants a managed device, and the browser did not prove that it runs on one.",
    "Sign in on a device that the organization manages, in a browser that is signed in to the organization.",
)
_ANOTHER_ACCOUNT_ELSEWHERE: Final = Advice(
    _ANOTHER_ACCOUNT.meaning,
    "Sign out there or use a private window, then call again and sign in with another account.",
)
_CONFIRM_ELSEWHERE: Final = Advice(
    "The user has to confirm which application is signing in, a safeguard against phishing.",
    "Call again, and confirm in the browser.",
)

BY_CODE: Final = {
    16000: _ANOTHER_ACCOUNT,
    16001: _ANOTHER_ACCOUNT,
    16002: _ANOTHER_ACCOUNT,
    16003: _WRONG_TENANT,
    28000: _SCOPES,
    50005: _DEVICE,
    50020: _WRONG_TENANT,
    50034: _WRONG_TENANT,
    50059: _NAME_TENANT,
    50072: _MFA_SETUP,
    50074: _MFA,
    50076: _MFA,
    50078: _MFA,
    50079: _MFA_SETUP,
    50097: _DEVICE,
    50105: Advice(
        "The application is open only to users who were assigned to it.",
        "Have an administrator assign the account under Enterprise applications, Users and groups.",
    ),
    50128: _NAME_TENANT,
    50131: _POLICY,
    50158: _MFA,
    50173: _SIGN_IN_AGAIN,
    50194: Advice(
        "The application is registered for one tenant, and was asked for at the shared endpoint.",
        "Pass tenant_id= with the tenant of the app registration.",
    ),
    50196: Advice(
        "The program asked for tokens many times in a short time.",
        "Use one credential for every client, give it cache_persistence_options=, and wait a few minutes.",
    ),
    50199: _CONFIRM,
    53000: _DEVICE,
    53001: _DEVICE,
    53003: _POLICY,
    54005: Advice(
        "The code was redeemed already: by another request that resumed this sign-in, or in a reply that was lost.",
        "Use the sign-in of the request that redeemed it; if there is none, sign in again.",
    ),
    65001: _CONSENT,
    65002: Advice(
        "A Microsoft application, as the default client_id is, may not use this resource.",
        "Register an application of your own and pass its client_id=.",
    ),
    65004: Advice(
        "The user declined to let the application act for them.",
        "Sign in again and accept, or ask for fewer scopes.",
    ),
    INVALID_GRANT: Advice(
        "The stored sign-in is no longer accepted.",
        'Call authenticate(); if a personal Microsoft account needs it every hour, pass tenant_id="consumers".',
    ),
    70002: _PUBLIC_CLIENT,
    70008: _SIGN_IN_AGAIN,
    70011: _SCOPES,
    70016: _WAIT,
    70018: Advice(
        "The code that was entered is not the one that was shown.",
        "Call again for a new code, and enter it exactly as shown.",
    ),
    70019: _EXPIRED_CODE,
    70020: _EXPIRED_CODE,
    70043: _SIGN_IN_AGAIN,
    90002: _NO_TENANT,
    90072: _WRONG_TENANT,
    90094: _ADMIN_CONSENT,
    90120: Advice("The code was used already: accepted or declined.", "Call again for a new code."),
    500011: Advice(
        "The resource is not known in the tenant that was asked.",
        "Check the scope's resource and tenant_id, or have an administrator add the resource's application.",
    ),
    530032: _POLICY,
    530035: _POLICY,
    700016: _NO_APPLICATION,
    700022: _SCOPES,
    700082: _SIGN_IN_AGAIN,
    7000218: _PUBLIC_CLIENT,
    9001023: _NO_PERSONAL,
    9002331: _CONSUMERS_ONLY,
    9002332: _NO_PERSONAL,
}
"""The advice for each AADSTS code, after a sign-in with a device code."""

BY_CODE_ELSEWHERE: Final = {
    **dict.fromkeys((16000, 16001, 16002), _ANOTHER_ACCOUNT_ELSEWHERE),
    **dict.fromkeys((50005, 50097, 53000, 53001), _DEVICE_ELSEWHERE),
    **dict.fromkeys((50131, 53003, 530032, 530035), _POLICY_ELSEWHERE),
    50199: _CONFIRM_ELSEWHERE,
}
"""The advice for codes with another meaning in a browser sign-in and in a refresh."""

DECLINED: Final = "authorization_declined"
"""The error of a user who refused. The AADSTS codes that come with it describe something else."""

_ACCEPT: Final = "Call again, and accept in the browser."
BY_ERROR: Final = {
    "access_denied": Advice("The sign-in was refused in the browser.", _ACCEPT),
    "authorization_declined": Advice("The user declined the sign-in in the browser.", _ACCEPT),
    "bad_verification_code": Advice(
        "The authority does not know the device code any more.", "Call again for a new code."
    ),
    "code_expired": _EXPIRED_CODE,
    "expired_token": _EXPIRED_CODE,
    "invalid_client": _PUBLIC_CLIENT,
    "unauthorized_client": Advice(
        "The application may not sign users in in this way, or is not known in the tenant that was asked.",
        "Check client_id and tenant_id, and that the app registration has 'Allow public client flows' on.",
    ),
}
"""The advice for errors without a code of this table (RFC 6749 5.2, RFC 8628 3.5)."""

_NETWORK: Final = "Check the network, the VPN and the proxy (proxies= or HTTPS_PROXY), then call again."
BY_KIND: Final = {
    FaultKind.UNREACHABLE: _NETWORK,
    FaultKind.TIMEOUT: _NETWORK,
    FaultKind.CERTIFICATE: (
        "If a company proxy inspects TLS, pass its CA certificate: connection_verify='/path/ca.pem', "
        "or set REQUESTS_CA_BUNDLE."
    ),
    FaultKind.PROXY: "Put the proxy's user name and password into proxies= or HTTPS_PROXY.",
    FaultKind.SETTING: "Check the options, files and environment variables that the message names, then call again.",
    FaultKind.STATUS: "Wait a little, then call again.",
    FaultKind.NOT_PROTOCOL: "Sign in to the network if it wants that, check authority= and the proxy, then call again.",
}
"""The next step for each kind of fault that left no answer of the authority."""

_UNKNOWN: Final = ErrorContext()
OWN_AUTHORITY: Final = "If the authority is yours and you trust it, pass disable_instance_discovery=True."
MORE_TIME: Final = "Call again, with a longer timeout= if users need more time."


def advice(error: ServiceError, context: ErrorContext | None = None) -> str | None:
    """Return the next step for a user.

    Args:
        error: the authority's error.
        context: what the authority refused.

    Returns:
        One sentence; None if the authority's own words are the best advice.
    """
    found = _find(error, context or _UNKNOWN)
    return None if found is None else found.step


def new_code(expires_in: float | None = None) -> str:
    """Return the next step after a code has expired; ``expires_in`` is how long it was valid, in seconds."""
    return f"Call again for a new code, and enter it within its {ErrorContext(expires_in=expires_in).lifetime}."


def remedy(fault: Fault) -> str:
    """Return the next step for a user after an exchange that brought no answer of the authority."""
    step = fault.step or BY_KIND[fault.kind]
    return f"{step} {OWN_AUTHORITY}" if fault.endpoint is Endpoint.INSTANCE else step


def explain(error: ServiceError, context: ErrorContext | None = None) -> str:
    """Return everything that is known about an error, in several lines.

    Args:
        error: the authority's error.
        context: what the authority refused.

    Returns:
        Several lines: its own words, their meaning, what to do, and the IDs that Microsoft's support asks for.
    """
    found = _find(error, context or _UNKNOWN)
    parts = [f"{error.error}: {error.description}" if error.description else error.error]
    if found is not None:
        parts += ["", found.meaning, f"What to do: {found.step}"]
    parts += [f"More: {ERROR_PAGE.format(code=code)}" for code in _codes(error)[:1]]
    named = (
        ("Correlation ID", error.correlation_id),
        ("Trace ID", error.trace_id),
        ("Timestamp", error.timestamp),
    )
    parts += [f"{name}: {value}" for name, value in named if value]
    return "\n".join(parts)


def _find(error: ServiceError, context: ErrorContext) -> Advice | None:
    codes = _codes(error)
    if INVALID_GRANT in codes and _is_personal(error, context.home_account_id):
        return _PERSONAL
    if error.error == "invalid_scope" or not WRONG_SCOPES.isdisjoint(codes):
        mistake = scope_mistake(context.scopes)
        if mistake is not None:
            return Advice(*mistake)
    known = BY_CODE if context.grant in {None, GrantType.DEVICE_CODE} else {**BY_CODE, **BY_CODE_ELSEWHERE}
    general = None if codes and error.error == "access_denied" else BY_ERROR.get(error.error)
    found = next((known[code] for code in codes if code in known), general)
    if found is _EXPIRED_CODE:
        return Advice(_EXPIRED_CODE.meaning, new_code(context.expires_in))
    return found


def _codes(error: ServiceError) -> tuple[int, ...]:
    return () if error.error == DECLINED else error.codes


def _is_personal(error: ServiceError, home_account_id: str | None) -> bool:
    return (home_account_id or "").endswith(f".{PERSONAL_TENANT}") or PERSONAL_TENANT in error.description
