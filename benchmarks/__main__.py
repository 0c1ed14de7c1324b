"""Measure azure-identity and doorcode in turn, print what was found, and write it down.

``python -m benchmarks`` takes half an hour on a quiet machine and writes ``benchmarks/results.json``, the tables in
``docs/performance.md`` and its plots. ``--quick`` shows that everything runs, in two minutes, and writes nothing.
``--az`` names an Azure CLI to measure too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmarks import azure_cli, plots, processes, sharing, single_use, wire
from benchmarks.names import AZURE, OURS
from benchmarks.pairs import Row, in_turn, shown
from benchmarks.stage import Stage, child, staged

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
PLOTS = HERE.parent / "docs" / "images"
IMAGES = (
    "![A fresh token with a stored cache: time by the number of cached tokens](images/warm.svg)\n\n"
    "![A new process, from its start to its end](images/processes.svg)\n"
)
BEGIN, END = "<!-- figures: written by `nox -s benchmarks` -->\n", "<!-- end of figures -->\n"
SIZES = (1, 100, 1_000, 10_000)
OTHERS = {
    "msal": "MSAL alone, `acquire_token_silent`",
    "google-auth": "google-auth, `before_request`",
    "botocore": "botocore, `get_frozen_credentials`",
}
VERSIONS = ("doorcode", "azure-identity", "azure-core", "msal", "msal-extensions", "google-auth", "botocore")


def warm(stage: Stage, count: int, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Yield what a fresh token takes in a process that has it already."""
    libraries = (AZURE, OURS, *OTHERS)
    taken = dict(
        zip(
            libraries,
            in_turn(count, *(partial(child, stage, "functions", library, sizes=sizes) for library in libraries)),
            strict=True,
        )
    )
    theirs, ours = taken[AZURE], taken[OURS]
    names = {
        "memory": "`get_token`",
        "info": "`get_token_info`",
        "threads": "`get_token` in 8 threads, a call",
        "logged": "`get_token` with INFO logged",
        "aio": "`await get_token` (azure-identity: a thread)",
        **{f"cache{size}": f"`get_token`, {size:,} tokens in a stored cache" for size in sizes},
    }
    for key, name in names.items():
        yield Row("A fresh token", name, theirs[key], ours[key], unit="µs")
    for library, name in OTHERS.items():
        yield Row(
            "A fresh token, elsewhere", f"{name}; `get_token`", taken[library]["memory"], ours["memory"], unit="µs"
        )
    section = "Beside what it cannot be faster than"
    for key, floor, name in (
        ("memory", "floor", "`get_token`; a dict lookup and a clock"),
        ("info", "floor_info", "`get_token_info`; the same"),
        ("aio", "floor_aio", "`await get_token`; the first, awaited"),
    ):
        yield Row(section, name, ours[floor], ours[key], unit="µs")
    for key, name in (("threads", "`get_token` in 8 threads; in one"), ("floor_threads", "the first floor, the same")):
        yield Row(section, name, ours[f"{key}_one"], ours[key], unit="µs")


def memory(stage: Stage, count: int, size: int) -> Iterator[Row]:
    """Yield how large processes are."""
    theirs, ours = in_turn(count, *(partial(child, stage, "memory", name, size=size) for name in (AZURE, OURS)))
    yield Row("Memory", "after the import", theirs["imported"], ours["imported"], unit="MiB")
    yield Row("Memory", f"with a token out of {size:,} stored ones", theirs["cached"], ours["cached"], unit="MiB")


def measure(*, quick: bool, az: str | None) -> tuple[list[Row], dict[str, tuple[int, int]], single_use.Counts]:
    """Measure everything; return the rows, the numbers of requests by operation, and the ends of single-use tokens."""
    sizes = SIZES[:2] if quick else SIZES
    rows: list[Row] = []
    with staged(sizes) as stage:
        theirs, ours = (wire.counted(stage, library) for library in (AZURE, OURS))
        for part in (
            warm(stage, 1 if quick else 5, sizes),
            processes.rows(stage, 2 if quick else 11, sizes),
            processes.far_away(stage, 1 if quick else 5, hole=not quick),
            azure_cli.rows(stage, 1 if quick else 5, az) if az else (),
            sharing.writing(stage, 1 if quick else 3, 3 if quick else 15),
            sharing.starting(stage, 1 if quick else 5),
            sharing.filling(stage, 100 if quick else 5_000),
            memory(stage, 1 if quick else 3, sizes[-1]),
        ):
            for row in part:
                print(line(row), flush=True)
                rows.append(row)
    return rows, {name: (theirs[name], ours[name]) for name in theirs}, single_use.counted(quick=quick)


def line(row: Row) -> str:
    """Return a row of the table, in Markdown."""
    ratios = row.ratios
    digits = shown(statistics.median(ratios))
    spread = f"{shown(min(ratios))} to {shown(max(ratios))}" if len(ratios) > 1 else "one run"
    note = f" ({row.note})" if row.note else ""
    return f"| {row.name}{note} | {row.figure(row.theirs)} | {row.figure(row.ours)} | **{digits}** | {spread} |"


def tables(rows: list[Row], requests: dict[str, tuple[int, int]], once: single_use.Counts, machine: str) -> str:
    """Return what was found, in Markdown."""
    parts = [machine, ""]
    for section in dict.fromkeys(row.section for row in rows):
        other = "the other" if "elsewhere" in section else "the floor" if "cannot" in section else "azure-identity"
        parts += [f"### {section}", "", f"| | {other} | doorcode | times as fast | spread |", "|---|--:|--:|--:|--:|"]
        if section == "Memory":
            parts[-2] = parts[-2].replace("times as fast", "times smaller")
        parts += [line(row) for row in rows if row.section == section]
        parts.append("")
    parts += ["### Requests on the wire", "", "| | azure-identity | doorcode |", "|---|--:|--:|"]
    parts += [f"| {name} | {theirs} | {ours} |" for name, (theirs, ours) in requests.items()]
    parts += ["", "### Refresh tokens that may be used once", "", "| | azure-identity | doorcode |", "|---|--:|--:|"]
    parts += [f"| {name} | {theirs} | {ours} |" for name, (theirs, ours) in once.items()]
    return "\n".join([*parts, ""])


def draw(rows: list[Row]) -> dict[str, str]:
    """Return the plots by name."""
    by_name = {row.name: row for row in rows}
    cached = [(size, by_name[f"`get_token`, {size:,} tokens in a stored cache"]) for size in SIZES]
    floor = statistics.median(by_name["`get_token`; a dict lookup and a clock"].theirs)
    warm_plot = plots.lines(
        "A fresh token, with a stored cache",
        "tokens in the cache",
        {
            plots.THEIRS: [(size, statistics.median(row.theirs)) for size, row in cached],
            plots.OURS: [(size, statistics.median(row.ours)) for size, row in cached],
            plots.FLOOR: [(size, floor) for size in SIZES],
        },
    )
    names = {
        "import the class": "import the class",
        "a stored token, out of 1": "a stored token",
        "a stored token, the authority 50 ms away": "… the authority 50 ms away",
        "a stored token, out of 10,000": "… out of 10,000",
    }
    groups = [
        (name, statistics.median(by_name[row].theirs), statistics.median(by_name[row].ours))
        for row, name in names.items()
    ]
    return {"warm.svg": warm_plot, "processes.svg": plots.bars("A new process, from start to end", groups)}


def machine(az: str | None) -> str:
    """Say what was measured on, with which versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    if az:
        said = subprocess.run([az, "version", "--output", "json"], capture_output=True, check=True)
        versions += f", azure-cli {json.loads(said.stdout)['azure-cli']}"
    system = f"{platform.system()} ({platform.machine()}, {os.cpu_count()} cores)"
    return f"Python {platform.python_version()} on {system}; {versions}."


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="show that everything runs, and write nothing")
    parser.add_argument("--az", help="the path of the Azure CLI, in an environment of its own")
    given = parser.parse_args()
    quick: bool = given.quick
    start = time.monotonic()
    rows, requests, once = measure(quick=quick, az=given.az)
    measured_on = machine(given.az)
    text = tables(rows, requests, once, measured_on)
    print(text, f"It took {time.monotonic() - start:.0f} seconds.", sep="\n")
    if not quick:
        found = {"machine": measured_on, "rows": [row.as_json() for row in rows], "requests": requests}
        found["once"] = once
        (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{IMAGES}\n{text}\n{END}{after}", encoding="utf-8")
        PLOTS.mkdir(exist_ok=True)
        for name, plot in draw(rows).items():
            (PLOTS / name).write_text(plot, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
