"""An MCP server, as docs/two-steps.md has it, whose tool signs its user in with the SDK's own client beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, UrlElicitationRequiredError
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitCompleteNotification, ElicitRequestURLParams, ElicitResult, TextContent

from doorcode.emulator import Emulator, Expire
from support.examples import ROOT, examples, take_the_clouds_place
from support.loops import in_a_loop, reached

YOU = "ada@contoso.example"


@pytest.fixture
def server(doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the server of the page, with the emulator as its authority."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    doorcode_emulator.approve_none()
    doorcode_emulator.configure(interval=1)
    (example,) = (each for each in examples(ROOT / "docs" / "two-steps.md") if "MCPServer(" in str(each.parsed))
    example.evaluate()
    return example.namespace["server"]


class User:
    """A client's user, who is sent to a page, and who is told when it is done."""

    def __init__(self, authority: Emulator, answer: str = "accept", *, signs_in: bool = True) -> None:
        self._authority = authority
        self._answer: Any = answer
        self._signs_in = signs_in
        self.sent_to: list[ElicitRequestURLParams] = []
        self.told: list[str] = []

    async def asked(self, context: object, params: Any) -> ElicitResult:
        """Answer the server's request to open a page."""
        self.go(params)
        return ElicitResult(action=self._answer)

    def go(self, params: ElicitRequestURLParams) -> None:
        """Open the page and enter the code that the message names."""
        self.sent_to.append(params)
        if self._answer == "accept" and self._signs_in:
            (code,) = (code for code in self._authority.user_codes if code in params.message)
            self._authority.approve(code, YOU)

    async def hears(self, message: object) -> None:
        """Take note of what the server says by itself."""
        if isinstance(message, ElicitCompleteNotification):
            self.told.append(message.params.elicitation_id)


def with_client(server: Any, user: User | None, work: Callable[[Client], Any], mode: Any = "legacy") -> Any:
    """Do something with the SDK's in-memory client; a server may ask its client only until revision 2026-07-28.

    Without a user, the client has nothing to show a page with.
    """

    async def main() -> Any:
        told: dict[str, Any] = {"elicitation_callback": user.asked, "message_handler": user.hears} if user else {}
        async with Client(server, mode=mode, **told) as client:
            return await work(client)

    return in_a_loop(main)


def text(result: Any) -> str:
    """Return what a tool said."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_a_tool_signs_its_user_in(server: Any, doorcode_emulator: Emulator, capfd: pytest.CaptureFixture[str]) -> None:
    """The client is asked to open the page, told when it is done, and not asked again; stdout stays the protocol's."""
    user = User(doorcode_emulator)

    async def work(client: Client) -> list[str]:
        return [text(await client.call_tool("who_am_i", {})) for _ in range(2)]

    assert with_client(server, user, work) == [YOU, YOU]
    (asked,) = user.sent_to
    assert (asked.mode, asked.url) == ("url", f"{doorcode_emulator.url}/devicelogin")
    assert user.told == [asked.elicitation_id]
    assert doorcode_emulator.count("devicecode") == 1
    assert capfd.readouterr().out == ""


def test_a_client_that_cannot_be_asked_is_told(
    server: Any, doorcode_emulator: Emulator, capfd: pytest.CaptureFixture[str]
) -> None:
    """Since revision 2026-07-28: the error holds the address, and the same call succeeds when the user is done."""
    user = User(doorcode_emulator)

    async def work(client: Client) -> str:
        with pytest.raises(MCPError) as told:
            await client.call_tool("who_am_i", {})
        (params,) = UrlElicitationRequiredError.from_error(told.value.error).elicitations
        user.go(params)
        return text(await client.call_tool("who_am_i", {}))

    assert with_client(server, user, work, "auto") == YOU
    assert doorcode_emulator.count("devicecode") == 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("answer", ["decline", "cancel"])
def test_a_user_who_does_not_want_to(server: Any, doorcode_emulator: Emulator, answer: str) -> None:
    """No poll is sent, and the tool says so."""
    doorcode_emulator.configure(interval=60)
    user = User(doorcode_emulator, answer)
    said = with_client(server, user, lambda client: client.call_tool("who_am_i", {}))
    assert text(said) == "The user does not want to sign in."
    assert doorcode_emulator.count("token") == 0


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_that_has_no_dialog(
    server: Any, doorcode_emulator: Emulator, capfd: pytest.CaptureFixture[str], mode: str
) -> None:
    """The tool's answer holds the code, and the next call finds the user signed in."""

    async def work(client: Client) -> list[str]:
        first = text(await client.call_tool("who_am_i", {}))
        (code,) = (code for code in doorcode_emulator.user_codes if code in first)
        doorcode_emulator.approve(code, YOU)
        return [first, text(await client.call_tool("who_am_i", {}))]

    first, second = with_client(server, None, work, mode)
    assert f"{doorcode_emulator.url}/devicelogin" in first
    assert "call this tool again" in first
    assert second == YOU
    assert doorcode_emulator.count("devicecode") == 1
    assert capfd.readouterr().out == ""


async def three_calls(client: Client) -> list[str]:
    """Call the tool three times at the same moment."""
    return [text(result) for result in await asyncio.gather(*(client.call_tool("who_am_i", {}) for _ in range(3)))]


def test_calls_at_the_same_time_show_one_page(server: Any, doorcode_emulator: Emulator) -> None:
    """The user is asked once, and every call has its answer."""
    user = User(doorcode_emulator)
    assert with_client(server, user, three_calls) == [YOU] * 3
    assert len(user.sent_to) == 1
    assert doorcode_emulator.count("devicecode") == 1


def test_calls_at_the_same_time_tell_one_code(server: Any, doorcode_emulator: Emulator, monkeypatch: Any) -> None:
    """However many answers hold a code, it is the same."""
    monkeypatch.setitem(server_globals(server), "A_WHILE", 0.01)
    assert len(set(with_client(server, None, three_calls))) == 1
    assert doorcode_emulator.count("devicecode") == 1


def server_globals(server: Any) -> dict[str, Any]:
    """Return the names of the example."""
    (tool,) = server._tool_manager.list_tools()
    names: dict[str, Any] = tool.fn.__globals__
    return names


def test_a_call_that_is_given_up(server: Any, doorcode_emulator: Emulator) -> None:
    """The client's time is over: the sign-in goes on, and the next call finds that its user has signed in."""
    user = User(doorcode_emulator, signs_in=False)

    async def work(client: Client) -> str:
        call = asyncio.create_task(client.call_tool("who_am_i", {}))
        await reached(doorcode_emulator.wait_for, "token:device_code")
        call.cancel()
        await asyncio.wait([call])
        (code,) = doorcode_emulator.user_codes
        doorcode_emulator.approve(code, YOU)
        return text(await client.call_tool("who_am_i", {}))

    assert with_client(server, user, work) == YOU
    assert doorcode_emulator.count("devicecode") == 1


def test_after_a_sign_in_that_failed_the_next_call_begins_anew(server: Any, doorcode_emulator: Emulator) -> None:
    """A code that has run out is not shown again."""
    user = User(doorcode_emulator, signs_in=False)
    doorcode_emulator.faults.queue("token:device_code", Expire())

    async def work(client: Client) -> list[Any]:
        failed = await client.call_tool("who_am_i", {})
        user._signs_in = True
        return [failed.is_error, text(await client.call_tool("who_am_i", {}))]

    assert with_client(server, user, work) == [True, YOU]
    assert doorcode_emulator.count("devicecode") == 2
