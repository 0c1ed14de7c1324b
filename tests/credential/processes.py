"""Processes that share one token cache, for the tests of what they do to each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import override

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._core.flows.leases import REFRESH_LEASE
from doorcode.cache import RedisStore
from doorcode.cache._locks.lease_note import holder_in
from doorcode.cache._protocol import LeaseHolder
from doorcode.emulator import Emulator, Latency
from support.redis_server import RedisServer
from support.signing import PATIENCE, SCOPE

PROGRAMS = Path(__file__).parent / "programs"
AWAY = 0.2
"""Seconds that the authority takes for a refresh."""


class Process:
    """One process that gets tokens."""

    def __init__(self, program: str, facts: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(PROGRAMS / f"{program}.py"), json.dumps(facts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Return its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def outcomes(self) -> list[str]:
        """Return what came of its calls."""
        found = []
        while (line := self.hear()) not in ("done", ""):
            found.append(line)
        return found

    def wait_until_stopped(self) -> None:
        """Wait until it has stopped itself."""
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)


class SharingProcesses:
    """The processes of one test, the cache that they share, and the authority that they ask.

    Args:
        authority: refuses a refresh token that is sent twice, and takes a while for each.
        path: of the cache.
    """

    def __init__(self, authority: Emulator, path: Path) -> None:
        authority.configure(rotation="reject")
        self.authority = authority
        self.path = path
        self.processes: list[Process] = []

    def options(self) -> TokenCachePersistenceOptions:
        """Return the options of the cache that they share."""
        return TokenCachePersistenceOptions(path=self.path, encryption_key=bytes(32))

    def place(self) -> dict[str, Any]:
        """Return what tells a process of the cache."""
        return {"path": str(self.path)}

    def sign_in(self) -> None:
        """Sign the user in, and have the authority take a while for each refresh from here on."""
        authority = self.authority
        with DeviceCodeCredential(
            cache_persistence_options=self.options(),
            prompt_callback=authority.prompt_approver(),
            **authority.credential_options,
        ) as credential:
            credential.authenticate(scopes=[SCOPE])
        authority.faults.always("token:refresh_token", Latency(AWAY))
        authority.reset_counters()

    def start(self, scopes: list[str], kind: str, program: str = "refresh", **more: object) -> Process:
        """Start a process that will get a token for each scope."""
        options = dict(self.authority.credential_options)
        facts = {**self.place(), "options": options, "scopes": scopes, "kind": kind, **more}
        process = Process(program, facts)
        self.processes.append(process)
        return process

    def run(self) -> None:
        """Let every process that was started begin, at one moment."""
        for process in self.processes:
            assert process.hear() == "ready"
        for process in self.processes:
            process.say()

    def holder(self) -> int:
        """Return the number of the process that holds the lease, as soon as its request is at the authority."""
        self.authority.wait_for("token:refresh_token", self.authority.count("token:refresh_token") + 1, PATIENCE)
        holder = self.lease_holder()
        assert holder is not None
        assert holder.process is not None
        return holder.process

    def lease_holder(self) -> LeaseHolder | None:
        """Return who holds the lease of a refresh."""
        return holder_in(f"{self.path}.nocae.{REFRESH_LEASE}.lock")

    def check(self) -> None:
        """Check what the authority saw: each refresh token once, and nobody who signs in."""
        answered = [record for record in self.authority.requests_to("token:refresh_token") if record.status]
        assert {record.status for record in answered} == {200}
        redeemed = [record.form["refresh_token"] for record in answered]
        assert len(set(redeemed)) == len(redeemed)
        assert self.authority.count("devicecode") == 0


class RedisSharingProcesses(SharingProcesses):
    """Likewise, with their cache on a Redis server.

    Args:
        authority: as above.
        server: the server.
        name: of the cache.
    """

    def __init__(self, authority: Emulator, server: RedisServer, name: str) -> None:
        super().__init__(authority, Path())
        self.server = server
        self.name = name

    @override
    def options(self) -> TokenCachePersistenceOptions:
        return TokenCachePersistenceOptions(store=self.store())

    @override
    def place(self) -> dict[str, Any]:
        return {"redis": self.server.url, "name": self.name}

    @override
    def lease_holder(self) -> LeaseHolder | None:
        return self.store().lease_holder(REFRESH_LEASE)

    def store(self) -> RedisStore:
        """Open the store that they share."""
        return RedisStore(self.server.url, name=self.name, encryption_key=bytes(32), timeout=PATIENCE)


def ended(made: SharingProcesses) -> Iterator[SharingProcesses]:
    """Give the processes, and end those that still run at the end."""
    yield made
    for process in made.processes:
        process.process.kill()
        process.process.communicate()


def scopes(number: int, count: int = 1) -> list[str]:
    """Return scopes that only one process asks for."""
    return [f"https://p{number}-{each}.example/.default" for each in range(count)]
