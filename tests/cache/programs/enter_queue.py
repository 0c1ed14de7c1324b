"""Enter the fair queue and stay until told to leave; with "fork", a child that was forked meanwhile lives on.

Arguments: path of the queue's file, "fork" or nothing.
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import os
import sys

from doorcode.cache._locks.fair_queue import FairQueue


def fork_a_child() -> int:
    """Fork a child that lives until the descriptor that is returned is closed, by this process or by its end."""
    ear, mouth = os.pipe()
    if os.fork() == 0:
        for descriptor in (mouth, 0, 1):
            os.close(descriptor)
        os.read(ear, 1)
        os._exit(0)
    return mouth


if __name__ == "__main__":
    turn = FairQueue(sys.argv[1]).enter(0)
    assert turn is not None
    mouth = fork_a_child() if len(sys.argv) > 2 else None
    print("entered", flush=True)
    sys.stdin.readline()
    turn.close()
    print("left", flush=True)
    sys.stdin.readline()
