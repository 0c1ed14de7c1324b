"""Fork while a lock is held, and live on in the child, which sits and waits; argument: path of the lock file."""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import os
import sys

from doorcode.cache._locks.lock import CacheLock

if __name__ == "__main__":
    forked, tell = os.pipe()
    with CacheLock(sys.argv[1]).hold():
        if os.fork() == 0:
            os.write(tell, b"!")  # what a fork does to locks is done by now
            sys.stdin.readline()
            os._exit(0)
        os.read(forked, 1)
        print("held", flush=True)
        sys.stdin.readline()
