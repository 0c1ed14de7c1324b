"""langchain-azure-ai, which looks at the shape of a credential."""

from __future__ import annotations

import asyncio

import pytest

from clients.conftest import Run
from clients.service import Service
from doorcode.emulator import Emulator
from support.https_server import Reply

CONTENT = {"type": "output_text", "text": "Hello, Ada", "annotations": []}
ANSWER = {
    "id": "1", "object": "response", "created_at": 1, "model": "gpt-4o", "status": "completed",
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "output": [{"type": "message", "id": "2", "role": "assistant", "status": "completed", "content": [CONTENT]}],
}  # fmt: skip


def test_the_example(
    run_example: Run, service: Service, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model's answer comes after one prompt, and so does that of the same credential with asyncio."""
    service.answers["/openai/v1/responses"] = Reply(ANSWER)
    model = run_example("LangChain", {"https://contoso.openai.azure.com": service.url})["model"]
    assert capsys.readouterr().out == "Hello, Ada\n"
    assert asyncio.run(model.ainvoke("Hello")).text == "Hello, Ada"
    assert authority.count("devicecode") == 1


def test_a_credential_for_asyncio(run_example: Run, service: Service, authority: Emulator) -> None:
    """The model awaits its token."""
    service.answers["/openai/v1/responses"] = Reply(ANSWER)
    replaced = {
        "https://contoso.openai.azure.com": service.url,
        "from doorcode import": "from doorcode.aio import",
        'print(model.invoke("Hello").text)': "",
    }
    model = run_example("LangChain", replaced)["model"]
    assert asyncio.run(model.ainvoke("Hello")).text == "Hello, Ada"
    assert [each.claims["aud"] for each in service.requests] == service.audiences()
    assert authority.count("devicecode") == 1
