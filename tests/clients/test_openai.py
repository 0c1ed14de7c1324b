"""openai's clients, which take a function that returns a token."""

from __future__ import annotations

import pytest

from clients.conftest import Run
from clients.service import Service
from doorcode.emulator import Emulator
from support.https_server import Reply

ANSWER = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello, Ada"}}],
}  # fmt: skip


def test_the_examples(
    run_example: Run, service: Service, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either client gets its answer after one prompt."""
    service.answers["/openai/deployments/gpt-4o/chat/completions"] = Reply(ANSWER)
    run_example("OpenAI", {"https://contoso.openai.azure.com": service.url})
    assert capsys.readouterr().out.count("Hello, Ada\n") == 2
    assert service.audiences() == ["https://cognitiveservices.azure.com"] * 2
    assert authority.count("devicecode") == 2  # one for each of the two programs
