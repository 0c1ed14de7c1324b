"""The words that a user with a problem types stand in the heading above its answer, so that a search finds them."""

from __future__ import annotations

import re

import pytest

from support.examples import ROOT

ANSWERS = [
    ("ssh browser", "troubleshooting.md"),
    ("container docker kubernetes", "troubleshooting.md"),
    ("notebook jupyter colab databricks", "troubleshooting.md"),
    ("proxy 407", "troubleshooting.md"),
    ("corporate CA TLS", "troubleshooting.md"),
    ("sovereign cloud government china", "troubleshooting.md"),
    ("device code blocked", "troubleshooting.md"),
    ("nothing appears", "troubleshooting.md"),
    ("asked again each time", "troubleshooting.md"),
    ("AuthenticationRequiredError", "troubleshooting.md"),
    ("CacheUnavailableError", "troubleshooting.md"),
    ("wrong account", "troubleshooting.md"),
    ("AADSTS50076 MFA", "aadsts.md"),
    ("AADSTS53003 conditional access", "aadsts.md"),
    ("AADSTS65001 consented", "aadsts.md"),
    ("AADSTS7000218 client_secret", "aadsts.md"),
    ("AADSTS50196 loop", "aadsts.md"),
    ("which credential", "choosing.md"),
    ("broker WAM", "choosing.md"),
    ("what happens sign in", "sign-in.md"),
    ("stay signed in", "faq.md"),
    ("personal accounts", "faq.md"),
    ("sign out", "faq.md"),
    ("damaged cache full disk", "cache.md"),
    ("tmux cron", "clusters.md"),
    ("NFS locks", "clusters.md"),
    ("SSH tunnel", "browser.md"),
]


@pytest.mark.parametrize(("words", "page"), ANSWERS, ids=[words for words, _ in ANSWERS])
def test_a_heading_has_the_words(words: str, page: str) -> None:
    """One heading of the page has all of them."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    headings = [heading.lower() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    wanted = words.lower().split()
    assert [heading for heading in headings if all(word in heading for word in wanted)] != []
