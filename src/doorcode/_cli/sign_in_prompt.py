"""The prompt of the command line: a terminal prompt that says what the code is for."""

from __future__ import annotations

from typing import Final

from doorcode import prompts

NAMES: Final = {
    "https://management.core.windows.net//.default": "Azure Resource Manager",
    "https://management.azure.com/.default": "Azure Resource Manager",
    "https://storage.azure.com/.default": "Azure Storage",
    "https://vault.azure.net/.default": "Azure Key Vault",
    "https://graph.microsoft.com/.default": "Microsoft Graph",
}


def sign_in_prompt(
    application: str, scopes: tuple[str, ...], account: str | None, *, qr: bool = False
) -> prompts.TerminalPrompt:
    """Return the prompt for a sign-in; the command itself says how the sign-in ended.

    Args:
        application: its name or client ID.
        scopes: what the sign-in is for; empty for the cloud's Resource Manager.
        account: who is expected; None for any user.
        qr: whether the address is shown as a QR code, too.
    """
    details = {
        "Application": application,
        "Access to": ", ".join(map(resource_name, scopes)) or "Azure Resource Manager",
        "Account": account or "any account of yours",
    }
    return prompts.TerminalPrompt(details, qr=qr, say_outcome=False)


def resource_name(scope: str) -> str:
    """Return what a scope is for, in the words of the authority's page where they are known."""
    return NAMES.get(scope, scope.removesuffix("/.default"))
