"""A program that ends, ends at once and without a word: its warnings are errors, and asyncio debugs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator

import pytest

from aio.programs import PROGRAMS, RunProgram
from doorcode.emulator import Emulator, Hang
from support.signing import AGES, PATIENCE, start

StartProgram = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_program(authority: Emulator) -> Generator[StartProgram, None, None]:
    """Give what starts a program of ``programs/``."""
    running: list[subprocess.Popen[str]] = []

    def run(name: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", PROGRAMS / f"{name}.py", *arguments],
            env={**os.environ, **authority.environment, "TENANT": authority.tenant_id, "READ_TIMEOUT": str(AGES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program writes."""
    assert process.stdout is not None
    return start(process.stdout.readline).result(PATIENCE).strip()


@pytest.mark.parametrize("how", ["cancel", "leave it to asyncio.run"])
def test_a_hanging_request_holds_up_nobody(authority: Emulator, start_program: StartProgram, how: str) -> None:
    """The task, the loop and the process end while a poll is not answered."""
    authority.faults.always("token", Hang())
    process = start_program("given_up", how)
    assert said(process)
    authority.wait_for("token")
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.wait(PATIENCE) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert authority.count("token") == 1


def test_control_c(authority: Emulator, start_program: StartProgram) -> None:
    """asyncio.run cancels the sign-in, and KeyboardInterrupt is all that comes of it."""
    authority.faults.always("token", Hang())
    process = start_program("interrupted")
    assert said(process)
    authority.wait_for("token")
    process.send_signal(signal.SIGINT)
    assert said(process) == "interrupted"
    assert process.wait(PATIENCE) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert authority.count("token") == 1


def test_nothing_is_left_open(authority: Emulator, run_program: RunProgram) -> None:
    """A credential that nobody closes, used on one loop after the other, warns of nothing, at exit neither."""
    authority.approve_all()
    ended = run_program("careless")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
    assert authority.count("devicecode") == 2
