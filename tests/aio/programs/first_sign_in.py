"""Sign in for the first time in this process, and print how late a beat of the loop was at most."""

# ruff: noqa: T201 - the test reads it

import asyncio
import os

from doorcode.aio import DeviceCodeCredential

BEAT = 0.005


async def main() -> float:
    """Sign in, and return how late a beat was at most."""
    loop = asyncio.get_running_loop()
    longest, last, signed_in = 0.0, loop.time(), False

    def beat() -> None:
        nonlocal longest, last
        longest, last = max(longest, loop.time() - last - BEAT), loop.time()
        if not signed_in:
            loop.call_later(BEAT, beat)

    loop.call_later(BEAT, beat)
    async with DeviceCodeCredential(
        tenant_id=os.environ["TENANT"], disable_instance_discovery=True, prompt_callback=lambda *_: None
    ) as credential:
        await credential.get_token("https://r.example/.default")
    signed_in = True
    return longest


print(asyncio.run(main()))
