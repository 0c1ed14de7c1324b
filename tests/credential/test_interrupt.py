"""Ctrl-C, and the end of a program while a request hangs: in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from doorcode.emulator import Emulator, Hang
from support.signing import PATIENCE

PROGRAM = """
import sys, traceback
from doorcode import DeviceCodeCredential
shown = []
def callback(uri, user_code, expires_on):
    shown.append(user_code)
    print("shown", user_code, flush=True)
credential = DeviceCodeCredential(
    tenant_id="contoso.example", disable_instance_discovery=True, prompt_callback=callback
)
try:
    credential.get_token("https://r.example/.default")
except KeyboardInterrupt:
    print("interrupted", flush=True)
    assert sys.stdin.readline() == "go on\\n"
    print(len(credential.get_token("https://r.example/.default").token) > 10, flush=True)
"""
HANGING = """
from doorcode import DeviceCodeCredential
credential = DeviceCodeCredential(tenant_id="contoso.example", disable_instance_discovery=True, timeout=TIMEOUT)
try:
    credential.get_token("https://r.example/.default")
except Exception as error:
    print(type(error).__name__)
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


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to a child")
@pytest.mark.parametrize("hanging", [False, True], ids=["between polls", "in a request"])
def test_ctrl_c(authority: Emulator, hanging: bool) -> None:  # noqa: FBT001 - a parameter
    """KeyboardInterrupt comes at once, no further request is sent, and the next call prompts afresh (P20)."""
    if hanging:
        authority.faults.queue("token", Hang())
    with running(authority, PROGRAM) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().startswith("shown")
        authority.wait_for("token")
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - begun < 1.5
        sent = len(authority.requests)
        with pytest.raises(TimeoutError):
            authority.wait_for("*", sent + 1, timeout=1.5)
        authority.approve_all()
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("shown")
        assert process.stdout.readline() == "True\n"
        out, err = process.communicate(timeout=PATIENCE)
        assert (out, err, process.returncode) == ("", "", 0)


def test_a_program_ends_while_a_request_hangs(authority: Emulator) -> None:
    """The thread of a request that is never answered does not keep the process."""
    authority.faults.always("discovery", Hang())
    with running(authority, HANGING.replace("TIMEOUT", "3")) as process:
        authority.wait_for("discovery")
        begun = time.monotonic()
        out, _ = process.communicate(timeout=PATIENCE)
        assert (out, process.returncode) == ("SignInTimedOutError\n", 0)
        assert time.monotonic() - begun < 4
