"""The pictures of a sign-in in docs/ are those of the prompt that there is."""

from __future__ import annotations

import pytest

from pages.pictures import IMAGES, MESSAGES, PICTURES


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_current(name: str) -> None:
    """``python -m pages.pictures``, in tests/, writes it anew."""
    assert (IMAGES / name).read_text(encoding="utf-8") == PICTURES[name]()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_asks_no_other_server(name: str) -> None:
    """It has no font, style or image of another place, and says in words what it shows."""
    text = PICTURES[name]()
    assert [part for part in ("url(", "href", "@import", "<image") if part in text] == []
    assert 'aria-label="A ' in text


def test_the_list_of_steps_is_that_of_the_picture() -> None:
    """A reader who cannot see the picture reads the same steps."""
    page = (IMAGES.parent / "sign-in.md").read_text(encoding="utf-8")
    steps = [line.partition(".")[0] for line in page.splitlines() if line[:1].isdigit()]
    assert steps == [str(number) for number in range(1, len(MESSAGES) + 1)]
