"""Make text from elsewhere safe to show: on a screen, in a log, in an error, on a page.

Names, descriptions and identifiers come from an authority, a cache file, a record or a browser. A terminal acts on
control characters, and readers are misled by text that changes its direction or cannot be seen. Text is cleaned where
it is shown; what an account or a tenant is looked up by stays as it came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LONGEST_NAME: Final = 320
"""Characters of a user name, which is mostly an e-mail address (RFC 5321 4.5.3.1)."""
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that are invisible, although Unicode counts them as printable."""
_PUNCTUATION: Final = (".", "!", "?", ":", ";", ",")


def one_line(value: object, longest: int) -> str:
    """Make text from elsewhere safe to print: one line, and nothing that a terminal acts on.

    Args:
        value: anything; a value that is not a string becomes the empty string.
        longest: the most characters to keep.
    """
    if not isinstance(value, str):
        return ""
    # Look at four times as many characters, so that a run of invisible ones does not push out the visible text.
    text = " ".join(_visible(value[: 4 * longest]).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def account_name(username: str, home_account_id: str) -> str:
    """Return the name of an account in a message: its user name, else its identifier."""
    return one_line(username, LONGEST_NAME) or one_line(home_account_id, LONGEST_NAME)


def lines(text: str) -> str:
    r"""Make a message of several lines safe to print: only ``\n`` separates lines, and a terminal acts on nothing."""
    return "\n".join(_visible(line) for line in text.replace("\r\n", "\n").split("\n"))


def log_line(message: object) -> str:
    """Return a message as one line, for logs that are read line by line; each of its lines becomes a sentence."""
    whole = ""
    for line in filter(None, map(str.strip, lines(str(message)).split("\n"))):
        whole += f"{'' if not whole else ' ' if whole.endswith(_PUNCTUATION) else '. '}{line}"
    return whole


def wrapped(line: str, columns: int) -> str:
    """Break a line between words, so that a terminal of so many columns breaks no word that one row can hold."""
    rows: list[str] = []
    column = 0
    for word in line.split(" "):
        width = _columns(word)
        if rows and column + 1 + width <= columns:
            rows[-1] += f" {word}"
            column += 1 + width
        else:
            rows.append(word)
            column = width if width <= columns else (width - 1) % columns + 1
    return "\n".join(rows)


def masked(text: str, longest_word: int = 24) -> str:
    """Replace each word that is longer, and so may be a token, by an ellipsis."""
    return re.sub(rf"[\w.~+=/-]{{{longest_word + 1},}}", "…", text)


def safe_repr(show: Callable[[T], str]) -> Callable[[T], str]:
    """Return a ``__repr__`` that also works if the object's constructor failed: crash reporters show such objects."""

    def shown(self: T) -> str:
        try:
            return show(self)
        except AttributeError:
            return f"<{type(self).__name__}: not fully made>"

    return shown


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and c not in _BLANK else " " if c.isspace() else "" for c in text)


def _columns(text: str) -> int:
    """Return how many columns a terminal needs for a text: East Asian letters take two."""
    if text.isascii():
        return len(text)
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
