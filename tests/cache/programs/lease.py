"""Take a lease until told to go on; argument: path of the lease file."""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import sys

from doorcode.cache._locks.lease import try_lease

if __name__ == "__main__":
    lease = try_lease(sys.argv[1])
    print("held" if lease else "refused", flush=True)
    sys.stdin.readline()
    if lease:
        lease.release()
    print("released", flush=True)
    sys.stdin.readline()
