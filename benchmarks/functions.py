"""Time calls in one process, for one library: ``python -m benchmarks.functions LIBRARY FACTS`` prints seconds per call.

A statement is repeated until it takes long enough to be timed (``timeit``), once more to warm up, and then for the
values whose median counts. pyperf and pytest-benchmark do the same more thoroughly for one library after the other;
here whoever starts this module alternates between two, so that a busy minute of the machine hits both.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import statistics
import sys
import threading
import time
import timeit
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from benchmarks.names import AZURE, CLIENT, OURS, SCOPE

THREADS = 8
LEAST_SECONDS = 0.04
LEAST_SECONDS_OF_THREADS = 0.4
"""Many times as long as one thread is let run before another one's turn comes."""
VALUES = 5


class Bench:
    """Time calls and keep what they took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def call(self, name: str, call: Callable[..., object]) -> None:
        """Time ``call(scope)``."""
        self._keep(name, timeit.Timer("call(scope)", globals={"call": call, "scope": SCOPE}).timeit)

    def threads(self, name: str, call: Callable[..., object]) -> None:
        """Time calls of eight threads at once, and of one in the same way: the seconds by the number of all calls."""
        self._threads(name, call, THREADS)
        self._threads(f"{name}_one", call, 1)

    def _threads(self, name: str, call: Callable[..., object], count: int) -> None:

        def together(number: int) -> float:
            gate = threading.Barrier(count + 1)

            def work() -> None:
                gate.wait()
                for _ in range(number // count + 1):
                    call(SCOPE)

            threads = [threading.Thread(target=work) for _ in range(count)]
            for thread in threads:
                thread.start()
            gate.wait()
            start = time.perf_counter()
            for thread in threads:
                thread.join()
            return time.perf_counter() - start

        self._keep(name, together, LEAST_SECONDS_OF_THREADS)

    def awaited(self, name: str, call: Callable[..., Any]) -> None:
        """Time ``await call(scope)`` in a running loop."""

        async def again_and_again(number: int) -> float:
            start = time.perf_counter()
            for _ in range(number):
                await call(SCOPE)
            return time.perf_counter() - start

        self._keep(name, lambda number: asyncio.run(again_and_again(number)))

    def _keep(self, name: str, repeat: Callable[[int], float], least: float = LEAST_SECONDS) -> None:
        number = 1
        while (took := repeat(number)) < least:
            number = max(2 * number, int(number * least / max(took, 1e-9)))
        repeat(number)
        self.seconds[name] = statistics.median(repeat(number) / number for _ in range(VALUES))


class Floor:
    """What any such method costs: the arguments, one look into a dict, one look at the clock."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], str | None, bool], tuple[float, str]] = {
            ((SCOPE,), None, False): (time.time() + 3600, "token")
        }

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> str | None:
        """Have the signature of a credential's method."""
        until, token = self._known[scopes, tenant_id, enable_cae]
        return token if time.time() < until else None

    def get_token_info(self, *scopes: str, options: dict[str, Any] | None = None) -> str | None:
        """Have the signature of a credential's method."""
        until, token = self._known[scopes, None, False]
        return token if time.time() < until else None

    async def get_token_async(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> str | None:
        """Have the signature of an asyncio credential's method."""
        until, token = self._known[scopes, tenant_id, enable_cae]
        return token if time.time() < until else None


def of_credentials(bench: Bench, library: str, facts: dict[str, Any]) -> None:
    """Time the credentials of azure-identity or doorcode, each with a fresh token."""
    module: Any = importlib.import_module(library)
    options = {**facts["options"], "disable_automatic_authentication": True}
    record = module.AuthenticationRecord.deserialize(facts["record"])
    del options["authority"]  # the record names it, and azure-identity takes no second one

    def credential(size: int) -> Any:
        cache = module.TokenCachePersistenceOptions(name=f"cache{size}", allow_unencrypted_storage=True)
        made = module.DeviceCodeCredential(authentication_record=record, cache_persistence_options=cache, **options)
        made.get_token(SCOPE)
        return made

    floor = Floor()  # timed right beside what it is the floor of
    in_memory = memory_only(module, facts)
    bench.call("memory", in_memory.get_token)
    if library == OURS:
        bench.call("floor", floor.get_token)
        bench.call("floor_info", floor.get_token_info)
        bench.threads("floor_threads", floor.get_token)
    bench.call("info", in_memory.get_token_info)
    bench.threads("threads", in_memory.get_token)
    if library == OURS:
        bench.awaited("floor_aio", floor.get_token_async)
        aio: Any = importlib.import_module("doorcode.aio")
        bench.awaited("aio", asyncio.run(signed_in_aio(aio, facts)).get_token)
    else:
        # azure-identity has no such credential for asyncio: a program hands the call to a thread.
        bench.awaited("aio", lambda scope: asyncio.to_thread(in_memory.get_token, scope))
    for size in facts["sizes"]:
        bench.call(f"cache{size}", credential(size).get_token)
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("azure").setLevel(logging.INFO)
    logging.getLogger("doorcode").setLevel(logging.INFO)
    bench.call("logged", in_memory.get_token)


def memory_only(module: Any, facts: dict[str, Any]) -> Any:
    """Return a credential without a persistent cache, signed in."""
    made = module.DeviceCodeCredential(CLIENT, prompt_callback=shown_to_nobody, **facts["options"])
    made.get_token(SCOPE)
    return made


async def signed_in_aio(module: Any, facts: dict[str, Any]) -> Any:
    """Return an asyncio credential without a persistent cache, signed in."""
    made = module.DeviceCodeCredential(CLIENT, prompt_callback=shown_to_nobody, **facts["options"])
    await made.get_token(SCOPE)
    return made


def shown_to_nobody(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show nothing: the emulator approves every code."""


def of_msal(bench: Bench, facts: dict[str, Any]) -> None:
    """Time MSAL's own silent call, the account looked up before."""
    import msal
    import requests

    session = requests.Session()
    session.verify = facts["ca_file"]
    session.trust_env = False
    authority = f"{facts['options']['authority']}/{facts['options']['tenant_id']}"
    application = msal.PublicClientApplication(
        CLIENT, authority=authority, instance_discovery=False, http_client=session
    )
    flow = application.initiate_device_flow([SCOPE])
    assert "access_token" in application.acquire_token_by_device_flow(flow)
    account = application.get_accounts()[0]
    assert application.acquire_token_silent([SCOPE], account)
    bench.call("memory", lambda scope: application.acquire_token_silent([scope], account))


def of_google_auth(bench: Bench) -> None:
    """Time what google-auth does before each request with a token that is fresh."""
    credentials_class: Any = importlib.import_module("google.oauth2.credentials").Credentials
    expiry = (datetime.now(timezone.utc) + timedelta(hours=1)).replace(tzinfo=None)  # as google-auth wants it
    credentials = credentials_class("token", refresh_token="token", client_id="client", expiry=expiry)
    bench.call("memory", lambda _: credentials.before_request(None, "GET", "https://r.example", {}))


def of_botocore(bench: Bench) -> None:
    """Time what botocore does before each request with credentials that are fresh."""
    refreshable: Any = importlib.import_module("botocore.credentials").RefreshableCredentials
    expiry = datetime.now(timezone.utc) + timedelta(hours=1)
    credentials = refreshable("key", "secret", "token", expiry, refresh_using=dict, method="benchmark")
    bench.call("memory", lambda _: credentials.get_frozen_credentials())


def main(library: str, facts: dict[str, Any]) -> dict[str, float]:
    """Time a library's calls; return the seconds of each."""
    bench = Bench()
    if library in {AZURE, OURS}:
        of_credentials(bench, library, facts)
    elif library == "msal":
        of_msal(bench, facts)
    elif library == "google-auth":
        of_google_auth(bench)
    else:
        of_botocore(bench)
    return bench.seconds


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
