"""Show a prompt as a cell of a notebook does."""

from __future__ import annotations

from datetime import datetime, timezone

from doorcode import prompts

prompts.notebook("https://microsoft.com/devicelogin", "ABCD-EFGH", datetime.now(timezone.utc))
