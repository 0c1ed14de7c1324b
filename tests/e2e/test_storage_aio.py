"""A sign-in is good for azure.storage.blob.aio, against Azurite, however much happens at once."""

from __future__ import annotations

import asyncio

import pytest
from azure.storage.blob.aio import BlobServiceClient

from doorcode.aio import DeviceCodeCredential
from doorcode.emulator import Emulator, Pending
from support.loops import Pulse, in_a_loop

UPLOADS = 20
SCOPE = "https://storage.azure.com/.default"


@pytest.mark.e2e
def test_uploads_in_parallel_ask_once(doorcode_emulator: Emulator, azurite: str) -> None:
    """Twenty uploads start on a cold credential: one prompt, one request for a token, and the loop runs on."""
    doorcode_emulator.configure(interval=1)
    doorcode_emulator.faults.queue("token:device_code", Pending())
    person = doorcode_emulator.prompt_approver()
    letters = {f"{number}.txt": f"Dear Charles, this is {number}.".encode() for number in range(UPLOADS)}

    async def main() -> None:
        async with (
            DeviceCodeCredential(prompt_callback=person, **doorcode_emulator.credential_options) as credential,
            BlobServiceClient(azurite, credential, connection_verify=doorcode_emulator.ca_file) as service,
            Pulse() as pulse,
        ):
            container = service.get_container_client("letters")
            with_token = await asyncio.gather(
                container.create_container(), *(service.get_account_information() for _ in range(3))
            )
            assert len(with_token) == 4
            await asyncio.gather(*(container.upload_blob(name, text) for name, text in letters.items()))
            downloads = await asyncio.gather(*(container.download_blob(name) for name in letters))
            texts = await asyncio.gather(*(download.readall() for download in downloads))
            assert dict(zip(letters, texts, strict=True)) == letters
            assert sorted([blob.name async for blob in container.list_blobs()]) == sorted(letters)
            assert pulse.count > 100

    in_a_loop(main)
    assert len(person.prompts) == 1
    assert [request.form["scope"].split()[0] for request in doorcode_emulator.requests_to("devicecode")] == [SCOPE]
    assert doorcode_emulator.count("token:refresh_token") == 0
