"""The exit codes of the command line, and which of them an error of the library becomes."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from doorcode import errors
from doorcode._cli.account_file import FOLDER_ERRORS
from doorcode.cache import StoreError

TOO_LATE: Final = "The user did not sign in in time. `doorcode login --timeout SECONDS` waits longer."
UNWRITABLE: Final = "\nLet this user write there, or set HOME to a folder in which this user may write."
IN_OPTIONS: Final = (
    (
        "Use DeviceCodeCredential here, or InteractiveBrowserCredential(paste=True) to",
        "Use --device-code, or --paste to",
    ),
    ("paste=True needs", "--paste needs"),
    ("Pass a prompt: paste=function.", "Use --device-code."),
    (
        "Sign in with InteractiveBrowserCredential on",
        "Run `doorcode login --paste` here to use the browser of another machine, or `doorcode login --browser` on",
    ),
    ("InteractiveBrowserCredential", "`doorcode login --browser`"),
    (", or pass another redirect_uri", ""),
    ("Sign in again: call authenticate()", "Run `doorcode login`"),
    ("then sign in again with authenticate()", "then run `doorcode login`"),
    ("call authenticate() to change the account", "run `doorcode login --force` to change the account"),
    ("Call authenticate(scopes=...) with these scopes", "Run `doorcode login`, with --scope for each of these scopes,"),
    ("Call authenticate()", "Run `doorcode login`"),
    ("Call again", "Run the command again"),
    ("then call again", "then run the command again"),
    ("this credential is for", "the command is for"),
    ("Use one credential for every client, give it cache_persistence_options=, and wait", "Ask less often, and wait"),
    (
        "pass its CA certificate: connection_verify='/path/ca.pem', or set REQUESTS_CA_BUNDLE",
        "set REQUESTS_CA_BUNDLE to its CA certificate",
    ),
    ("connection_verify=, connection_cert= and the environment", "the environment"),
    ("(proxies= or HTTPS_PROXY)", "(HTTPS_PROXY)"),
    ("proxies= or ", ""),
    ("proxies= and ", ""),
    ("; use path= to choose the file", ""),
    ("; None sets no limit", ""),
    (
        "Or give TokenCachePersistenceOptions an encryption_key, or allow_unencrypted_storage=True to",
        "Or pass --allow-unencrypted-storage to",
    ),
    (
        "another encryption_key than the one given, or named by DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE",
        "another key than the one that DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE names",
    ),
    ("Give the key it was made with, or another name or path", "Give the key it was made with, or another --cache"),
    ("Use another name or path", "Choose another cache with --cache"),
    ("cannot get the encryption_key", "cannot get the cache's key"),
    ("give encryption_key or set DOORCODE_CACHE_KEY", "set DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE"),
    ("allow_unencrypted_storage is not set", "--allow-unencrypted-storage is not given"),
    ("allow_unencrypted_storage=True", "--allow-unencrypted-storage"),
    ("disable_instance_discovery=True", "--no-instance-discovery"),
    ("choose one with username or authentication_record", "choose one with --account"),
    ("pass additionally_allowed_tenants", "pass --tenant"),
)
"""What the library tells programs, and what the command line tells users instead; an earlier row goes before."""
PARAMETER: Final = re.compile(
    r"""\b(tenant_id|client_id)\b(?:="(\w+)"|=)?|\b(?:authority|timeout)=|^(?:authority|timeout)(?= '| must\b)""",
    re.MULTILINE,
)
"""A parameter of a credential that the command line has as an option."""
METHOD: Final = re.compile(r"^'(get_token|get_token_info|authenticate)' (got|requires|takes) ")
"""The start of the library's messages about scopes."""
NO_SIGN_IN_HELPS: Final = frozenset(
    {28000, 50059, 50128, 50194, 65002, 70002, 70011, 90002, 500011, 650053, 700016, 700022, 7000218}
    | {9001023, 9002331, 9002332}
)
"""AADSTS codes of a wrong tenant, application, registration or scope: a user who signs in meets them again."""


class ExitCode(IntEnum):
    """The exit codes of commands; docs/cli.md lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    SIGN_IN_NEEDED = 3
    UNREACHABLE = 4
    NO_CACHE = 5
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    SIGNALLED = 128
    INTERRUPTED = 130


class CommandError(Exception):
    """End a command with a message for the user and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def sign_in_needed(words: str = "", command: str = "doorcode login") -> CommandError:
    """Return the error of a command that needs a sign-in and may not start one.

    Args:
        words: why.
        command: the command that signs the user in.
    """
    lead = f"A sign-in is needed: {words}" if words else "A sign-in is needed."
    return CommandError(f"{lead}\nRun `{command}`.", ExitCode.SIGN_IN_NEEDED)


def for_users(text: str, said: str | None = None) -> str:
    """Return a message of the library with the command line's options in place of what a program would pass.

    Args:
        text: the message.
        said: the authority's words in it, which stay as they are.
    """
    before, between, after = text.partition(said) if said else (text, "", "")
    return _with_options(before) + between + _with_options(after)


def _with_options(text: str) -> str:
    for library, here in IN_OPTIONS:
        text = text.replace(library, here)
    text = METHOD.sub(r"--scope and --resource: \2 ", text)
    return PARAMETER.sub(_option, text)


def _option(found: re.Match[str]) -> str:
    name = {"tenant_id": "--tenant", "client_id": "--client-id"}.get(found[1], f"--{found[0].removesuffix('=')}")
    return name if found[2] is None else f"{name} {found[2]}"


def wrong_usage(error: Exception) -> CommandError:
    """Return the error of a command with an argument that the library refuses."""
    return CommandError(for_users(str(error)), ExitCode.USAGE)


def beyond_sign_in(error: errors.AuthenticationRequiredError) -> CommandError | None:
    """Return the end of a command whose user would sign in for nothing; None if a sign-in helps."""
    if NO_SIGN_IN_HELPS.isdisjoint(error.error_codes):
        return None
    step = re.search(r"^What to do: (.*)", errors.explain(error), re.MULTILINE)
    advice = f"\n{for_users(step[1])}" if step else ""
    return CommandError(f"{error.error_description}{advice}")


def as_command_error(error: Exception) -> CommandError | None:
    """Return an error of the library as the end of a command; None for any other error."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, errors.AuthenticationRequiredError):
        return beyond_sign_in(error) or sign_in_needed(error.error_description or "")
    if isinstance(error, (errors.CacheUnavailableError, StoreError)):
        advice = UNWRITABLE if getattr(error, "errno", None) in FOLDER_ERRORS else ""
        return CommandError(f"No token cache can be used: {for_users(str(error))}{advice}", ExitCode.NO_CACHE)
    words = for_users(str(error), getattr(error, "error_description", None))
    if isinstance(error, errors.AuthorityUnreachableError):
        return CommandError(f"{words}\n`doorcode doctor` checks the network.", ExitCode.UNREACHABLE)
    if isinstance(error, errors.AuthenticationFailedError):
        late = isinstance(error, errors.SignInTimedOutError)
        return CommandError(TOO_LATE if late else words)
    return None
