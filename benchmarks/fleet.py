"""Measure a token cache on a Redis server: many processes on one cache, and many users on one server.

``python -m benchmarks.fleet`` starts a ``redis-server`` of its own, takes some minutes, and writes the figures into
``docs/scale.md`` and ``benchmarks/fleet.json``. ``--processes`` and ``--seconds`` make it shorter; ``--quick`` shows
that everything runs, in a few seconds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis

from benchmarks.names import CLIENT, SCOPE, scope
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.cache import RedisStore
from doorcode.emulator import Edit, Emulator

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "scale.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks.fleet` -->\n", "<!-- end of figures -->\n"
KEY = bytes(range(32))
USERS: tuple[int, ...] = (1, 100, 1_000, 10_000)
SAMPLE = 200
MILLION = 1_000_000
GIB = 2**30
SHARD_GIB = 16
"""Memory of one shard, in GiB, of which a fork for a snapshot may need as much again."""


@contextmanager
def server(folder: Path) -> Generator[redis.Redis]:
    """Run a server on a Unix socket, and give a client of it."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise SystemExit("there is no redis-server: apt-get install redis-server")
    place = folder / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(place), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while not place.exists():
                time.sleep(0.01)
            with redis.Redis(unix_socket_path=str(place)) as client:
                yield client
        finally:
            process.terminate()


def store_of(client: redis.Redis, name: str) -> RedisStore:
    """Return a store on the server."""
    return RedisStore(client, name=name, encryption_key=KEY, timeout=60)


def signed_in(authority: Emulator, store: RedisStore) -> str:
    """Sign a user in, with a token that has aged at once; return the record."""
    authority.approve_all()
    authority.faults.queue("token:device_code", Edit(lambda reply: {**reply, "expires_in": 1}))
    with DeviceCodeCredential(
        CLIENT,
        cache_persistence_options=TokenCachePersistenceOptions(store=store),
        prompt_callback=lambda *_: None,
        **authority.credential_options,
    ) as credential:
        record = credential.authenticate(scopes=[SCOPE])
    time.sleep(1.1)
    authority.reset_counters()
    return record.serialize()


# -- many processes on one cache


def crowd(client: redis.Redis, authority: Emulator, processes: int, seconds: float) -> dict[str, Any]:
    """Let so many processes use one cache for some seconds; return what came of it."""
    store = store_of(client, "crowd")
    record = signed_in(authority, store)
    options = {name: value for name, value in authority.credential_options.items() if value is not None}
    path = client.connection_pool.connection_kwargs["path"]
    facts = {"redis": f"unix://{path}", "name": "crowd", "options": options, "record": record, "seconds": seconds}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fleet_worker", json.dumps({**facts, "worker": number})],
            cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    for worker in workers:
        assert _line(worker) == "ready"
    aged = [float(line) for line in _together(workers)]
    refreshes = authority.count("token:refresh_token")
    before = _usage(client)
    for worker in workers:
        _say(worker)
    found = [json.loads(worker.communicate()[0]) for worker in workers]
    used = {name: value - before[name] for name, value in _usage(client).items()}
    return {
        "processes": processes,
        "seconds": seconds,
        "refreshes": refreshes,
        "aged": max(aged),
        "silent": sum(len(each["silent"]) for each in found) / seconds,
        "silent_longest": max(each["silent"][-1] for each in found),
        "own": sum(len(each["own"]) for each in found),
        "own_longest": max((each["own"][-1] for each in found if each["own"]), default=0.0),
        "failed": sum(len(each["failed"]) for each in found),
        "lost": _lost(store, found),
        "spent_twice": _spent_twice(authority),
        "commands": used["commands"] / seconds,
        "cpu": used["cpu"] / seconds,
    }


def _lost(store: RedisStore, found: list[dict[str, Any]]) -> int:
    """Return how many of the tokens that a worker got are missing in the cache."""
    rows = json.loads(store.load().data or b"{}")["AccessToken"].values()
    kept = {target for row in rows for target in row["target"].split()}
    names = {scope(f"{worker}-{number}") for worker, each in enumerate(found) for number in range(len(each["own"]))}
    return len(names - kept) - sum(len(each["failed"]) for each in found)


def _spent_twice(authority: Emulator) -> int:
    """Return how many requests sent a refresh token that had been sent before, or were refused."""
    sent = authority.requests_to("token:refresh_token")
    secrets = [request.form["refresh_token"] for request in sent]
    return len(secrets) - len(set(secrets)) + sum(request.status != 200 for request in sent)


def _together(workers: list[subprocess.Popen[str]]) -> list[str]:
    for worker in workers:
        _say(worker)
    return [_line(worker) for worker in workers]


def _say(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin
    worker.stdin.write("go\n")
    worker.stdin.flush()


def _line(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout
    return worker.stdout.readline().strip()


# -- many users on one server


def growth(client: redis.Redis, authority: Emulator, sizes: tuple[int, ...]) -> list[dict[str, float]]:
    """Return what a user costs where there are so many."""
    store = store_of(client, "users")
    signed_in(authority, store)
    data = store.load().data
    assert data
    store.delete()
    found: list[dict[str, float]] = []
    empty = int(_info(client)["used_memory"])
    there = 0
    for size in sizes:
        saved = [_timed(partial(_save, store, number, data)) for number in range(there, size)]
        there = size
        some = random.choices(range(size), k=SAMPLE)  # noqa: S311 - a sample
        loaded = [_timed(store.for_user(f"user-{number}").load) for number in some]
        looked = [_timed(store.for_user(f"user-{number}").stamp) for number in some]
        found.append(
            {
                "users": size,
                "bytes": (int(_info(client)["used_memory"]) - empty) / size,
                "load": statistics.median(loaded),
                "stamp": statistics.median(looked),
                "save": statistics.median(saved),
                "list": _timed(lambda: sum(1 for _ in store.users())) / size,
            }
        )
    store.delete_all()
    return found


def _save(store: RedisStore, number: int, data: bytes) -> None:
    store.for_user(f"user-{number}").save(data, None)


def calls(client: redis.Redis, authority: Emulator) -> dict[str, float]:
    """Return what a new process's token, and a refresh, ask of the server: commands, and its processor's time."""
    store = store_of(client, "calls")
    record = AuthenticationRecord.deserialize(signed_in(authority, store))

    def token(name: str) -> None:
        options = {key: value for key, value in authority.credential_options.items() if key != "authority"}
        DeviceCodeCredential(
            CLIENT,
            authentication_record=record,
            disable_automatic_authentication=True,
            cache_persistence_options=TokenCachePersistenceOptions(store=store),
            **options,  # type: ignore[arg-type]
        ).get_token(name)

    token(SCOPE)
    found: dict[str, float] = {"bytes": len(client.get(store._partition.value_key) or b"")}  # noqa: SLF001 - the form at rest
    for kind, names in {"silent": [SCOPE] * SAMPLE, "refresh": [scope(f"c{n}") for n in range(SAMPLE // 10)]}.items():
        before = _usage(client)
        for name in names:
            token(name)
        used = {name: value - before[name] for name, value in _usage(client).items()}
        found[f"{kind}_commands"] = used["commands"] / len(names)
        found[f"{kind}_cpu"] = used["cpu"] / len(names)
    return found


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _usage(client: redis.Redis) -> dict[str, float]:
    said = _info(client)
    return {
        "commands": float(said["total_commands_processed"]),
        "cpu": float(said["used_cpu_user"]) + float(said["used_cpu_sys"]),
    }


def _info(client: redis.Redis) -> dict[str, Any]:
    said: dict[str, Any] = client.info()
    return said


# -- words


def page(found: dict[str, Any]) -> str:
    """Return the figures as tables, and what follows from them for a million users."""
    many, costs, rows = found["crowd"], found["calls"], found["growth"]
    lines = [
        f"{found['machine']}; redis-server {found['server']} on the same machine, over a Unix socket.",
        "",
        f"### {many['processes']} processes, one cache, {many['seconds']:.0f} seconds",
        "",
        "| | |",
        "|---|--:|",
        f"| processes that wanted one aged token at one moment: refreshes made | {many['refreshes']} |",
        f"| the longest wait for it | {many['aged']:.2f} s |",
        f"| silent tokens a second, each with a new credential that asks Redis | {many['silent']:,.0f} |",
        f"| the longest of these calls | {many['silent_longest'] * 1000:,.0f} ms |",
        f"| tokens of their own, each refreshed, meanwhile | {many['own']:,} |",
        f"| the longest wait for one | {many['own_longest']:.2f} s |",
        f"| calls that failed | {many['failed']} |",
        f"| tokens lost | {many['lost']} |",
        f"| refresh tokens sent twice, or refused | {many['spent_twice']} |",
        f"| commands a second, at {100 * many['cpu']:.0f} % of a processor | {many['commands']:,.0f} |",
        "",
        "### 1 to 10,000 users on one server",
        "",
        "| users | bytes for each | read a cache | look for a change | write a cache | list, for each |",
        "|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {row['users']:,} | {row['bytes']:,.0f} | {_us(row['load'])} | {_us(row['stamp'])} | {_us(row['save'])} "
            f"| {_us(row['list'])} |"
            for row in rows
        ),
        "",
        "### What a token asks of the server",
        "",
        "| | commands | its processor |",
        "|---|--:|--:|",
        f"| a stored token, in a new credential | {costs['silent_commands']:.1f} | {_us(costs['silent_cpu'])} |",
        f"| a refresh | {costs['refresh_commands']:.1f} | {_us(costs['refresh_cpu'])} |",
        "",
        *_million(rows[-1]["bytes"], costs),
    ]
    return "\n".join(lines)


def _million(size: float, costs: dict[str, float]) -> list[str]:
    memory = size * MILLION / GIB
    hourly = MILLION / 3600
    refresh, silent = costs["refresh_cpu"] * hourly, costs["silent_cpu"] * hourly * 60
    shards = max(math.ceil(memory / SHARD_GIB), math.ceil((refresh + silent) / 0.5))
    commands = hourly * (costs["refresh_commands"] + 60 * costs["silent_commands"])
    return [
        "### A million users, from these figures",
        "",
        "| If each user has one sign-in, one resource, and is active all the time | |",
        "|---|--:|",
        f"| memory | {memory:.1f} GiB |",
        f"| refreshes a second: one an hour for each | {hourly:,.0f} |",
        f"| processor for these | {100 * refresh:.1f} % of one |",
        f"| stored tokens read a second: one a minute for each, by new credentials | {hourly * 60:,.0f} |",
        f"| processor for these | {100 * silent:.0f} % of one |",
        f"| commands a second | {commands:,.0f} |",
        f"| read from the server, a second | {hourly * 60 * costs['bytes'] / 2**20:,.0f} MiB |",
        f"| shards of {SHARD_GIB} GiB, each half busy at most | {shards} |",
    ]


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs"


def main() -> int:
    """Measure, print, and write unless it was a short run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    processes, seconds, sizes = chosen.processes, chosen.seconds, USERS
    if chosen.quick:
        processes, seconds, sizes = 2, 1.0, (1, 10)
    with TemporaryDirectory() as folder, server(Path(folder)) as client, Emulator() as authority:
        authority.configure(rotation="reject")
        found: dict[str, Any] = {
            "machine": f"Python {platform.python_version()} on {platform.system()} ({platform.machine()}, "
            f"{os.cpu_count()} cores)",
            "server": _info(client)["redis_version"],
            "growth": growth(client, authority, sizes),
            "calls": calls(client, authority),
            "crowd": crowd(client, authority, processes, seconds),
        }
    text = page(found)
    print(text)
    if not chosen.quick:
        (HERE / "fleet.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        whole = PAGE.read_text(encoding="utf-8")
        before, _, rest = whole.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return int(bool(found["crowd"]["lost"] or found["crowd"]["spent_twice"] or found["crowd"]["failed"]))


if __name__ == "__main__":
    sys.exit(main())
