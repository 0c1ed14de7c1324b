"""Sign in at the emulator."""

from __future__ import annotations

from doorcode import DeviceCodeCredential
from doorcode.emulator import Emulator

with (
    Emulator(interval=1) as authority,
    DeviceCodeCredential(prompt_callback=authority.prompt_approver(), **authority.credential_options) as credential,
):
    assert credential.get_token("https://vault.azure.net/.default").token
