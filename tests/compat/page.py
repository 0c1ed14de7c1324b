"""Render the table of differences for docs/migrating.md; ``python -m compat.page``, in tests/, writes it there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from compat.differences import ROWS, Row

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"
BEGIN: Final = "<!-- differences: written by tests/compat/page.py -->"
END: Final = "<!-- differences: end -->"


def render() -> str:
    """Return the table, one part per area, in Markdown."""
    return "\n\n".join(_part(area) for area in dict.fromkeys(row.area for row in ROWS))


def shown(page: str) -> str:
    """Return what a page shows between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def written(page: str) -> str:
    """Return a page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.partition(END)[2]}"


def _part(area: str) -> str:
    rows = (row for row in ROWS if row.area == area)
    return "\n".join([f"### {area}", "", "| azure-identity | doorcode | why |", "|---|---|---|", *map(_line, rows)])


def _line(row: Row) -> str:
    reports = ", ".join(_link(report) for report in row.reported)
    opt_out = f". Otherwise: {row.opt_out}" if row.opt_out else ""
    return f"| {row.theirs or '—'} | {row.ours}{opt_out} | {row.why}{f' ({reports})' if reports else ''} |"


def _link(report: str) -> str:
    repository, _, number = report.partition("#")
    return f"[{repository.partition('/')[2]}#{number}](https://github.com/{repository}/issues/{number})"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
