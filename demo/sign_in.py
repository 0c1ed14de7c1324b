"""Sign in with a device code, end to end, on this machine alone; ``nox -s demo`` runs it.

A local authority stands in for Microsoft Entra ID, and a scripted user for you. With ``--yourself`` you are the
user: open the address in a browser and enter the code there.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeAlias, TypeVar

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import Emulator

T = TypeVar("T")
Prompt: TypeAlias = Callable[[str, str, datetime], None]
SCOPE = "https://vault.azure.net/.default"
THINKING = 2.5  # seconds that the scripted user takes
CACHE, KEY = "DEMO_CACHE", "DEMO_CACHE_KEY"  # environment variables that the second process reads


def main() -> int:
    """Run the demo, or the process that it starts."""
    arguments = argparse.ArgumentParser(description="Sign in with a device code, end to end, on this machine alone.")
    arguments.add_argument("--yourself", action="store_true", help="wait for you and your browser")
    arguments.add_argument("--second-process", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.second_process:
        return second_process()
    with tempfile.TemporaryDirectory() as folder, Emulator(interval=1) as authority:
        os.environ |= authority.environment
        os.environ |= {CACHE: str(Path(folder, "tokens")), KEY: secrets.token_hex(32)}
        return first_process(authority, yourself=chosen.yourself)


def first_process(authority: Emulator, *, yourself: bool) -> int:
    """Sign in, ask for a token twice, and start a process that asks for one too."""
    print("doorcode signs a user in with a device code, on this machine alone.", flush=True)
    heading("A local stand-in for Microsoft Entra ID")
    say(f"listens on {authority.url}")

    heading("A user signs in")
    prompt = you if yourself else scripted(authority)
    with new_credential(prompt_callback=prompt) as credential:
        started = time.monotonic()
        record = credential.authenticate(scopes=[SCOPE])
        polls = authority.count("token:device_code")
        say(f"signed in as {record.username}, after {polls} polls in {time.monotonic() - started:.1f} s")
        say(f"of the tenant {record.tenant_id}")

        heading("A client asks for a token")
        before = authority.count()
        token = credential.get_token(SCOPE)
        claims = authority.verify(token.token)
        say(f"it is for {claims['aud']}, to act as {claims['name']} ({claims['scp']})")
        say(f"it is valid until {datetime.fromtimestamp(token.expires_on, timezone.utc):%H:%M} UTC")

        heading("The client asks again")
        again, took = timed(lambda: credential.get_token(SCOPE))
        say(f"the {'same' if again.token == token.token else 'NOT the same'} token, in {took * 1e6:.0f} microseconds")
        quiet = proof(authority, before)

    heading("Another process asks, with the cache and no prompt")
    before = authority.count()
    code = subprocess.run([sys.executable, __file__, "--second-process"], check=False).returncode
    quiet &= proof(authority, before) and code == 0
    print("\nOne sign-in, and silence ever after." if quiet else "\nThat was not silent: something is wrong.")
    return 0 if quiet else 1


def second_process() -> int:
    """Get a token, as a program would that runs at night: nobody may be asked."""
    credential = new_credential(disable_automatic_authentication=True)
    token, took = timed(lambda: credential.get_token(SCOPE))
    until = datetime.fromtimestamp(token.expires_on, timezone.utc)
    say(f"process {os.getpid()} has a token that is valid until {until:%H:%M} UTC, in {took * 1e3:.0f} milliseconds")
    return 0


def new_credential(
    prompt_callback: Prompt | None = None, *, disable_automatic_authentication: bool = False
) -> DeviceCodeCredential:
    """Make the credential of either process; ``AZURE_AUTHORITY_HOST`` leads it to the local authority.

    With the real cloud, instance discovery stays on, and the cache needs neither a path nor a key.
    """
    return DeviceCodeCredential(
        prompt_callback=prompt_callback,
        disable_automatic_authentication=disable_automatic_authentication,
        disable_instance_discovery=True,
        cache_persistence_options=TokenCachePersistenceOptions(
            path=os.environ[CACHE], encryption_key=bytes.fromhex(os.environ[KEY])
        ),
    )


def scripted(authority: Emulator) -> Prompt:
    """Return a prompt that a scripted user reads, and answers after a while."""

    def approve(user_code: str) -> None:
        say("the user enters the code and approves (scripted; `-- --yourself` makes it you)")
        authority.approve(user_code)

    def prompt(verification_uri: str, user_code: str, expires_on: datetime) -> None:
        show(verification_uri, user_code, expires_on)
        threading.Timer(THINKING, approve, [user_code]).start()

    return prompt


def you(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show the prompt to whoever runs the demo."""
    show(verification_uri, user_code, expires_on)
    say("your browser will warn you of the certificate, which only this demo trusts: go on")


def show(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Print what a user needs to sign in."""
    say(f"open {verification_uri} and enter the code {bold(user_code)}")
    say(f"waiting until {expires_on:%H:%M} UTC ...")


def proof(authority: Emulator, before: int) -> bool:
    """Say how many requests the authority has had since then, and return whether it had none."""
    requests = authority.count() - before
    say(f"requests to the authority: {requests}")
    return requests == 0


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return what a call returns, and the seconds it took."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{bold(text)}", flush=True)


def say(text: str) -> None:
    """Print a line below a heading."""
    print(f"  {text}", flush=True)


def bold(text: str) -> str:
    """Return a text in bold, where that can be seen."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nGiven up.")
