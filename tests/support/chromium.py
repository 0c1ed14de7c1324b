"""A system's own Chromium, headless: never a download of Playwright's."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests

from doorcode.emulator import Emulator
from support.signing import PATIENCE, SCOPE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

LAB: Final = "11111111-1111-4111-8111-111111111111"
"""The application that people sign in to here."""
NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
IMAGES: Final = Path(__file__).parent.parent.parent / "docs" / "images"
KEEP: Final = "DOORCODE_KEEP_SCREENSHOTS"
"""Set, screenshots are written to docs/images rather than compared: look at them before they are committed."""
BLOCK: Final = 8
"""Pixels of a block's side: blocks are compared, since fonts are drawn a little differently everywhere."""
LEVELS: Final = 24
"""Levels of 255 by which a block's colour may be off."""
BLOCKS_OFF: Final = 0.03
"""Share of blocks that may be off by more: a caret, the edge of a letter; a missing button is more."""

# Both images are drawn to a canvas, a pixel a block, and the browser itself does the sums.
_COMPARE: Final = """
async ([one, other, block, levels]) => {
  const read = async (data) => {
    const image = new Image();
    image.src = data;
    await image.decode();
    return image;
  };
  const [a, b] = [await read(one), await read(other)];
  if (a.width !== b.width || Math.abs(a.height - b.height) > 4 * block) return 1;
  const [width, height] = [Math.floor(a.width / block), Math.floor(Math.min(a.height, b.height) / block)];
  const pixels = (image) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, width * block, height * block, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  };
  const [p, q] = [pixels(a), pixels(b)];
  let off = 0;
  for (let i = 0; i < p.length; i += 4)
    if ([0, 1, 2].some((c) => Math.abs(p[i + c] - q[i + c]) > levels)) off += 1;
  return off / (width * height);
}
"""


def find() -> str | None:
    """Return the system's Chromium, or None."""
    return os.environ.get("DOORCODE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    name: str
    width: int
    scheme: str


LOOKS = (Look("light", 640, "light"), Look("dark", 640, "dark"), Look("narrow", 360, "light"))


def context(browser: Browser, look: Look = LOOKS[0], **options: Any) -> BrowserContext:
    """Return a new window of the browser; the emulator's certificate authority is nobody's but the test's."""
    opened = browser.new_context(
        ignore_https_errors=True,
        viewport={"width": look.width, "height": 480},
        color_scheme="dark" if look.scheme == "dark" else "light",
        reduced_motion="reduce",
        **options,
    )
    opened.set_default_timeout(PATIENCE * 1000)
    return opened


def press(page: Page, name: str) -> None:
    """Press a button, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def heading(page: Page) -> str:
    """Return the page's heading."""
    return str(page.get_by_role("heading", level=1).inner_text())


def device_code(authority: Emulator) -> dict[str, Any]:
    """Ask for a device code, as a program does."""
    form = {"client_id": LAB, "scope": f"{SCOPE} offline_access openid profile"}
    url = f"{authority.url}/{authority.tenant_id}/oauth2/v2.0/devicecode"
    reply: dict[str, Any] = requests.post(url, data=form, verify=authority.ca_file, timeout=PATIENCE).json()
    return reply


def enter(page: Page, code: str) -> None:
    """Type a code."""
    page.get_by_label("Code").fill(code)
    press(page, "Next")


@contextmanager
def running() -> Iterator[Browser]:
    """Run the browser; without one, or without Playwright, skip."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright's Python package is not here")
    program = find()
    if program is None:
        pytest.skip("Chromium is not here: apt-get install chromium, or set DOORCODE_CHROMIUM to it")
    # Root, as in containers, has no sandbox to run it in.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    arguments = [*sandbox, "--font-render-hinting=none", "--disable-lcd-text"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def difference(page: Page, one: bytes, other: bytes) -> float:
    """Return the share of two PNG images' blocks that differ, 1.0 for images of different sizes.

    Args:
        page: any page whose policy lets it decode images: ``about:blank``.
        one: an image.
        other: the image to compare it to.
    """
    urls = [f"data:image/png;base64,{base64.b64encode(image).decode()}" for image in (one, other)]
    off: float = page.evaluate(_COMPARE, [*urls, BLOCK, LEVELS])
    return off
