"""docs/architecture.md shows the modules that there are."""

from __future__ import annotations

from pages.architecture_page import PAGE, render, shown


def test_the_page_shows_every_module() -> None:
    """``python -m pages.architecture_page``, in tests/, writes it anew."""
    assert shown(PAGE.read_text(encoding="utf-8")) == render()
