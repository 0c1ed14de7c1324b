"""Render the table of advice for docs/errors.md; ``python -m pages.errors_page``, in tests/, writes it there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from doorcode._core.messages.advice import BY_CODE, BY_CODE_ELSEWHERE, BY_ERROR, Advice

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
BEGIN: Final = "<!-- advice: written by tests/pages/errors_page.py -->"
END: Final = "<!-- advice: end -->"


def render() -> str:
    """Return the table in Markdown, a row for each advice with all its codes."""
    names: dict[Advice, list[str]] = {}
    for code, advice in BY_CODE.items():
        names.setdefault(advice, []).append(f"AADSTS{code}")
    for code, advice in BY_CODE_ELSEWHERE.items():
        names.setdefault(advice, []).append(f"AADSTS{code} without a device code")
    for error, advice in BY_ERROR.items():
        names.setdefault(advice, []).append(f"`{error}`")
    rows = [f"| {', '.join(codes)} | {advice.meaning} | {advice.step} |" for advice, codes in names.items()]
    return "\n".join(["| The authority says | It means | What to do |", "|---|---|---|", *rows])


def shown(page: str) -> str:
    """Return what a page shows between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def written(page: str) -> str:
    """Return a page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
