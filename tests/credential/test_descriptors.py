"""A process that may open no further file or connection: the error says so, and nothing that was had is lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

import doorcode._core.flows.acquire
from doorcode import TokenCachePersistenceOptions, errors
from doorcode.cache import StoreError
from doorcode.emulator import Emulator
from support.signing import OTHER, SCOPE

resource = pytest.importorskip("resource", reason="Windows has no limit of this kind")

HOLES = 4096
"""Descriptors that are open at most."""


@contextmanager
def without_descriptors() -> Generator[None]:
    """Let the process open no further file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, HOLES), hard))
    opened: list[int] = []
    try:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    try:
        yield
    finally:
        for each in opened:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(autouse=True)
def _no_other_connections(authority: Emulator) -> None:
    """Close what other tests have left open at the authority: it would give descriptors back at any moment."""
    with authority.offline():
        pass


@pytest.fixture
def shared(tmp_path: Path) -> dict[str, Any]:
    """Give the options of a persistent cache."""
    return {"cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=bytes(32))}


@pytest.mark.parametrize("persistent", [False, True])
def test_a_call_says_what_to_do(make: Any, shared: dict[str, Any], persistent: bool) -> None:  # noqa: FBT001 - a column
    """It is this library's error, and the same call works once there are descriptors again."""
    credential = make(**(shared if persistent else {}), retry_total=0)
    with without_descriptors(), pytest.raises(ClientAuthenticationError, match="ulimit -n") as caught:
        credential.get_token(SCOPE)
    assert "too many files and connections open" in str(caught.value).lower()
    assert isinstance(caught.value, errors.AuthenticationFailedError)
    assert credential.get_token(SCOPE).token


@pytest.mark.parametrize("call", ["authenticate", "begin", "accounts"])
def test_the_other_calls(make: Any, shared: dict[str, Any], call: str) -> None:
    """Each public call has an error of this library."""
    make(**shared).get_token(SCOPE)
    credential = make(**shared, retry_total=0)
    options = {} if call == "accounts" else {"scopes": [OTHER]}
    with without_descriptors(), pytest.raises((ClientAuthenticationError, StoreError)) as caught:
        getattr(credential, call)(**options)
    assert "too many" in str(caught.value).lower()


def test_a_module_that_cannot_be_imported(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import opens files too."""

    def acquire(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(doorcode._core.flows.acquire, "acquire", acquire)
    credential = make()
    with pytest.raises(errors.AuthorityUnreachableError, match="ulimit -n") as caught:
        credential.get_token(SCOPE)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_sign_in_that_cannot_be_stored_is_returned(make: Any, authority: Emulator, shared: dict[str, Any]) -> None:
    """The token is kept in memory, and stored with the next one."""
    holes = without_descriptors()

    def prompt(_uri: str, code: str, _until: object) -> None:
        authority.approve(code)
        holes.__enter__()

    credential = make(**shared, prompt_callback=prompt)
    try:
        token = credential.get_token(SCOPE)
        assert credential.get_token(SCOPE) == token
    finally:
        holes.__exit__(None, None, None)
    assert credential.get_token(OTHER).token
    assert len(make.approver.prompts) == 0
    assert make(**shared).get_token(SCOPE).token == token.token
