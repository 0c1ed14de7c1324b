"""Run the examples of a page as they stand, with the emulator where a reader has the cloud."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from typing_extensions import override

import doorcode.aio
from doorcode import (
    AuthenticationRecord,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
    TokenCachePersistenceOptions,
    UserCredential,
)
from doorcode.emulator import Emulator
from support.person import Person

ARM = "https://management.core.windows.net//.default"
ROOT = Path(__file__).parent.parent.parent


def examples(page: Path) -> list[Example]:
    """Return the Python examples of a page; they share a namespace, in their order."""
    return list(Sybil(parsers=[PythonCodeBlockParser()]).parse(page))


def shell_blocks(page: Path) -> list[str]:
    """Return what a page tells a reader to type; a line may begin with the prompt of a shell."""
    found = re.findall(
        r"^```(?:console|sh|bash)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in found]


def doorcode_commands(block: str) -> list[list[str]]:
    """Return the arguments of each `doorcode ...` of a block."""
    joined = block.replace("\\\n", " ")
    found = re.findall(
        r"(?:^|[|(]\s?|\s)doorcode ((?:login|token|exec|accounts|switch|logout|status|doctor)\b[^|)\n]*)", joined
    )
    return [shlex.split(each.replace('"', "").replace("$@", ""), comments=True) for each in found]


def take_the_clouds_place(authority: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let credentials that name no authority sign in here, where every code is approved, and keep caches there."""
    authority.configure(interval=1)
    tenant = authority.add_tenant("contoso.onmicrosoft.com")
    authority.add_user("you@contoso.onmicrosoft.com", name="You", tenant=tenant.tenant_id)

    class AtTheEmulator(DeviceCodeCredential):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if "authority" not in kwargs:
                kwargs = {**authority.credential_options, **kwargs}
                kwargs["prompt_callback"] = Prompt(kwargs.get("prompt_callback"))
            super().__init__(*args, **kwargs)

        @override
        def authenticate(self, **kwargs: Any) -> AuthenticationRecord:
            return super().authenticate(**{"scopes": [ARM], **kwargs})  # which the real cloud's authority implies

    class Prompt:
        def __init__(self, shown: Any) -> None:
            self._shown = shown

        def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
            if self._shown:
                self._shown(verification_uri, user_code, expires_on)
            authority.approve(user_code)

        def waiting(self, seconds_left: float) -> None:
            getattr(self._shown, "waiting", lambda _: None)(seconds_left)

        def finished(self, outcome: Any) -> None:
            getattr(self._shown, "finished", lambda _: None)(outcome)

    _take_it_for_browsers(authority, monkeypatch)
    monkeypatch.setattr("doorcode.DeviceCodeCredential", AtTheEmulator)
    monkeypatch.setattr("doorcode.aio.DeviceCodeCredential", _on_a_loop(authority))

    def kept(**options: Any) -> TokenCachePersistenceOptions:
        here = {} if "store" in options else {"path": folder / "tokens", "encryption_key": bytes(32)}
        return TokenCachePersistenceOptions(**{**here, **options})

    monkeypatch.setattr("doorcode.TokenCachePersistenceOptions", kept)


def _on_a_loop(authority: Emulator) -> type[doorcode.aio.DeviceCodeCredential]:
    """Return the asyncio credential that signs in there."""

    class AtTheEmulatorOnALoop(doorcode.aio.DeviceCodeCredential):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**authority.credential_options, **kwargs})

        @override
        async def authenticate(self, **kwargs: Any) -> AuthenticationRecord:
            return await super().authenticate(**{"scopes": [ARM], **kwargs})

    return AtTheEmulatorOnALoop


def _take_it_for_browsers(authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody sign in in whatever browser opens."""

    class InABrowser(InteractiveBrowserCredential):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**{**authority.credential_options, **kwargs})

    class EitherWay(UserCredential):
        def __init__(self, **kwargs: Any) -> None:
            prompt = authority.prompt_approver()
            super().__init__(**{**authority.credential_options, "prompt_callback": prompt, **kwargs})

    authority.approve_all()
    monkeypatch.setattr("webbrowser.open", Person(authority).open)
    monkeypatch.setattr("doorcode.InteractiveBrowserCredential", InABrowser)
    monkeypatch.setattr("doorcode.UserCredential", EitherWay)
