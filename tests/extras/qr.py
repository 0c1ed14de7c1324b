"""Show a prompt as a QR code."""

from __future__ import annotations

from datetime import datetime, timezone

from doorcode import prompts

prompts.qr("https://microsoft.com/devicelogin", "ABCD-EFGH", datetime.now(timezone.utc))
