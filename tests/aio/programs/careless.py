"""Use one credential in two loops, close nothing, and forget a credential with its connection."""

# ruff: noqa: T201 - the test reads it

import asyncio
import gc
import logging
import os

from doorcode.aio import DeviceCodeCredential

logging.getLogger("asyncio").setLevel(logging.ERROR)  # its warnings are of callbacks that a busy machine makes slow


def credential() -> DeviceCodeCredential:
    """Return a credential that signs in without showing anything."""
    return DeviceCodeCredential(
        tenant_id=os.environ["TENANT"], disable_instance_discovery=True, prompt_callback=lambda *_: None
    )


async def tokens() -> None:
    """Get several tokens at once."""
    scopes = [f"https://{name}.example/.default" for name in "abc"]
    await asyncio.gather(*(kept.get_token(scope) for scope in scopes))


async def forget() -> None:
    """Use a credential and drop it."""
    await credential().get_token("https://r.example/.default")
    gc.collect()


kept = credential()
asyncio.run(tokens())
asyncio.run(tokens())
asyncio.run(kept.get_token("https://d.example/.default"))
asyncio.run(forget())
print("done")
