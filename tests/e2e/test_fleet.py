"""Workers that use a sign-in of their head, and a server with many users, as docs/fleet.md has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from azure.storage.blob import BlobServiceClient

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.cache import RedisStore
from doorcode.emulator import Emulator
from support import web
from support.examples import ROOT, examples
from support.redis_server import RedisServer
from support.signing import ADA, GRACE, PATIENCE, changed

KEY = bytes(range(32))
PAGE = ROOT / "docs" / "fleet.md"
LETTERS = {f"letter-{number}.txt": b"Dear Charles," + bytes(number) for number in range(12)}
AGES = 600.0
"""Seconds after which a cluster of processes has hung, on a busy machine too."""


def example(sign: str) -> Any:
    """Return the example of the page in which a text stands."""
    (found,) = (each for each in examples(PAGE) if sign in str(each.parsed))
    return found


@pytest.fixture
def letters(doorcode_emulator: Emulator, azurite: str) -> str:
    """Give the URL of an account that has a container of letters."""
    with (
        DeviceCodeCredential(
            prompt_callback=doorcode_emulator.prompt_approver(), **doorcode_emulator.credential_options
        ) as credential,
        BlobServiceClient(azurite, credential, connection_verify=doorcode_emulator.ca_file) as service,
    ):
        container = service.create_container("letters")
        for name, text in LETTERS.items():
            container.upload_blob(name, text)
    doorcode_emulator.reset_counters()
    return azurite


@pytest.mark.e2e
@pytest.mark.slow
def test_dask_workers_read_blobs_with_the_heads_sign_in(
    doorcode_emulator: Emulator, letters: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    """The head signs in; the token is too old when the workers need it; one of them refreshes it for all.

    The authority refuses a refresh token that comes twice.
    """
    with redis_server.client() as client:
        for key in client.scan_iter("doorcode:letters:*"):
            client.delete(key)
    program = tmp_path / "letters.py"
    program.write_text(str(example("LocalCluster").parsed), encoding="utf-8")
    doorcode_emulator.configure(rotation="reject")
    doorcode_emulator.approve_all()
    doorcode_emulator.faults.queue("token:device_code", changed(expires_in=1))
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(program)],
        env={
            **os.environ,
            **doorcode_emulator.environment,
            "SIGN_IN_REDIS": redis_server.url,
            "SIGN_IN_KEY": KEY.hex(),
            "LETTERS": letters,
            "DASK_TEMPORARY_DIRECTORY": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=AGES,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"Characters: {sum(map(len, LETTERS.values()))}"
    assert doorcode_emulator.count("devicecode") == 1
    assert [request.status for request in doorcode_emulator.requests_to("token:refresh_token")] == [200]


@pytest.fixture
def serve(doorcode_emulator: Emulator, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return what starts one more process of the web server; they share nothing but Redis."""
    for name, value in {
        **doorcode_emulator.environment,
        "SIGN_IN_REDIS": redis_server.url,
        "SIGN_IN_KEY": KEY.hex(),
    }.items():
        monkeypatch.setenv(name, value)

    def started() -> Any:
        found = example("Starlette(routes")
        namespace: dict[str, Any] = {}
        found.document.namespace = found.namespace = namespace
        found.evaluate()
        return web.serving(namespace["make_app"]())

    return started


@pytest.fixture
def sites(serve: Callable[[], Any], redis_server: RedisServer) -> Iterator[tuple[str, str]]:
    """Give the URLs of two processes of the web server, whose users are all signed out at first."""
    RedisStore(redis_server.url, name="web", encryption_key=KEY).delete_all()
    with serve() as one, serve() as other:
        yield one, other


def signed_in(site: str, authority: Emulator, user: str) -> requests.Session:
    """Return a visitor who has signed in."""
    visitor = requests.Session()
    visitor.trust_env = False
    with visitor.post(f"{site}/sign-in", stream=True, timeout=PATIENCE) as answer:
        lines = answer.iter_lines(decode_unicode=True)
        code = re.search(r"code (\w+)", next(lines))
        assert code
        authority.approve(code[1], user)
        assert list(lines) == [f"Signed in as {user}."]
    return visitor


def test_each_user_has_a_session(
    sites: tuple[str, str], doorcode_emulator: Emulator, redis_server: RedisServer
) -> None:
    """Whichever process answers, a user is who they signed in as; one who signs out signs nobody else out."""
    doorcode_emulator.approve_none()
    one, other = sites
    with signed_in(one, doorcode_emulator, ADA) as ada, signed_in(other, doorcode_emulator, GRACE) as grace:
        for site in sites:
            assert ada.get(f"{site}/me", timeout=PATIENCE).json()["user"] == ADA
            assert grace.get(f"{site}/me", timeout=PATIENCE).json()["user"] == GRACE
        store = RedisStore(redis_server.url, name="web", encryption_key=KEY)
        assert {user.user for user in store.users()} == {ada.cookies["session"], grace.cookies["session"]}
        assert ada.post(f"{other}/sign-out", timeout=PATIENCE).text == "Signed out."
        assert ada.get(f"{one}/me", timeout=PATIENCE).status_code == 401
        assert grace.get(f"{one}/me", timeout=PATIENCE).json()["user"] == GRACE
        assert store.delete_all() == 2
        assert grace.get(f"{other}/me", timeout=PATIENCE).status_code == 401


def test_the_rights_that_the_page_gives_are_enough(redis_server: RedisServer) -> None:
    """A server's user with them can do all that the store does, and nothing to other keys."""
    (line,) = re.findall(r"ACL SETUSER .*", PAGE.read_text(encoding="utf-8"))
    with redis_server.client() as client:
        client.execute_command(*line.replace("PASSWORD", "a-password").split())
    client = redis.Redis(unix_socket_path=str(redis_server.socket), username="tokens", password="a-password")
    store = RedisStore(client, name="rights", encryption_key=KEY, ttl=100).for_user("ada")
    store.save(b"{}", None)
    lease = store.lease("refresh", 30)
    assert lease
    lease.release()
    assert store.load().data == b"{}"
    assert store.lease_holder("refresh") is None
    assert [user.user for user in store.users()] == ["ada"]
    assert store.delete_all() == 1
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.get("another")


def test_options_of_the_page_are_the_classes() -> None:
    """What the page says of times is what the code has."""
    from doorcode._core.flows.limits import request_limits
    from doorcode._core.flows.refresh import LEASE_SECONDS
    from doorcode._session.leases import STORE_SECONDS
    from doorcode.cache._stores.redis_lease import LONGEST

    text = PAGE.read_text(encoding="utf-8")
    usual = max(LEASE_SECONDS, request_limits({}).whole(redeems=True) + STORE_SECONDS)
    assert f"{usual:.0f} seconds with the usual limits, {LONGEST:.0f} at most" in text
    store = RedisStore("redis://127.0.0.1:1", encryption_key=KEY)
    assert f"`timeout=` seconds ({store._server.timeout:.0f} by default)" in text
    assert TokenCachePersistenceOptions(store=store).store
