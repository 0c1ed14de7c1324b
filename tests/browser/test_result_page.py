"""The page that a browser ends on: who signed in to which program, or what to do and the IDs for support."""

from __future__ import annotations

import pytest

from doorcode._browser.local import program_name
from doorcode._browser.result_page import FINISHED, failed, finished, render
from doorcode._core.messages.failures import refused, timed_out
from doorcode._core.replies.service_errors import ServiceError

TRACE, CORRELATION = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-aaaaaaaaaaaa"
DESCRIPTION = (
    f"AADSTS65004: User declined to consent to access the app. Trace ID: {TRACE} Correlation ID: {CORRELATION} "
    "Timestamp: 2026-11-27 13:07:41Z"
)


def test_who_signed_in_to_which_program() -> None:
    """Account, program and application; a name that is not known has no line."""
    assert finished("ada@contoso.example", "backup.py", "Reports").facts == (
        ("Account", "ada@contoso.example"),
        ("Program", "backup.py"),
        ("Application", "Reports"),
    )
    assert finished("", "backup.py", "").facts == (("Program", "backup.py"),)
    assert "You can close this window" in render(FINISHED).decode()


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("access_denied", DESCRIPTION, (65004,)),
        ServiceError(
            "access_denied", DESCRIPTION.partition(" Trace")[0], (65004,), None, CORRELATION, TRACE,
            "2026-11-27 13:07:41Z",
        ),
    ],
    ids=["in the words", "in fields"],
)  # fmt: skip
def test_the_ids_stand_apart(error: ServiceError) -> None:
    """What happened and what to do come first; what support asks for is one block, to be copied at once."""
    words = failed(refused(error))
    assert not [text for text in words.paragraphs if TRACE in text or CORRELATION in text]
    assert words.paragraphs[0].endswith("User declined to consent to access the app.")
    assert len(words.paragraphs) == 3
    assert words.ids == (
        ("Error", "AADSTS65004 (access_denied)"),
        ("Correlation ID", CORRELATION),
        ("Trace ID", TRACE),
        ("Timestamp", "2026-11-27 13:07:41Z"),
    )
    page = render(words).decode()
    assert page.index("You can close this window") < page.index(f"Trace ID: {TRACE}")


def test_a_failure_without_ids_has_no_block() -> None:
    """A timeout never reached the authority."""
    words = failed(timed_out(60.0, None))
    assert words.ids == ()
    assert "<pre>" not in render(words).decode()


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/home/ada/backup.py", "--all"], "backup.py"),
        (["/usr/bin/reports"], "reports"),
        (["/opt/lib/python3.12/site-packages/reports/__main__.py"], "reports"),
        (["/opt/lib/python3.12/site-packages/ipykernel_launcher.py", "-f", "x.json"], "a notebook"),
        (["-c"], "Python"),
        ([""], "Python"),
        ([], "Python"),
        (["/home/\x1b[31m<b>.py"], "[31m<b>.py"),
    ],
)
def test_what_a_program_is_called(argv: list[str], name: str) -> None:
    """As its user started it, and safe to show."""
    assert program_name(argv) == name
