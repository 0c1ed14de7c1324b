"""Have the user sign in for a command: the credential that asks, and the prompt that says what the code is for."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import click

from doorcode import (
    DeviceCodeCredential,
    InteractiveBrowserCredential,
    InteractiveCredential,
    UserCredential,
    prompts,
)
from doorcode._cli.account_file import DEFAULT_CLIENT_ID, SignedIn
from doorcode._cli.failures import wrong_usage
from doorcode._cli.options import credential_options, notes

DEFAULT_APPLICATION: Final = "Microsoft Azure CLI"
"""The name that the authority's page shows for the library's default application."""
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


def interactive(
    method: str | None, prompt: prompts.TerminalPrompt, timeout: float | None, **options: Any
) -> InteractiveCredential:
    """Return a credential that asks the user.

    Args:
        method: how: ``device_code``, ``browser``, ``paste``, or None for what fits here.
        prompt: shows a code.
        timeout: seconds to wait for the user; None for the method's own time.
        **options: of the credential.

    Raises:
        CommandError: an option cannot be right.
    """
    try:
        if method == "device_code":
            return DeviceCodeCredential(prompt_callback=prompt, timeout=timeout, **options)
        if method is None:
            return UserCredential(prompt_callback=prompt, timeout=timeout, **options)
        if timeout is not None:
            options["timeout"] = timeout
        return InteractiveBrowserCredential(paste=method == "paste", **options)
    except (TypeError, ValueError) as error:
        raise wrong_usage(error) from error


@contextmanager
def asking() -> Generator[None]:
    """Let the user sign in within a block; what the library prints for people goes to standard error."""
    with redirect_stdout(sys.stderr):
        yield


def sign_in_again(account: SignedIn, scopes: tuple[str, ...], tenant: str | None) -> None:
    """Have the user of an account sign in, for a command that found no token.

    Raises:
        AuthenticationFailedError: the user did not, or another user did.
    """
    client_id = account.record.client_id
    application = DEFAULT_APPLICATION if client_id == DEFAULT_CLIENT_ID else client_id
    prompt = sign_in_prompt(application, scopes, account.name)
    with notes(), asking(), interactive(None, prompt, None, **credential_options(account)) as credential:
        credential.get_token(*scopes, tenant_id=tenant)
    click.echo(f"Signed in as {account.name}.", err=True)
