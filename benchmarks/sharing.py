"""Get many tokens that need a request each: in one process, and in eight that share a cache."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.names import AZURE, OURS, scope
from benchmarks.pairs import Row, in_turn
from benchmarks.stage import Stage

PROCESSES = 8


def filling(stage: Stage, tokens: int) -> Iterator[Row]:
    """Yield what the first and the last tenth of many tokens take, in memory."""
    tenth = tokens // 10

    def one(library: str) -> dict[str, float]:
        took: list[float] = _together(stage, library, 1, count=tokens)[1][0]["took"]
        return {"all": sum(took), "first": sum(took[:tenth]) / tenth, "last": sum(took[-tenth:]) / tenth}

    theirs, ours = in_turn(1, partial(one, AZURE), partial(one, OURS))
    section = "Refresh"
    yield Row(section, f"{tokens:,} tokens into memory", theirs["all"], ours["all"], unit="s")
    yield Row(section, "one of the first tenth", theirs["first"], ours["first"])
    yield Row(section, "one of the last tenth", theirs["last"], ours["last"])


def writing(stage: Stage, count: int, tokens: int) -> Iterator[Row]:
    """Yield how fast eight processes store tokens in one cache, how long the longest call takes, and what is lost."""
    notes: list[str] = []

    def one(library: str) -> dict[str, float]:
        shared = stage.copy("shared")
        seconds, found = _together(stage, library, PROCESSES, count=tokens, cache="shared")
        wanted = {scope(f"{name}-{number}") for name in range(PROCESSES) for number in range(tokens)}
        rows = json.loads(shared.read_text())["AccessToken"].values()
        lost = len(wanted.difference(*(row["target"].split() for row in rows)))
        failed = sum(each["failed"] for each in found)
        if lost or failed:
            notes.append(
                f"{library}: {failed} of {PROCESSES * tokens} calls failed, {lost} tokens missing in the cache"
            )
        return {"each": seconds / (PROCESSES * tokens), "worst": max(max(each["took"]) for each in found)}

    theirs, ours = in_turn(count, partial(one, AZURE), partial(one, OURS))
    section, note = "Refresh", "; ".join(notes)
    yield Row(section, f"{PROCESSES} processes, one cache: a token", theirs["each"], ours["each"], note=note)
    yield Row(section, f"{PROCESSES} processes, one cache: the longest call", theirs["worst"], ours["worst"])


def starting(stage: Stage, count: int) -> Iterator[Row]:
    """Yield what eight processes take that start at once and need a token each that is not stored yet."""
    failed = {AZURE: 0, OURS: 0}

    def one(library: str) -> dict[str, float]:
        start = time.perf_counter()
        failed[library] += started(stage, library, [scope(number) for number in range(PROCESSES)])
        return {"seconds": time.perf_counter() - start}

    theirs, ours = in_turn(count, partial(one, AZURE), partial(one, OURS))
    notes = [f"{library}: {number} of {count * PROCESSES} failed" for library, number in failed.items() if number]
    name = f"{PROCESSES} processes that start at once, a new token each"
    yield Row("Refresh", name, theirs["seconds"], ours["seconds"], note="; ".join(notes))


def started(stage: Stage, library: str, scopes: list[str]) -> int:
    """Start a process for each of the scopes, with one new cache for all; return how many got no token."""
    stage.copy("cachestarted")
    programs = [stage.program(library, "started", scope=each) for each in scopes]
    processes = [
        subprocess.Popen([sys.executable, "-I", "-c", program], env=stage.environment, stderr=subprocess.DEVNULL)
        for program in programs
    ]
    return sum(process.wait(timeout=600) != 0 for process in processes)


def _together(stage: Stage, library: str, processes: int, **more: object) -> tuple[float, list[dict[str, Any]]]:
    """Run so many processes at once; return the seconds from their common start, and what each one says."""
    command = [sys.executable, "-m", "benchmarks.writes", library]
    started = [
        subprocess.Popen(
            [*command, stage.facts(name=str(name), **more)],
            env=stage.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name in range(processes)
    ]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "ready\n", "a process could not begin"
    start = time.perf_counter()
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(process.communicate(timeout=600)[0]) for process in started]
    return time.perf_counter() - start, found
