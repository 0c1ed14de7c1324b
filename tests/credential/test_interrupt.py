"""Ctrl-C, and the end of a program while a request hangs: in processes of their own.

What hangs, and what is waited for, would take ages; a program that ends soon has not waited for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from doorcode.emulator import Emulator, Hang, TooManyRequests
from support.held_reply import HeldReply
from support.signing import AGES, PATIENCE, start

PROGRAM = f"""
import sys, traceback
from doorcode import DeviceCodeCredential
shown = []
def callback(uri, user_code, expires_on):
    shown.append(user_code)
    print("shown", user_code, flush=True)
credential = DeviceCodeCredential(
    tenant_id="contoso.example", disable_instance_discovery=True, prompt_callback=callback, read_timeout={AGES}
)
try:
    credential.get_token("https://r.example/.default")
except KeyboardInterrupt:
    print("interrupted", flush=True)
    assert sys.stdin.readline() == "go on\\n"
    print(len(credential.get_token("https://r.example/.default").token) > 10, flush=True)
"""
HANGING = f"""
import sys, threading
from doorcode import DeviceCodeCredential
credential = DeviceCodeCredential(
    tenant_id="contoso.example", disable_instance_discovery=True, read_timeout={AGES}
)
def give_up():
    sys.stdin.readline()
    credential.cancel()
threading.Thread(target=give_up).start()
try:
    credential.get_token("https://r.example/.default")
except Exception as error:
    print(type(error).__name__)
"""
REFRESHING = f"""
import asyncio, sys
import doorcode, doorcode.aio
kind = sys.stdin.readline().strip()
made = {{"sync": doorcode.DeviceCodeCredential, "aio": doorcode.aio.DeviceCodeCredential}}[kind]
credential = made(
    tenant_id="contoso.example", disable_instance_discovery=True, prompt_callback=lambda *_: None, read_timeout={AGES}
)
def token(scope):
    call = credential.get_token(scope)
    return (call if kind == "sync" else asyncio.run(call)).token
token("https://r.example/.default")
try:
    print("refreshing", flush=True)
    token("https://s.example/.default")
except KeyboardInterrupt:
    print("interrupted", flush=True)
if sys.stdin.readline() == "again\\n":
    print("waiting", flush=True)
    print(len(token("https://s.example/.default")) > 10, flush=True)
"""

CANCELLING = """
import signal, weakref
from doorcode import DeviceCodeCredential
credential = DeviceCodeCredential(tenant_id="contoso.example", disable_instance_discovery=True)
signal.signal(signal.SIGINT, lambda *_: credential.cancel())
class Interrupted(weakref.WeakSet):
    def add(self, pending):
        super().add(pending)
        signal.raise_signal(signal.SIGINT)
credential._session._pending = Interrupted()
print(credential.begin(scopes=["https://r.example/.default"]).done, flush=True)
"""


@contextmanager
def running(authority: Emulator, program: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program against the authority."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **authority.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program writes."""
    assert process.stdout is not None
    return start(process.stdout.readline).result(PATIENCE)


def say(process: subprocess.Popen[str], what: str = "go on") -> None:
    """Let a program go on."""
    assert process.stdin is not None
    process.stdin.write(f"{what}\n")
    process.stdin.flush()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to a child")
@pytest.mark.parametrize("hanging", [False, True], ids=["between polls", "in a request"])
def test_ctrl_c(authority: Emulator, hanging: bool) -> None:  # noqa: FBT001 - a parameter
    """KeyboardInterrupt comes at once, no further request is sent, and the next call prompts afresh."""
    authority.faults.queue("token", Hang() if hanging else TooManyRequests(int(AGES)))
    with running(authority, PROGRAM) as process:
        assert said(process).startswith("shown")
        authority.wait_for("token")
        process.send_signal(signal.SIGINT)
        assert said(process) == "interrupted\n"
        authority.approve_all()
        say(process)
        assert said(process).startswith("shown")
        assert said(process) == "True\n"
        out, err = process.communicate(timeout=PATIENCE)
        assert (out, err, process.returncode) == ("", "", 0)
    polled = [request.form["device_code"] for request in authority.requests_to("token")]
    assert polled.count(polled[0]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to a child")
@pytest.mark.parametrize("then", ["again", "end"])
@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_ctrl_c_while_a_refresh_token_is_redeemed(authority: Emulator, kind: str, then: str) -> None:
    """It comes at once. The next call waits for the reply that is under way; the end of the program does not."""
    authority.configure(rotation="reject")
    authority.approve_all()
    held = HeldReply()
    authority.faults.queue("token:refresh_token", held.fault)
    with running(authority, REFRESHING) as process:
        say(process, kind)
        assert said(process) == "refreshing\n"
        authority.wait_for("token:refresh_token")
        process.send_signal(signal.SIGINT)
        assert said(process) == "interrupted\n"
        say(process, then)
        if then == "again":
            assert said(process) == "waiting\n"
            held.release()
            assert said(process) == "True\n"
        assert process.wait(PATIENCE) == 0
        held.release()
    assert authority.count("token:refresh_token") == 1


def test_a_program_ends_while_a_request_hangs(authority: Emulator) -> None:
    """The thread of a request that is never answered does not keep the process."""
    authority.faults.always("discovery", Hang())
    with running(authority, HANGING) as process:
        authority.wait_for("discovery")
        say(process)
        assert said(process) == "SignInCancelledError\n"
        assert process.wait(PATIENCE) == 0


def test_a_signal_handler_that_cancels(authority: Emulator) -> None:
    """It may come at any moment, also while the same thread is inside the credential, and does not wait for it."""
    with running(authority, CANCELLING) as process:
        assert said(process) == "True\n"
        assert process.wait(PATIENCE) == 0
