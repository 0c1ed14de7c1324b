"""Run a script with one library at the emulator, and note what a program can see of it, as facts to compare."""

from __future__ import annotations

import builtins
import io
import logging
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport

from doorcode.emulator import AZURE_CLI_CLIENT_ID, CONTOSO_TENANT_ID, Emulator, RequestRecord

Facts: TypeAlias = dict[str, object]

WHILE: Final = 4
"""Seconds that are waited for somebody who does not come; what comes before takes a fraction of one."""
STORAGE: Final = "https://storage.azure.com/.default"
VAULT: Final = "https://vault.azure.net/.default"
PUBLIC_CLOUD: Final = "login.microsoftonline.com"
ACRS: Final = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
"""What a resource demands of the next token, a step-up for example."""
SHARED_NAMES: Final = frozenset(
    {
        *(name for name, value in vars(builtins).items() if isinstance(value, type)),
        "AuthenticationRequiredError",
        "AzureError",
        "ClientAuthenticationError",
        "CredentialUnavailableError",
        "DecodeError",
        "HttpResponseError",
        "ServiceRequestError",
    }
) - {"object", "BaseException", "Exception"}
"""Exceptions that a program written for azure-identity may name in an ``except`` clause."""
LOGGERS: Final = {"azure.identity": "azure.identity._internal", "doorcode": "doorcode"}
"""Library -> the logger under which its credentials speak; azure-identity's chains have another one."""
_VOLATILE: Final = ("code", "code_verifier", "device_code", "redirect_uri", "refresh_token")
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PROMISED: Final = re.compile(r"[A-Z]+ \w+\.(get_token|get_token_info|authenticate) (succeeded|failed)")
_TIMES: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?")


class Rerouted(RequestsTransport):
    """Send requests for the public cloud to the emulator, and note where they were meant to go."""

    def __init__(self, authority: Emulator) -> None:
        super().__init__(connection_verify=authority.ca_file)
        self.authority = authority
        self.asked: list[str] = []

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send one request."""
        self.asked.append(str(request.url).partition("?")[0])
        request.url = re.sub(r"^https://login\.[a-z.]+(?=/)", self.authority.url, request.url)
        return super().send(request, **kwargs)


@dataclass
class Person:
    """Be the user behind ``prompt_callback``: note each prompt, and answer it."""

    answer: Callable[[str], object]
    prompts: list[tuple[object, ...]] = field(default_factory=list)

    def __call__(self, *arguments: object) -> None:
        """Note the arguments, and answer."""
        self.prompts.append(arguments)
        self.answer(str(arguments[1]))


class Stage:
    """What a script acts on: a library, the emulator as new, and the facts noted so far.

    Args:
        library: azure.identity or doorcode.
        other: the other one, for scripts in which one takes over from the other.
        authority: the emulator.
        home: an empty home directory.
        monkeypatch: undone when the script has ended.
    """

    def __init__(
        self, library: ModuleType, other: ModuleType, authority: Emulator, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.library: Any = library
        self.other: Any = other
        self.authority = authority
        self.home = home
        self.monkeypatch = monkeypatch
        self.person = Person(authority.approve)
        self.facts: Facts = {}
        self._labels: dict[str, str] = {}

    # What scripts call.

    def options(self, **options: object) -> dict[str, Any]:
        """Return the arguments of a credential that signs in at the emulator, with the user behind its callback."""
        return {**self.authority.credential_options, "prompt_callback": self.person, **options}

    def credential(self, **options: object) -> Any:
        """Return a credential that signs in at the emulator."""
        return self.library.DeviceCodeCredential(**self.options(**options))

    def later(self, seconds: float) -> None:
        """Let the program's clock show a later time; the emulator's stays."""
        now = time.time
        self.monkeypatch.setattr(time, "time", lambda: now() + seconds)

    def forget(self, *facts: str) -> None:
        """Leave facts out of the comparison: those that depend on the clock, or are other scripts' concern."""
        for fact in facts:
            self.facts.pop(fact, None)

    def note(self, name: str, value: object) -> None:
        """Note a fact of the script's own."""
        self.facts[name] = self.shown(value)

    def step(
        self,
        name: str,
        action: Callable[..., Any],
        /,
        *arguments: object,
        says: tuple[str, ...] = (),
        **options: object,
    ) -> Any:
        """Call something, and note everything that came of it under a name.

        Args:
            name: of the step; facts are called ``name.what``.
            action: what to call with the arguments and options.
            *arguments: positional arguments.
            says: parts of an error's message that are promised.
            **options: keyword arguments.

        Returns:
            what it returned, or the exception that it raised.
        """
        requests, prompts = len(self.authority.requests), len(self.person.prompts)
        outcome: Any
        with _caught() as caught, _logged(LOGGERS[self.library.__name__]) as log:
            try:
                outcome = action(*arguments, **options)
            except Exception as exception:  # noqa: BLE001 - whatever it is, it is compared
                outcome = exception
                self._note_error(name, exception, says)
                _let_go(exception)
            else:
                self._note(name, "returned", self.shown(outcome))
        self._note_log(name, action, log)
        asked = self.person.prompts[prompts:]
        self._note(name, "prompts", tuple(self._prompt(prompt) for prompt in asked))
        self._note(name, "stdout", self.shown(caught.stdout.getvalue()))
        self._note(name, "stderr", self.shown(caught.stderr.getvalue()))
        self._note(name, "warned", tuple(sorted({str(item.category.__name__) for item in caught.warnings})))
        self._note_requests(name, self.authority.requests[requests:])
        return outcome

    # How values are shown, so that two runs can be compared.

    def shown(self, value: object) -> object:
        """Return a value without what changes from run to run."""
        if isinstance(value, AccessToken):
            unpacked = list(value)
            shape = "" if len(unpacked) == 2 else f", unpacks into {len(unpacked)}"
            return f"AccessToken({self.token(value.token)}, {_minutes(value.expires_on)}{shape})"
        if isinstance(value, AccessTokenInfo):
            refresh = value.refresh_on if value.refresh_on is None else _minutes(value.refresh_on)
            return (
                f"AccessTokenInfo({self.token(value.token)}, {_minutes(value.expires_on)}, "
                f"{value.token_type}, refresh {refresh})"
            )
        if type(value).__name__ == "AuthenticationRecord":
            return self.text(value.serialize())  # type: ignore[attr-defined]
        if isinstance(value, (list, set, tuple)):
            return tuple(self.shown(item) for item in value)
        if isinstance(value, dict):
            return {str(self.shown(key)): self.shown(item) for key, item in value.items()}
        return self._plain(value)

    def _plain(self, value: object) -> object:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return self.text(value) if isinstance(value, str) else value

    def token(self, token: str) -> str:
        """Return a name for a token, the same for the same token, with what it is for."""
        name = self._label(token, "token")
        try:
            claims = self.authority.verify(token)
        except Exception:  # noqa: BLE001 - a token of the script's own
            return name
        return f"{name} for {self.text(str(claims['aud']))} in {self.text(str(claims['tid']))}"

    def text(self, text: str) -> str:
        """Return a text without ports, IDs, codes and times."""
        users = {user.object_id: name.partition("@")[0] for name, user in self.authority.users.items()}
        known = {CONTOSO_TENANT_ID: "CONTOSO", AZURE_CLI_CLIENT_ID: "CLI", str(self.home): "HOME", **users}
        for name in ("azsdk-python-identity", "azsdk-python-doorcode"):
            text = re.sub(rf"{name}/\S+ Python/\S+ \(.*\)", f"{name}/VERSION Python/VERSION (PLATFORM)", text)
        text = re.sub(rf"(127\.0\.0\.1|localhost):{self.authority.port}", r"\1:PORT", text)
        for value, name in known.items():
            text = text.replace(value, name)
        for _, user_code, *_rest in self.person.prompts:
            text = text.replace(str(user_code), "CODE")
        text = re.sub(r"(?<=enter the code )\S+", "CODE", text)
        return _TIMES.sub("TIME", _GUID.sub("GUID", text))

    def _label(self, value: str, kind: str) -> str:
        return self._labels.setdefault(value, f"{kind} {len(self._labels) + 1}")

    def _note(self, step: str, what: str, value: object) -> None:
        if value not in ("", (), None):
            self.facts[f"{step}.{what}"] = value

    def _note_error(self, name: str, error: Exception, says: tuple[str, ...]) -> None:
        self._note(name, "raised", shared_names(error))
        message = str(error.message) if isinstance(error, AzureError) else str(error)
        self._note(name, "says", tuple(words for words in says if words in message))
        for attribute in ("scopes", "claims"):
            self._note(name, attribute, self.shown(getattr(error, attribute, None)))
        response = getattr(error, "response", None)
        if response is not None:
            self._note(name, "response", f"{response.status_code} {response.json()['error']}")
            self._note(name, "status", getattr(error, "status_code", None))

    def _note_log(self, name: str, action: Callable[..., Any], records: list[logging.LogRecord]) -> None:
        """Note the promised lines, whose method is `loggers`' concern, apart from whatever else is said."""
        lines = [_line(record) for record in records]
        promised = [line for line in lines if _PROMISED.match(line)]
        if getattr(action, "__name__", "") == "authenticate":
            lines = promised = [line.replace(".authenticate ", ".get_token ") for line in promised]
        self._note(name, "log", tuple(promised if len(promised) == 1 else sorted(promised)))
        remarks = [" ".join(line.split()[:6]) for line in lines if line not in promised]
        self._note(name, "remarks", tuple(sorted(remarks)))

    def _prompt(self, prompt: tuple[object, ...]) -> str:
        uri, code, expires_on = prompt
        assert isinstance(expires_on, datetime)
        zone = expires_on.utcoffset()
        kind = "str" if type(uri) is str and type(code) is str else "not str"
        return f"{self.text(str(uri))}, {kind}, {_minutes(int(expires_on.timestamp()))}, offset {zone}"

    def _note_requests(self, name: str, requests: list[RequestRecord]) -> None:
        self._note(
            name,
            "requests",
            tuple(f"{record.endpoint} {self.text(record.tenant)} {record.status}" for record in requests),
        )
        for endpoint in sorted({record.endpoint for record in requests if record.method == "POST"}):
            forms = sorted({self._form(record.form) for record in requests if record.endpoint == endpoint})
            self._note(name, f"form {endpoint}", tuple(forms))

    def _form(self, form: Mapping[str, str]) -> str:
        shown = {name: "..." if name in _VOLATILE else self.text(value) for name, value in sorted(form.items())}
        line = "&".join(f"{name}={value}" for name, value in shown.items() if name != "client_info")
        return line.replace("urn:ietf:params:oauth:grant-type:", "").replace(" offline_access openid profile", " +oidc")


def shared_names(error: BaseException) -> str:
    """Return what a program may call an exception in an ``except`` clause; bases of what is named are left out."""
    named = [cls for cls in type(error).__mro__ if cls.__name__ in SHARED_NAMES]
    kept: list[type] = []
    for cls in named:
        implied = any(cls.__name__ in {base.__name__ for base in other.__mro__} for other in kept)
        if not implied:
            kept.append(cls)
    return ", ".join(cls.__name__ for cls in kept)


def own_name(error: BaseException) -> str:
    """Return the library's own name for an exception, beyond those that both have."""
    own = (cls for cls in type(error).__mro__ if cls.__module__.startswith(("azure.identity", "doorcode")))
    return next((cls.__name__ for cls in own if cls.__name__ not in SHARED_NAMES), "")


def _let_go(exception: BaseException | None) -> None:
    """Release what the frames of an exception hold, in the thread that made it: MSAL's iterators hold a lock."""
    while exception is not None:
        traceback.clear_frames(exception.__traceback__)
        exception.__traceback__ = None
        exception = exception.__cause__ or exception.__context__


@dataclass
class _Caught:
    stdout: io.StringIO
    stderr: io.StringIO
    warnings: list[warnings.WarningMessage]


@contextmanager
def _caught() -> Iterator[_Caught]:
    out, err = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(out), redirect_stderr(err):
        warnings.simplefilter("always")
        yield _Caught(out, err, caught)


class _Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("doorcode.emulator"):
            self.records.append(record)


@contextmanager
def _logged(name: str) -> Iterator[list[logging.LogRecord]]:
    logger, handler = logging.getLogger(name), _Handler()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _line(record: logging.LogRecord) -> str:
    """Return a log line without the reason of a failure: the error itself is compared."""
    message = record.getMessage()
    line, failed, _ = message.partition(" failed: ")
    return f"{record.levelname} {line}{failed.rstrip()}" if failed else f"{record.levelname} {message}"


def _minutes(at: float) -> str:
    """Return a time as whole minutes from now."""
    return f"{'' if type(at) is int else type(at).__name__ + ' '}in {round((at - time.time()) / 60)} min"
