"""What both libraries are measured on: an emulated authority, and token caches that both can read."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.names import CLIENT, SCOPE, scope
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import Emulator

KEY = bytes(range(32))
SECONDS_VALID = 7200

SILENT = """
from {library} import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
DeviceCodeCredential(
    authentication_record=AuthenticationRecord.deserialize({record!r}),
    disable_automatic_authentication=True,
    disable_instance_discovery=True,
    connection_verify={ca_file!r},
    cache_persistence_options=TokenCachePersistenceOptions({cache}),
).get_token({scope!r})
"""
"""A program that gets a token which an earlier one stored: the same text for both libraries."""


@dataclass(slots=True)
class Stage:
    """An authority, a home directory with caches of several sizes, and the account that is signed in there.

    Attributes:
        authority: the emulator.
        home: of the processes that are measured.
        record: the account, in the format that both libraries read.
        environment: of those processes: nothing of this one's but what Python needs.
    """

    authority: Emulator
    home: Path
    record: str = ""
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def program(self, library: str, size: object, *, scope: str = SCOPE, sealed: bool = False) -> str:
        """Return a program that gets a token silently, from a cache of so many tokens if it is in there."""
        cache = f"name='cache{size}', allow_unencrypted_storage=True"
        if sealed:
            cache = f"path={str(self.home / 'sealed')!r}, encryption_key=bytes(range(32))"
        return SILENT.format(
            library=library, record=self.record, ca_file=self.authority.ca_file, cache=cache, scope=scope
        )

    def copy(self, name: str) -> Path:
        """Make a new cache of one token, in place of the one of that name if there is one; return its path."""
        place = self.home / ".IdentityService"
        return Path(shutil.copyfile(place / "cache1.nocae", place / f"{name}.nocae"))

    def facts(self, **more: object) -> str:
        """Return what a child process has to know, as JSON."""
        options = {name: value for name, value in self.authority.credential_options.items() if value is not None}
        return json.dumps({"options": options, "record": self.record, "ca_file": self.authority.ca_file, **more})


def run(stage: Stage, code: str, within: float = 60.0) -> tuple[float, bool]:
    """Run a program in a new interpreter; return what :func:`timed` does."""
    return timed([sys.executable, "-I", "-c", code], stage.environment, within)


def timed(command: Sequence[str], environment: Mapping[str, str], within: float = 60.0) -> tuple[float, bool]:
    """Run a command; return the seconds from spawning it to its end, and whether it ended well."""
    start = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        # A wait with a timeout looks every 50 ms, which is what is to be measured here.
        watchdog = threading.Timer(within, process.kill)
        watchdog.start()
        process.wait()
        took = time.perf_counter() - start
        watchdog.cancel()
    return took, process.returncode == 0


def seconds_of(taken: tuple[float, bool], what: str) -> float:
    """Return the seconds of what ended well.

    Raises:
        RuntimeError: it did not.
    """
    seconds, well = taken
    if not well:
        message = f"this failed:\n{what}"
        raise RuntimeError(message)
    return seconds


def child(stage: Stage, module: str, library: str, **more: object) -> dict[str, Any]:
    """Run one of this package's modules in a new interpreter for one library; return what it prints as JSON."""
    command = [sys.executable, "-m", f"benchmarks.{module}", library, stage.facts(**more)]
    done = subprocess.run(
        command,
        env=stage.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=600,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def staged(sizes: tuple[int, ...]) -> Generator[Stage]:
    """Set the stage: sign in once, and store so many tokens."""
    logging.getLogger("doorcode").setLevel(logging.ERROR)  # it would warn that these caches are not encrypted
    with TemporaryDirectory() as folder, Emulator(interval=1, access_token_lifetime=SECONDS_VALID) as authority:
        stage = Stage(authority, Path(folder))
        kept = ("PATH", "SYSTEMROOT", "LOCALAPPDATA", "TMPDIR", "LANG")
        stage.environment = {name: os.environ[name] for name in kept if name in os.environ}
        stage.environment["HOME"] = folder
        place = stage.home / ".IdentityService"
        place.mkdir(mode=0o700)
        (place / "seed.nocae").write_text("{}")  # a plain file that is there is used
        record = _sign_in(authority, TokenCachePersistenceOptions(path=place / "seed", allow_unencrypted_storage=True))
        stage.record = record.serialize()
        authority.approve_all()  # whoever signs in from here on
        _sign_in(authority, TokenCachePersistenceOptions(path=stage.home / "sealed", encryption_key=KEY))
        seed = json.loads((place / "seed.nocae").read_text())
        for size in sizes:
            _write(place / f"cache{size}.nocae", _grown(seed, size))
        yield stage


def _sign_in(authority: Emulator, options: TokenCachePersistenceOptions) -> AuthenticationRecord:
    with DeviceCodeCredential(
        CLIENT,
        cache_persistence_options=options,
        prompt_callback=authority.prompt_approver(),
        **authority.credential_options,
    ) as credential:
        return credential.authenticate(scopes=[SCOPE])


def _grown(seed: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return a cache with so many access tokens: that of the seed, and copies of it for other resources."""
    key, row = next((key, row) for key, row in seed["AccessToken"].items() if row["target"] == SCOPE)
    rows = {key: row}
    for number in range(1, size):
        target = scope(number)
        rows[key.replace(SCOPE, target)] = {**row, "target": target}
    return {**seed, "AccessToken": rows}


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
    path.chmod(0o600)
