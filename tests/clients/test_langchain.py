"""langchain-azure-ai, which looks at the shape of a credential."""

from __future__ import annotations

import pytest

from clients.conftest import Run
from clients.service import Reply, Service
from doorcode.emulator import Emulator

CONTENT = {"type": "output_text", "text": "Hello, Ada", "annotations": []}
ANSWER = {
    "id": "1", "object": "response", "created_at": 1, "model": "gpt-4o", "status": "completed",
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "output": [{"type": "message", "id": "2", "role": "assistant", "status": "completed", "content": [CONTENT]}],
}  # fmt: skip


def test_the_example(
    run_example: Run, service: Service, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model's answer comes after one prompt."""
    service.answers["/openai/v1/responses"] = Reply(ANSWER)
    run_example("LangChain", {"https://contoso.openai.azure.com": service.url})
    assert capsys.readouterr().out == "Hello, Ada\n"
    assert authority.count("devicecode") == 1
