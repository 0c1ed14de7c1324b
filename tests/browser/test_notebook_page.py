"""What a notebook shows for a code, in a browser: readable in its colours, and with a button that copies the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doorcode.prompts import _notebook_page
from support.chromium import context

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
CODE = "ABCD2EFGH"


@pytest.mark.parametrize(("ink", "paper"), [("#111", "#fff"), ("#eee", "#111")], ids=["light", "dark"])
def test_it_takes_the_notebooks_colours(browser: Browser, ink: str, paper: str) -> None:
    """axe-core finds no fault, in the width of a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not here")
    html = _notebook_page.prompt("https://microsoft.com/devicelogin", CODE, "Valid for 15 minutes.", "")
    with context(browser) as looking:
        page = looking.new_page()
        page.set_viewport_size({"width": 390, "height": 600})
        page.set_content(
            f"<html lang=en><title>x</title><body style='color:{ink};background:{paper}'><main><h1>x</h1>{html}</main>"
        )
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_button_copies_the_code(browser: Browser) -> None:
    """Without a clipboard too, as on a page that came by plain HTTP: the code is selected and copied."""
    with context(browser) as looking:
        page = looking.new_page()
        page.set_content(
            _notebook_page.prompt("https://microsoft.com/devicelogin", CODE, "Valid.", "") + "<textarea></textarea>"
        )
        page.get_by_role("button", name="Copy").click()
        page.get_by_role("button", name="Copied").wait_for()
        page.get_by_role("textbox").press("Control+V")
        assert page.get_by_role("textbox").input_value() == CODE
