"""Sign in until Ctrl-C comes; a request may last for READ_TIMEOUT seconds."""

# ruff: noqa: T201 - the test reads it

import asyncio
import logging
import os

from doorcode.aio import DeviceCodeCredential

logging.getLogger("asyncio").setLevel(logging.ERROR)  # its warnings are of callbacks that a busy machine makes slow


def show(verification_uri: str, user_code: str, expires_on: object) -> None:
    """Say that the code would be shown now."""
    print(user_code, flush=True)


async def main() -> None:
    """Sign in."""
    credential = DeviceCodeCredential(
        tenant_id=os.environ["TENANT"],
        disable_instance_discovery=True,
        prompt_callback=show,
        read_timeout=float(os.environ["READ_TIMEOUT"]),
    )
    await credential.get_token("https://r.example/.default")


try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
