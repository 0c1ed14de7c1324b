"""The Redis store with Sentinel and with a cluster, which redis-py's own clients look after."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import ClusterNode, RedisCluster

from doorcode.cache import Conflict, Loaded, RedisStore, RedisUser
from support.redis_server import RedisServer, find, free_port, running
from support.signing import PATIENCE

KEY = bytes(range(32))
DATA, NEWER = b'{"first": {}}', b'{"second": {}}'
SENTINEL: Any = redis.Sentinel  # redis-py leaves some of its functions without types
NODE: Any = ClusterNode
BUS = 10_000
"""What a cluster's nodes add to their port for what they tell each other."""


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; it says so by being true and not raising."""
    waiting, end = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if is_so():
                return
        except (redis.RedisError, OSError):
            pass
        waiting.wait(0.05)
    pytest.fail("it does not come to be so")


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[tuple[Any, RedisServer]]:
    """Give a Sentinel that watches a primary and its replica, and the primary."""
    program = find()
    port = free_port()
    with (
        running(tmp_path / "primary", free_port(), repl_diskless_sync_delay=0) as primary,
        running(tmp_path / "replica", free_port(), replicaof=f"127.0.0.1 {primary.port}") as replica,
    ):
        with replica.client() as client:
            until(lambda: client.info("replication")["master_link_status"] == "up")
        config = tmp_path / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\nsentinel monitor tokens 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds tokens 3000\nsentinel failover-timeout tokens 3000\n",
            encoding="utf-8",
        )
        with subprocess.Popen([program, str(config), "--sentinel"], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
            try:
                found = SENTINEL([("127.0.0.1", port)])
                until(lambda: found.discover_slaves("tokens"))
                yield found, primary
            finally:
                process.terminate()


@pytest.mark.slow
def test_a_failover_of_sentinels(sentinel: tuple[Any, RedisServer]) -> None:
    """When the primary is killed, the next call waits for the replica to take its place; what it had is there."""
    sentinels, primary = sentinel
    with sentinels.master_for("tokens") as client:
        store = RedisStore(client, encryption_key=KEY, timeout=PATIENCE)
        stamp = store.save(DATA, None)
        client.wait(1, int(PATIENCE * 1000))
        primary.kill()
        assert not isinstance(stamp, Conflict)
        saved = store.save(NEWER, stamp)
        assert not isinstance(saved, Conflict)
        assert store.load() == Loaded(NEWER, saved)
        assert store.lease("refresh", 30)
    for each in sentinels.sentinels:
        each.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """Give a client of a cluster of one node, which has all slots."""
    port = free_port()
    while port + BUS > 65535:  # the kernel gives out ports up to there
        port = port // 2
    with running(tmp_path / "node", port, cluster_enabled="yes") as node:
        with node.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        with RedisCluster(startup_nodes=[NODE("127.0.0.1", port)]) as made:
            yield made


def test_a_cluster(cluster: RedisCluster) -> None:
    """All keys of a user are on one shard, so that scripts may use them; users are listed on all shards."""
    store = RedisStore(cluster, name="spread", encryption_key=KEY, timeout=PATIENCE)
    for number in range(10):
        user = store.for_user(f"user-{number}")
        stamp = user.save(DATA, None)
        assert not isinstance(stamp, Conflict)
        assert user.load() == Loaded(DATA, stamp)
        lease = user.lease("refresh", 30)
        assert lease
        lease.release()
    assert set(store.users()) == {RedisUser(f"user-{number}", "") for number in range(10)}
    assert store.delete_all() == 10
