"""Sign in for the first time in this process, and print for how long the loop was busy at most between two beats."""

# ruff: noqa: T201 - the test reads it

import asyncio
import os
import time

from doorcode.aio import DeviceCodeCredential

BEAT = 0.005


async def main() -> float:
    """Sign in, and return the most seconds of this thread's processor time between two beats."""
    loop = asyncio.get_running_loop()
    longest, last, signed_in = 0.0, time.thread_time(), False

    def beat() -> None:
        nonlocal longest, last
        now = time.thread_time()
        longest, last = max(longest, now - last), now
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
