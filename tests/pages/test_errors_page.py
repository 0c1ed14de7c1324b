"""docs/errors.md shows the advice that the library gives, and the exceptions that it raises."""

from __future__ import annotations

from doorcode import errors
from pages.errors_page import PAGE, render, shown


def test_the_page_shows_the_table() -> None:
    """``python -m pages.errors_page``, in tests/, writes it anew."""
    assert shown(PAGE.read_text(encoding="utf-8")) == render()


def test_the_page_names_every_exception() -> None:
    """A class that callers can catch is a class that they can read about."""
    text = PAGE.read_text(encoding="utf-8")
    classes = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]
    assert [name for name in classes if f"`{name}`" not in text] == []
