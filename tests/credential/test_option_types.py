"""The options of a credential as editors show them: every one that is known, each with its meaning."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from typing_extensions import Unpack

import doorcode
from doorcode import InteractiveCredentialOptions, PipelineOptions, aio, cache, errors, prompts
from doorcode._config import resolve
from doorcode._pipeline_options import PIPELINE

CLASSES = [
    getattr(module, name)
    for module in (doorcode, aio)
    for name in ("DeviceCodeCredential", "InteractiveBrowserCredential", "UserCredential")
]
ROLE = re.compile(r":(?:class|meth|func|mod|exc|attr|data):`")


def test_every_option_has_a_type() -> None:
    """What the constructor takes is what a type checker lets through, and nothing else."""
    keywords = {name for name, each in inspect.signature(resolve).parameters.items() if each.kind is each.KEYWORD_ONLY}
    assert PipelineOptions.__optional_keys__ == PIPELINE
    assert InteractiveCredentialOptions.__optional_keys__ - PIPELINE == keywords - {"client_id"}


@pytest.mark.parametrize("options", [PipelineOptions, InteractiveCredentialOptions], ids=lambda each: each.__name__)
def test_every_option_has_a_meaning(options: Any) -> None:
    """In the order in which they are declared."""
    public = [name for name in options.__annotations__ if not name.startswith("_")]
    # Python 3.13 takes the indentation away by itself.
    described = re.findall(r"^    (\w+): ", inspect.cleandoc(options.__doc__), re.MULTILINE)
    own = [name for name in public if options is PipelineOptions or name not in PIPELINE]
    assert described == own


@pytest.mark.parametrize("cls", CLASSES, ids=lambda each: f"{each.__module__.split('.')[1]}.{each.__name__}")
def test_the_signature_names_them(cls: Any) -> None:
    """Editors show them where the credential is made."""
    shown = inspect.signature(cls, eval_str=True).parameters["kwargs"].annotation
    assert shown == Unpack[InteractiveCredentialOptions]


@pytest.mark.parametrize("module", [doorcode, aio, prompts, cache, errors], ids=lambda each: each.__name__)
def test_docstrings_are_plain(module: Any) -> None:
    """Neither an editor nor the reference page makes anything of Sphinx's roles."""
    for name in module.__all__:
        public = getattr(module, name)
        documented = [public, *vars(public).values()] if inspect.isclass(public) else [public]
        assert [each for each in documented if ROLE.search(getattr(each, "__doc__", None) or "")] == [], name
