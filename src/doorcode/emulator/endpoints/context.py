"""The values that an endpoint needs besides the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorcode.emulator.authority.state import State
    from doorcode.emulator.authority.tokens import Signer
    from doorcode.emulator.endpoints.pages import Pages


@dataclass(frozen=True, slots=True)
class Context:
    """The authority's state, signer and pages."""

    state: State
    signer: Signer
    pages: Pages
