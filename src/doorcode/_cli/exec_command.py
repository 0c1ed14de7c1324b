"""``doorcode exec``: run a command whose Azure SDK finds the signed-in user as a managed identity."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from doorcode import AuthenticationRequiredError, DeviceCodeCredential
from doorcode._cli.account_file import SignedIn
from doorcode._cli.failures import CommandError, ExitCode, beyond_sign_in, for_users
from doorcode._cli.fast_token import AccountChoice, as_scope
from doorcode._cli.options import (
    allowed_resources_option,
    choice_options,
    login_command,
    no_prompt_option,
    notes,
    scopes_or_default,
    silent_credential,
    tenant_option,
    verbose_option,
)
from doorcode._cli.token import account_or_sign_in, with_sign_in
from doorcode._cli.token_endpoint import RequestRefusedError, TokenEndpoint, TokenLike
from doorcode.errors import AuthenticationFailedError, AuthorityUnreachableError

REMOVED: Final = ("MSI_ENDPOINT", "MSI_SECRET", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT")
"""Variables by which SDKs would recognize another managed identity."""
CONFLICTS: Final = (
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USERNAME",
    "AZURE_TOKEN_CREDENTIALS",
)
"""Variables that make DefaultAzureCredential use something else first."""
_PROXIES: Final = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def _file_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave the completion of the command and its arguments to the shell, which knows the files."""
    return [CompletionItem(incomplete, type="file")]


@click.command(
    "exec",
    context_settings={"allow_interspersed_args": False},
    short_help="Run a command whose Azure SDK uses the sign-in.",
)
@allowed_resources_option
@tenant_option
@choice_options()
@no_prompt_option
@verbose_option
@click.argument(
    "command",
    metavar="-- COMMAND...",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    shell_complete=_file_names,
)
def exec_command(
    *,
    resources: tuple[str, ...],
    tenant: str | None,
    choice: AccountChoice,
    no_prompt: bool,
    verbose: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND, whose Azure SDK, in any language, gets the signed-in user's tokens.

    The command and its children find an endpoint on 127.0.0.1 in IDENTITY_ENDPOINT and IDENTITY_HEADER, as on Azure's
    App Service: ManagedIdentityCredential and DefaultAzureCredential use it by themselves. It is gone when the command
    ends. The exit code is the command's own; 126 says that the command cannot be run, 127 that it is not there,
    128 + N that signal N ended it.

    \b
    doorcode exec -- node upload.js
    doorcode exec --resource https://storage.azure.com -- python job.py
    """  # noqa: D301 - click knows by this character what not to wrap
    first = tuple(map(as_scope, resources[:1]))
    whose = account_or_sign_in(choice, first, tenant, no_prompt=no_prompt)
    first = scopes_or_default(whose, first)
    with notes(quiet=True, verbose=verbose):
        with_sign_in(whose, first, tenant, no_prompt=no_prompt)
    for name in CONFLICTS:
        if os.environ.get(name):
            click.echo(
                f"doorcode: {name} is set: DefaultAzureCredential may use that instead of the sign-in.", err=True
            )
    allowed = frozenset(resources) or None
    log = _log_request if verbose else _log_nothing
    with (
        notes(quiet=True, verbose=verbose),
        silent_credential(whose) as credential,
        closing(TokenEndpoint(tokens_of(credential, whose, tenant), allowed, log)) as endpoint,
    ):
        code = run(command, child_environment(os.environ, endpoint.environment))
    raise click.exceptions.Exit(code)


def child_environment(own: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the command.

    Args:
        own: this process's.
        added: the variables of the endpoint.
    """
    child = {name: value for name, value in own.items() if name not in REMOVED} | dict(added)
    if any(own.get(name) for name in _PROXIES):
        # Else the secret would go to the proxy.
        for name in ("NO_PROXY", "no_proxy"):
            known = (own.get(name) or own.get(name.swapcase(), "")).strip()
            # "*" excepts every host, but only if it stands alone.
            child[name] = known if known == "*" else f"{known},127.0.0.1" if known else "127.0.0.1"
    return child


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command in this process's group with its standard streams, and pass signals on.

    Args:
        command: its name and arguments.
        environment: its variables.

    Returns:
        Its exit code; 128 and the number of the signal that ended it.

    Raises:
        CommandError: it cannot be found or run.
    """
    with _signals() as forward_to:
        try:
            child = subprocess.Popen(command, env=environment)  # noqa: S603 - the user's own command
        except FileNotFoundError as error:
            missing = "the program that its first line names was not found"
            reason = missing if "/" in command[0] and Path(command[0]).exists() else "command not found"
            message = f"{shlex.quote(command[0])}: {reason}"
            raise CommandError(message, ExitCode.NOT_FOUND) from error
        except OSError as error:
            message = f"{shlex.quote(command[0])}: {error.strerror}"
            raise CommandError(message, ExitCode.NOT_EXECUTABLE) from error
        forward_to(child)
        code = child.wait()
    return code if code >= 0 else ExitCode.SIGNALLED - code


@contextmanager
def _signals() -> Generator[Callable[[subprocess.Popen[bytes]], None]]:
    """Leave Ctrl-C to the command, which gets it too, and pass on what only this process gets.

    Yields:
        a function to call with the started command; it passes on the signals that came before.
    """
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if children:
            children[0].send_signal(number)
        else:
            early.append(number)

    def started(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        for number in early:
            child.send_signal(number)

    # Functions in place of SIG_IGN, which the command would inherit. A signal that is ignored already stays ignored.
    handlers: dict[str, Callable[[int, FrameType | None], None]] = {"SIGINT": _leave, "SIGQUIT": _leave}
    handlers |= dict.fromkeys(("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"), forward)
    before: dict[int, Any] = {}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the terminal sends the signal to the command, too."""


def tokens_of(credential: DeviceCodeCredential, account: SignedIn, tenant: str | None) -> Callable[[str], TokenLike]:
    """Return the function with which the endpoint gets tokens; it never prompts the user.

    Args:
        credential: of the account.
        account: whose tokens they are.
        tenant: another tenant than the account's.
    """
    options = {} if tenant is None else {"tenant_id": tenant}

    def get_token(resource: str) -> TokenLike:
        try:
            return credential.get_token_info(as_scope(resource), options=options)  # type: ignore[arg-type] # of one
        except AuthenticationRequiredError as error:
            hopeless = beyond_sign_in(error)
            if hopeless is not None:
                raise RequestRefusedError(HTTPStatus.BAD_REQUEST, str(hopeless)) from error
            words = error.error_description or "the sign-in has ended."
            command = login_command(account, (as_scope(resource),), tenant)
            message = f"A sign-in of {account.name} is needed: {words} Run `{command}`."
            raise RequestRefusedError(HTTPStatus.BAD_REQUEST, message) from error
        except AuthorityUnreachableError as error:
            raise RequestRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, for_users(str(error))) from error
        except (AuthenticationFailedError, ValueError) as error:
            raise RequestRefusedError(
                HTTPStatus.BAD_REQUEST, for_users(str(error), getattr(error, "error_description", None))
            ) from error

    return get_token


def _log_request(line: str) -> None:
    click.echo(f"doorcode: {line}", err=True)


def _log_nothing(_line: str) -> None:
    """Log nothing without ``-v``: standard error is the command's."""
