"""Look for a sign-in on each line of input, and store one where there is none, as a job of a user's does.

Arguments: name of the cache, "plain" where unencrypted storage is allowed, or nothing.
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import sys

from doorcode.cache import TokenCachePersistenceOptions
from doorcode.cache._select import choose

if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        options = TokenCachePersistenceOptions(name=sys.argv[1], allow_unencrypted_storage="plain" in sys.argv)
        store = choose(options).store
        data = store.load().data
        if data is None:
            store.save(b'{"by": "%b"}' % line.strip().encode(), None)
        print(None if data is None else data.decode(), flush=True)
