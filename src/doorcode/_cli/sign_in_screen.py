"""Show a code on a terminal: large, with what it is for, a warning, and the time that is left."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from types import TracebackType
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text
from typing_extensions import Self

from doorcode import prompts

WARNING: Final = (
    "Enter the code only if you started this sign-in yourself, just now. Give it to nobody, and enter no code that "
    "somebody sent you."
)
NAMES: Final = {
    "https://management.core.windows.net//.default": "Azure Resource Manager",
    "https://management.azure.com/.default": "Azure Resource Manager",
    "https://storage.azure.com/.default": "Azure Storage",
    "https://vault.azure.net/.default": "Azure Key Vault",
    "https://graph.microsoft.com/.default": "Microsoft Graph",
}
GLYPHS: Final = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
        (
            "0e 11 1f 11 11", "1e 11 1e 11 1e", "0f 10 10 10 0f", "1e 11 11 11 1e", "1f 10 1e 10 1f", "1f 10 1e 10 10",
            "0f 10 13 11 0f", "11 11 1f 11 11", "0e 04 04 04 0e", "01 01 01 11 0e", "11 12 1c 12 11", "10 10 10 10 1f",
            "11 1b 15 11 11", "11 19 15 13 11", "0e 11 11 11 0e", "1e 11 1e 10 10", "0e 11 15 12 0d", "1e 11 1e 12 11",
            "0f 10 0e 01 1e", "1f 04 04 04 04", "11 11 11 11 0e", "11 11 11 0a 04", "11 11 15 1b 11", "11 0a 04 0a 11",
            "11 0a 04 04 04", "1f 02 04 08 1f", "0e 13 15 19 0e", "04 0c 04 04 0e", "1e 01 0e 10 1f", "1e 01 0e 01 1e",
            "12 12 1f 02 02", "1f 10 1e 01 1e", "0e 10 1e 11 0e", "1f 01 02 04 04", "0e 11 0e 11 0e", "0e 11 0f 01 0e",
            "00 00 0e 00 00",
        ),
        strict=True,
    )
)  # fmt: skip
"""Characters of user codes, five rows of five pixels each."""
_WIDTH: Final = 7
"""Columns of a character and of the space after it."""
_INDENT: Final = 2
_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


class SignInScreen:
    """Show codes to the user on standard error: a ``prompt_callback``, and a block at whose end nothing is left.

    Args:
        application: its name or client ID.
        scopes: what the sign-in is for; empty for the cloud's Resource Manager.
        account: who is expected; None for any user.
        qr: whether the address is shown as a QR code, too.
    """

    def __init__(self, application: str, scopes: tuple[str, ...], account: str | None, *, qr: bool = False) -> None:
        self._about = (
            ("Application", application),
            ("Access to", ", ".join(map(resource_name, scopes)) or "Azure Resource Manager"),
            ("Account", account or "any account of yours"),
        )
        self._qr = qr
        self._live: Live | None = None

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code, in place of the one before.

        Args:
            verification_uri: where to go.
            user_code: what to enter there.
            expires_on: until when, aware.
        """
        self._stop()
        if self._qr:
            prompts.qr(verification_uri, user_code, expires_on)
        card = Card(verification_uri, user_code, expires_on, self._about)
        if is_plain():
            print(card.plain(), file=sys.stderr, flush=True)  # noqa: T201 - the prompt
            return
        console = Console(stderr=True, highlight=False)
        self._live = Live(card, console=console, refresh_per_second=2, transient=True, vertical_overflow="visible")
        self._live.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class Card:
    """What is shown for one code; drawn anew as time passes.

    Args:
        address: where to enter the code.
        code: what to enter.
        expires_on: until when, aware.
        about: what the user should compare with the page: labels and texts.
    """

    def __init__(self, address: str, code: str, expires_on: datetime, about: tuple[tuple[str, str], ...]) -> None:
        self._address = address
        self._code = code
        self._expires_on = expires_on
        self._about = about

    def plain(self) -> str:
        """Return the card as lines, for what is no terminal."""
        until = f"{self._expires_on.astimezone():%H:%M:%S}"
        about = "\n".join(f"{label}: {value}" for label, value in self._about)
        lead = f"To sign in, open {self._address} and enter this code before {until}:"
        return f"{lead}\n\n{self._code}\n\n{about}\n{WARNING}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - 2 * _INDENT
        yield Text("")
        yield from _indented(console, Text("To sign in, open this address on any device:"), width)
        yield Text(" " * _INDENT + self._address, style="bold underline", no_wrap=True, overflow="fold")
        yield Text("")
        yield from _indented(console, Text("and enter this code:"), width)
        yield Text("")
        if (console.encoding or "").lower().startswith("utf"):
            for part in parts(self._code, width):
                yield from (Text(" " * _INDENT + line, style="bold", no_wrap=True) for line in drawn(part))
                yield Text("")
        yield Text(" " * _INDENT + self._code, style="bold", no_wrap=True)
        yield Text("")
        for label, value in self._about:
            yield from _indented(console, Text.assemble((f"{label:<13}", "dim"), value), width)
        yield Text("")
        yield from _indented(console, Text(WARNING, style="magenta"), width)
        yield Text("")
        yield from _indented(console, Text(f"{self._left()} left. Ctrl-C gives up.", style="dim"), width)

    def _left(self) -> str:
        seconds = max(0, int((self._expires_on - datetime.now(timezone.utc)).total_seconds()))
        return f"{seconds // 60}:{seconds % 60:02}"


def resource_name(scope: str) -> str:
    """Return what a scope is for, in the words of the authority's page where they are known."""
    return NAMES.get(scope, scope.removesuffix("/.default"))


def parts(code: str, width: int) -> list[str]:
    """Return a code in parts of about the same length, of which each fits in so many columns when it is drawn."""
    fitting = max(1, (width + 2) // _WIDTH)
    rows = -(-len(code) // fitting)
    size = -(-len(code) // rows) if rows else 1
    return [code[start : start + size] for start in range(0, len(code), size)]


def drawn(code: str) -> list[str]:
    """Return a code in letters of three lines each; empty where one of its characters has no picture."""
    if not code or any(character not in GLYPHS for character in code.upper()):
        return []
    rows = ["  ".join(_pixels(character, row) for character in code.upper()) for row in range(5)] + [""]
    width = len(rows[0])
    padded = [row.ljust(width) for row in rows]
    pairs = (zip(padded[row], padded[row + 1], strict=True) for row in (0, 2, 4))
    return ["".join(_HALVES[upper == "#", lower == "#"] for upper, lower in pair) for pair in pairs]


def is_plain() -> bool:
    """Return whether standard error is no terminal that can draw."""
    return not sys.stderr.isatty() or os.environ.get("TERM", "") in {"", "dumb", "unknown"}


def _pixels(character: str, row: int) -> str:
    bits = int(GLYPHS[character].split()[row], 16)
    return "".join("#" if bits >> (4 - column) & 1 else " " for column in range(5))


def _indented(console: Console, text: Text, width: int) -> Iterator[Text]:
    for line in text.wrap(console, width):
        line.rstrip()
        yield Text(" " * _INDENT).append_text(line)
