"""Measure what grows in a process that runs for long, and write it down: ``python -m benchmarks.growth``.

``--quick`` shows that everything runs, and writes nothing. Each figure is the growth between the end of the first
tenth and the end of all, so that what is imported and connected once does not count.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.memory import resident
from doorcode import DeviceCodeCredential
from doorcode._core.model import TokenRequest
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.secret import Secret
from doorcode.emulator import Emulator

FIGURES = Path(__file__).parent / "growth.json"
DESCRIPTORS = Path("/dev/fd")
THREADS = 20
HOUR, LIFETIME = 3600, 5400
TOKENS_AN_HOUR = 400


def state() -> dict[str, float]:
    """Return the resident memory in MiB, and the numbers of descriptors, threads and objects."""
    gc.collect()
    time.sleep(1)  # the authority, in this process too, notices that connections were closed
    open_now = len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else -1
    return {
        "MiB": round(resident(), 1),
        "descriptors": open_now,
        "threads": threading.active_count(),
        "objects": len(gc.get_objects()),
    }


def growth(count: int, some: Callable[[range], object]) -> dict[str, float]:
    """Return by how much the process grows while something is done so many times."""
    first = max(THREADS, count // 10)
    some(range(first))
    before, start = state(), time.monotonic()
    some(range(first, count))
    after = state()
    return {
        "times": count,
        "seconds": round(time.monotonic() - start, 1),
        **{name: round(after[name] - before[name], 1) for name in before},
    }


def sign_ins(options: dict[str, Any]) -> Callable[[range], object]:
    """Return what signs in with one credential, each time anew, some in parallel."""
    credentials = [DeviceCodeCredential(**options) for _ in range(THREADS)]

    def one(number: int) -> None:
        credential = credentials[number % THREADS]
        credential.authenticate(scopes=[f"https://r{number}.example/.default"], force_prompt=True)
        credential.sign_out()

    def some(numbers: range) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for begin in range(0, len(numbers), THREADS):
                list(pool.map(one, numbers[begin : begin + THREADS]))

    return some


def tokens(options: dict[str, Any]) -> Callable[[range], object]:
    """Return what gives one credential tokens of distinct scopes, as time goes by on a clock of its own."""
    session = DeviceCodeCredential(**options)._session  # noqa: SLF001 - no authority gives tokens at this rate

    def some(numbers: range) -> None:
        for number in numbers:
            now = number * HOUR / TOKENS_AN_HOUR
            session.clock = lambda now=now: now  # type: ignore[misc]
            scopes = (f"https://r{number}.example/.default",)
            request = TokenRequest(scopes, "tid", None, enable_cae=False, options={})
            token = StoredToken(Secret("x" * 2000 + str(number)), int(now) + LIFETIME, cached_at=int(now))
            session.remember(request, token, now + LIFETIME, session.sign_outs.count)

    return some


def credentials(options: dict[str, Any]) -> Callable[[range], object]:
    """Return what makes credentials, uses and drops them, without closing them."""
    with DeviceCodeCredential(**options) as first:
        record = first.authenticate(scopes=["https://r.example/.default"])
    cache: Any = first._session.cache(cae=False)  # noqa: SLF001 - one memory for all, as a program's own cache

    def some(numbers: range) -> None:
        for number in numbers:
            credential = DeviceCodeCredential(**options, authentication_record=record)
            credential._session._caches[False] = cache  # noqa: SLF001 - as above
            credential.get_token(f"https://r{number % 100}.example/.default")

    return some


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="show that everything runs, and write nothing")
    quick: bool = parser.parse_args().quick
    found: dict[str, Any] = {"machine": f"Python {platform.python_version()} on {platform.system()}"}
    with Emulator() as authority:
        authority.configure(interval=1)
        options = {**authority.credential_options, "prompt_callback": authority.prompt_approver()}
        found["sign-ins"] = growth(40 if quick else 1_000, sign_ins(options))
        found["tokens of distinct scopes"] = growth(10_000 if quick else 100_000, tokens(options))
        found["credentials made and dropped"] = growth(100 if quick else 1_000, credentials(options))
    text = json.dumps(found, indent=1)
    print(text)
    if not quick:
        FIGURES.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
