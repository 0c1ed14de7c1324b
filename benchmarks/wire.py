"""Count requests: how many each library makes for the same."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from benchmarks.names import CLIENT, SCOPE, scope
from benchmarks.sharing import PROCESSES, started
from benchmarks.stage import Stage

THREADS = 32
OTHER = scope("other")


def shown_to_nobody(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show nothing: the emulator approves every code."""


def counted(stage: Stage, library: str) -> dict[str, int]:
    """Return the number of requests that each operation takes."""
    module: Any = importlib.import_module(library)
    found: dict[str, int] = {}

    def count(name: str, work: Callable[[], object]) -> None:
        before = len(stage.authority.requests)
        work()
        found[name] = len(stage.authority.requests) - before

    credential = module.DeviceCodeCredential(
        CLIENT, prompt_callback=shown_to_nobody, **stage.authority.credential_options
    )
    count("sign in", lambda: credential.authenticate(scopes=[SCOPE]))
    count("the token of that sign-in", lambda: credential.get_token(SCOPE))
    count("a token for another resource", lambda: credential.get_token(OTHER))
    count("the same with CAE", lambda: credential.get_token(OTHER, enable_cae=True))
    count(f"{THREADS} threads, one new token", lambda: _together(lambda: credential.get_token(scope("many"))))
    credential.close()
    count("a new process that has to refresh", lambda: started(stage, library, [OTHER]))
    name = f"{PROCESSES} processes that start at once, one new token"
    count(name, lambda: started(stage, library, [OTHER] * PROCESSES))
    return found


def _together(work: Callable[[], object]) -> None:
    gate = threading.Barrier(THREADS)

    def wait_and_work() -> None:
        gate.wait()
        work()

    threads = [threading.Thread(target=wait_and_work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
