"""Begin to sign in, give up once a request is under way, and end; a request may last for READ_TIMEOUT seconds."""

# ruff: noqa: T201 - the test reads it

import asyncio
import logging
import os
import sys

from doorcode.aio import DeviceCodeCredential

logging.getLogger("asyncio").setLevel(logging.ERROR)  # its warnings are of callbacks that a busy machine makes slow

shown = asyncio.Event()


async def show(verification_uri: str, user_code: str, expires_on: object) -> None:
    """Take note that the code would be shown now."""
    print(user_code, flush=True)
    shown.set()


async def main() -> None:
    """Begin, and give up."""
    credential = DeviceCodeCredential(
        tenant_id=os.environ["TENANT"],
        disable_instance_discovery=True,
        prompt_callback=show,
        read_timeout=float(os.environ["READ_TIMEOUT"]),
    )
    task = asyncio.create_task(credential.get_token("https://r.example/.default"))
    await shown.wait()
    await asyncio.to_thread(sys.stdin.readline)  # until a poll is under way
    if sys.argv[1] == "cancel":
        task.cancel()
        await asyncio.wait([task])
    # Otherwise asyncio.run cancels what is left.


asyncio.run(main())
