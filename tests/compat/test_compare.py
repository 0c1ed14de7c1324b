"""How two runs of a script are compared."""

from __future__ import annotations

import pytest

from compat.compare import differences
from compat.stage import Facts

SILENT: Facts = {"get.returned": "token 1", "get.log": ("INFO",)}
ASKED: Facts = {"get.returned": "token 2", "get.log": ("INFO",), "get.prompts": ("here",), "get.requests": ("a", "b")}
FAILED: Facts = {"get.raised": "ValueError", "get.log": ("WARNING",)}


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        pytest.param(SILENT, SILENT, {}, id="same"),
        pytest.param(SILENT, {**SILENT, "get.log": ()}, {"get.log": (("INFO",), ())}, id="one-fact"),
        pytest.param(SILENT, {**SILENT, "note": "yes"}, {"note": (None, "yes")}, id="a-fact-more"),
        pytest.param({**SILENT, "note": "yes"}, SILENT, {"note": ("yes", None)}, id="a-fact-less"),
        pytest.param(
            SILENT,
            FAILED,
            {"get": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0")},
            id="another-end",
        ),
        pytest.param(
            ASKED,
            SILENT,
            {"get": ("succeeds, prompts: 1, requests: 2", "succeeds, prompts: 0, requests: 0")},
            id="another-prompt",
        ),
        pytest.param(
            FAILED,
            {**FAILED, "get.raised": "TypeError"},
            {"get.raised": ("ValueError", "TypeError")},
            id="another-error",
        ),
    ],
)
def test_what_differs_is_found(theirs: Facts, ours: Facts, found: dict[str, tuple[object, object]]) -> None:
    """Each fact that differs is found; a step that ended otherwise, or asked the user otherwise, is one fact."""
    assert differences(theirs, ours) == found
