"""Objects that a credential is given: a wrong one is refused in the constructor, and not by the first request."""

from __future__ import annotations

import functools
from collections import namedtuple
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock, create_autospec

import pytest
import requests
from azure.core.pipeline.policies import HeadersPolicy, RetryPolicy
from azure.core.pipeline.transport import RequestsTransport

import doorcode.aio
from doorcode import prompts
from support.signing import SCOPE

Shown = namedtuple("Shown", "uri code expires_on")  # noqa: PYI024 - a class that is a prompt itself


class NotAsynchronous:
    """A transport in shape, and nothing more."""

    def send(self) -> None:
        """Send nothing."""


def function() -> None:
    """Do nothing."""


WRONG: list[tuple[str, object, str]] = [
    ("transport", 5, "transport must be an azure-core HttpTransport, .*, not int"),
    ("transport", False, "transport must be .*, not bool"),
    ("transport", RequestsTransport, r"transport must be an object, .* write RequestsTransport\(\)"),
    ("transport", requests.post, "transport must be .*, not function"),
    ("policies", 5, "policies must be a list of azure-core policies, not int"),
    ("policies", RetryPolicy(), "policies must be a list of azure-core policies, not RetryPolicy"),
    ("policies", [5], "policies must hold azure-core policies, .*, not int"),
    ("policies", [RetryPolicy], r"a policy of policies must be an object, .* write RetryPolicy\(\)"),
    ("per_call_policies", 5, "per_call_policies must hold azure-core policies, .*, not int"),
    ("per_call_policies", HeadersPolicy, r"write HeadersPolicy\(\)"),
    ("per_retry_policies", (function,), "per_retry_policies must hold azure-core policies, .*, not function"),
    ("connection_verify", 5, "connection_verify must be True, False, or the path of a CA file, not int"),
    ("connection_verify", ["ca.pem"], "connection_verify must be .*, not list"),
    ("connection_cert", 5, "connection_cert must be the path of a certificate, .*, not int"),
    ("connection_cert", ("a", "b", "c"), "connection_cert must be .*, not tuple"),
    ("connection_cert", ("a", 5), "connection_cert must be .*, not tuple"),
    ("raw_request_hook", 5, "raw_request_hook must be callable, not int"),
    ("raw_response_hook", "print", "raw_response_hook must be callable, not str"),
    ("retry_policy_class", RetryPolicy(), "retry_policy_class must be callable, not RetryPolicy"),
    ("session", 5, "session must be a requests.Session, not int"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_used_is_refused_at_once(make: Any, name: str, value: object, words: str) -> None:
    """The message names the option and what it takes."""
    with pytest.raises(TypeError, match=words):
        make.credential_class(**{name: value})


@pytest.mark.parametrize(
    "options",
    [
        {"transport": NotAsynchronous()},
        {"transport": MagicMock()},
        {"transport": create_autospec(RequestsTransport, instance=True)},
        {"policies": [HeadersPolicy(), None, RetryPolicy()]},
        {"policies": (HeadersPolicy() for _ in range(1))},
        {"policies": []},
        {"per_call_policies": HeadersPolicy(), "per_retry_policies": (RetryPolicy(),)},
        {"connection_verify": Path("ca.pem"), "connection_cert": Path("cert.pem")},
        {"connection_cert": ("cert.pem", "key.pem"), "session": requests.Session()},
        {"raw_request_hook": print, "retry_policy_class": RetryPolicy},
        dict.fromkeys(["transport", "policies", "connection_cert", "session", "raw_response_hook"]),
    ],
    ids=range(11),
)
def test_what_azure_core_takes_is_taken(make: Any, options: dict[str, object]) -> None:
    """Anything that has the methods, or that is empty."""
    make.credential_class(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"cache_persistence_options": doorcode.TokenCachePersistenceOptions},
            r"write TokenCachePersistenceOptions\(\)",
        ),
        (
            {"authentication_record": doorcode.AuthenticationRecord},
            r"pass what authenticate\(\) or Authenti.* returned",
        ),
    ],
    ids=["options", "record"],
)
def test_the_class_of_options_or_of_a_record(make: Any, options: dict[str, Any], words: str) -> None:
    """The parentheses were forgotten; the error says what to write."""
    with pytest.raises(TypeError, match=rf"{next(iter(options))} must be an object, not the class .*: {words}$"):
        make.credential_class(**options)


def test_the_class_of_a_transport(make: Any) -> None:
    """A class in the place of an object is refused."""
    with pytest.raises(TypeError, match="must be an object"):
        make.credential_class(transport=RequestsTransport)


@pytest.mark.parametrize("prompt", [prompts.TerminalPrompt, prompts.NotebookPrompt])
@pytest.mark.parametrize(
    "credential_class",
    [
        doorcode.DeviceCodeCredential,
        doorcode.UserCredential,
        doorcode.aio.DeviceCodeCredential,
        doorcode.aio.UserCredential,
    ],
    ids=["sync code", "sync user", "aio code", "aio user"],
)
def test_the_class_of_a_prompt(credential_class: Any, prompt: Any) -> None:
    """Only its objects are prompts."""
    with pytest.raises(TypeError, match=rf"prompt_callback must be an object, .* write {prompt.__name__}\(\)"):
        credential_class(prompt_callback=prompt)


def test_the_function_that_returns_a_prompt(make: Any) -> None:
    """The other prompts have no parentheses: that of default() are forgotten, and it is called with none."""
    with pytest.raises(TypeError, match=r"write prompts\.default\(\)"):
        make.credential_class(prompt_callback=prompts.default)


def test_a_function_that_wraps_the_default_prompt(make: Any) -> None:
    """It is the program's own, whatever name functools.wraps has copied onto it."""

    @functools.wraps(prompts.default)
    def shown(uri: str, code: str, expires_on: datetime) -> None:
        prompts.default()(uri, code, expires_on)

    make.credential_class(prompt_callback=shown)


def imitated(verification_uri: str, user_code: str, expires_on: object) -> None:
    """Have the shape of a prompt."""


@pytest.mark.parametrize("imitate", [Mock, MagicMock, create_autospec], ids=["Mock", "MagicMock", "autospec"])
def test_a_mock_in_place_of_a_prompt(make: Any, imitate: Any) -> None:
    """It is called as the function that it imitates would be, and does not count as a coroutine function."""
    prompt = imitate(imitated)
    prompt.side_effect = make.approver
    make(prompt_callback=prompt).get_token(SCOPE)
    prompt.assert_called_once()


def test_a_class_that_is_a_prompt_itself(make: Any) -> None:
    """It is called with the address, the code and the time, as any function."""
    make.credential_class(prompt_callback=Shown)


@pytest.fixture(
    params=[doorcode.get_bearer_token_provider, doorcode.aio.get_bearer_token_provider], ids=["sync", "aio"]
)
def provider(request: pytest.FixtureRequest) -> Any:
    """Give the function of both kinds."""
    return request.param


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((doorcode.DeviceCodeCredential, SCOPE), TypeError, r"credential must be an object, .* write DeviceCodeCred"),
        ((MagicMock(), ""), ValueError, "got an empty scope"),
        ((MagicMock(), SCOPE, " "), ValueError, "got an empty scope"),
        ((MagicMock(), [SCOPE]), TypeError, r"write get_bearer_token_provider\(\*scopes\)"),
        ((MagicMock(), None), TypeError, "takes scopes as strings, not NoneType"),
        ((MagicMock(),), ValueError, "at least one scope"),
    ],
    ids=["class", "empty", "blank", "list", "None", "none"],
)
def test_a_bearer_token_provider_that_could_never_provide(
    provider: Any, arguments: tuple[Any, ...], error: type[Exception], words: str
) -> None:
    """It is refused when it is made, and not when it is called."""
    with pytest.raises(error, match=words):
        provider(*arguments)
