"""Let many processes refresh at an authority that is far away, and whose refresh tokens may be used once.

``python -m benchmarks.single_use LIBRARY FACTS`` is one of the processes: it gets tokens for some seconds, one
after the other, and prints what became of each call.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.names import AZURE, OURS, SCOPE, scope
from benchmarks.stage import Stage, staged
from doorcode.emulator import Latency

LONGEST: float = 900.0
"""Seconds after which a process is ended that has not ended by itself."""
REFRESH = "token:refresh_token"
NAMED = "process-"
"""What stands before a process's number in the User-Agent of its requests."""
Counts: TypeAlias = dict[str, tuple[str, str]]
"""What was counted, by its name: azure-identity's figure and doorcode's, as they are printed."""


@dataclass(frozen=True, slots=True)
class Play:
    """What happens in one run.

    Attributes:
        processes: how many there are.
        seconds: for how long each of them makes new calls.
        away: seconds that the authority takes for a refresh.
        shared: whether all want tokens for the same resources, so that one refresh may serve many of them.
        kills: how many of them are killed, each while the authority has a request of its own.
        stopped: seconds for which one more is stopped then, as Ctrl-Z does; 0 stops none.
    """

    processes: int
    seconds: float
    away: float
    shared: bool = False
    kills: int = 0
    stopped: float = 0.0

    @property
    def name(self) -> str:
        """Return what the table says of it."""
        wants = "the same tokens" if self.shared else "tokens of their own"
        killed = f", {self.kills} killed, one stopped for {self.stopped:g} s" if self.kills else ""
        return f"{self.processes} processes for {self.seconds:g} s, {wants}{killed}"


def plays(*, quick: bool) -> tuple[Play, ...]:
    """Return what is run: without and with harm, large or small."""
    processes, seconds, away = (6, 2.0, 0.2) if quick else (64, 30.0, 3.0)
    return (
        Play(processes, seconds, away),
        Play(processes, seconds, away, shared=True, kills=2 if quick else 8, stopped=3 * away),
    )


def counted(*, quick: bool) -> Counts:
    """Return what was counted in each run, for both libraries."""
    found: Counts = {}
    for play in plays(quick=quick):
        theirs, ours = (_played(library, play) for library in (AZURE, OURS))
        found |= {f"{play.name}: {name}": (theirs[name], ours[name]) for name in ours}
    return found


def _played(library: str, play: Play) -> dict[str, str]:
    # An authority and a sign-in for each run: what one has spent, the next one could not use.
    with staged((1,)) as stage:
        stage.authority.configure(rotation="reject")
        stage.authority.faults.always(REFRESH, Latency(play.away))
        stage.authority.reset_counters()
        outcomes = _outcomes(stage, library, play)
        requests = stage.authority.requests_to(REFRESH)
    calls = Counter(outcome["outcome"] for outcome in outcomes)
    failed = sum(calls.values()) - calls["token"]
    sent = Counter(request.form["refresh_token"] for request in requests if request.status is not None)
    return {
        "tokens": f"{calls['token']:,}",
        "calls that failed": f"{failed:,}",
        "refresh requests": f"{len(requests):,}",
        "refresh tokens sent twice": f"{sum(count > 1 for count in sent.values()):,}",
        "the longest call": f"{max((outcome['seconds'] for outcome in outcomes), default=0.0):.0f} s",
    }


def _outcomes(stage: Stage, library: str, play: Play) -> list[dict[str, Any]]:
    """Run the processes; return what became of the calls of those that lived."""
    running = [_started(stage, library, play, number) for number in range(play.processes)]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n", "a process could not begin"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    harm = threading.Thread(target=_harm, args=(stage, running, play))
    harm.start()
    lines = [line for process in running for line in process.communicate(timeout=LONGEST)[0].splitlines()]
    harm.join()
    return [json.loads(line) for line in lines]


def _started(stage: Stage, library: str, play: Play, number: int) -> subprocess.Popen[str]:
    facts = stage.facts(number=number, name="" if play.shared else f"{number}-", seconds=play.seconds)
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.single_use", library, facts],
        env=stage.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _harm(stage: Stage, running: list[subprocess.Popen[str]], play: Play) -> None:
    """Kill some of the processes, and stop another one, each when the authority has just got a request of its own.

    What the authority has not redeemed yet, it does not redeem for a client that is gone.
    """
    step = play.seconds / (play.kills + 2)
    with contextlib.suppress(TimeoutError):  # no process asks any more
        for _ in range(play.kills):
            time.sleep(step)
            _next_to_ask(stage, running, within=play.seconds).kill()
        if play.stopped:
            process = _next_to_ask(stage, running, within=play.seconds)
            process.send_signal(signal.SIGSTOP)
            time.sleep(play.stopped)
            process.send_signal(signal.SIGCONT)


def _next_to_ask(stage: Stage, running: list[subprocess.Popen[str]], within: float) -> subprocess.Popen[str]:
    requests = stage.authority.wait_for(REFRESH, stage.authority.count(REFRESH) + 1, within)
    return running[int(requests[-1].headers["user-agent"].partition(NAMED)[2].split()[0])]


def main(library: str, facts: dict[str, Any]) -> None:
    """Get one token after the other; print what became of each call, and how long it took."""
    module: Any = importlib.import_module(library)
    options = {name: value for name, value in facts["options"].items() if name != "authority"}  # the record names it
    credential = module.DeviceCodeCredential(
        authentication_record=module.AuthenticationRecord.deserialize(facts["record"]),
        disable_automatic_authentication=True,
        cache_persistence_options=module.TokenCachePersistenceOptions(name="cache1", allow_unencrypted_storage=True),
        user_agent=f"{NAMED}{facts['number']}",
        **options,
    )
    credential.get_token(SCOPE)
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.monotonic() + facts["seconds"]
    number = 0
    while time.monotonic() < until:
        start = time.monotonic()
        try:
            credential.get_token(scope(f"{facts['name']}{number}"))
            outcome = "token"
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no token
            outcome = type(error).__name__
            time.sleep(0.1)  # a program that calls on at once would do nothing else
        print(json.dumps({"outcome": outcome, "seconds": time.monotonic() - start}), flush=True)
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
