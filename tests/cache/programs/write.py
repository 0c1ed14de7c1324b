"""Write entries into one cache, as fast as can be; say how long the slowest took (seconds) and how many overtook it.

Arguments: path, name of the writer, number of entries (0: until killed), how (update | save).
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import json
import sys
import time

from doorcode.cache._protocol import Conflict
from doorcode.cache._stores.file import FileStore


def add(data: bytes | None, entry: str) -> bytes:
    """Return a cache with one entry more, whose size grows a little and now and then shrinks."""
    entries = json.loads(data or b"{}")
    entries[entry] = "x" * (len(entries) % 50)
    return json.dumps(entries).encode()


def save(store: FileStore, entry: str) -> None:
    """Write by comparing and setting, as a store without a lock is written."""
    loaded = store.load()
    data, stamp = loaded.data, loaded.stamp
    while isinstance(result := store.save(add(data, entry), stamp), Conflict):
        data, stamp = result.data, result.stamp


def main(path: str, name: str, count: str, how: str = "update") -> None:
    """Write when told to."""
    store = FileStore(path)
    print("ready", flush=True)
    sys.stdin.readline()
    slowest, overtaken, written = 0.0, 0, 0
    while written < int(count) or count == "0":
        begin = time.perf_counter()
        before = len(json.loads(store.load().data or b"{}"))
        entry = f"{name}-{written if count != '0' else written % 20}"
        if how == "save":
            save(store, entry)
        else:
            after = len(json.loads(store.update(lambda data, entry=entry: add(data, entry)).data or b"{}"))  # type: ignore[misc]
            overtaken = max(overtaken, after - before - 1)
        slowest = max(slowest, time.perf_counter() - begin)
        written += 1
        if written == 1:
            print("written", flush=True)
    print(slowest, overtaken, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
