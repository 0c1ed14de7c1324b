"""Open the page in a browser on this machine, and print the prompt as well."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime
from typing import Final

from doorcode._browser.environment import has_windows_here
from doorcode._browser.launcher import open_page
from doorcode.prompts._terminal import TerminalPrompt


class BrowserPrompt(TerminalPrompt):
    """Show codes on the terminal, and open the page where they are entered in a browser on this machine."""

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code, and open the page; without a browser, only show the code.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.
        """
        super().__call__(verification_uri, user_code, expires_on)
        if has_windows_here():
            # Some browsers do not return before they are closed.
            thread = threading.Thread(target=open_page, args=[verification_uri], name="doorcode-browser", daemon=True)
            with suppress(RuntimeError):  # no further thread can be had: the user opens the page
                thread.start()


browser: Final = BrowserPrompt()
"""Open the page in a browser on this machine; the code is shown on the terminal as well."""
