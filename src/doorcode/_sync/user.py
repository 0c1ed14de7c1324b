"""UserCredential: sign a user in with the method that fits where the program runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from doorcode._browser.credential_base import BaseUser
from doorcode._browser.paste import PastePrompt
from doorcode._browser.user_flow import SignInOptions
from doorcode._core.checks import check_plain_callback
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._lazy import LazyModule
from doorcode._sync.credential import InteractiveCredential

if TYPE_CHECKING:
    import typing_extensions

    from doorcode import _credential_options
else:
    typing_extensions = LazyModule("typing_extensions")
    _credential_options = LazyModule("doorcode._credential_options")


class UserCredential(BaseUser, InteractiveCredential):
    """Sign a user in: silently if possible, else in a browser if one opens here, else with a code.

    No browser opens over SSH, in a container, in a notebook server, in a build or without a display. If a policy of the
    organization (Conditional Access) refuses one method, or no browser opens, the other is tried. Thread-safe.

    Args:
        client_id: the application that users sign in to. The default is Microsoft's own application for developers;
            register your own for programs that others use.
        prefer: ``"browser"`` or ``"device_code"`` to choose the first method yourself.
        timeout: seconds to wait for the user, with each method; by default 300 for a browser, and for a code as long as
            it is valid. 0 shows no prompt and times out at once.
        prompt_callback: shows a code, as for ``DeviceCodeCredential``.
        redirect_uri: as for ``InteractiveBrowserCredential``.
        login_hint: likewise.
        paste: likewise; the browser is then on another machine.
        **kwargs: the options of every credential: ``InteractiveCredentialOptions``.

    Raises:
        TypeError: an option has a wrong type, or a name close to an option's.
        ValueError: an option has an invalid value.
    """

    def __init__(
        self,
        *,
        client_id: str | None = DEVELOPER_CLIENT_ID,
        prefer: Literal["browser", "device_code"] | None = None,
        timeout: float | None = None,
        prompt_callback: Callable[[str, str, datetime], None] | None = None,
        redirect_uri: str | None = None,
        login_hint: str | None = None,
        paste: bool | PastePrompt = False,
        **kwargs: typing_extensions.Unpack[_credential_options.InteractiveCredentialOptions],
    ) -> None:
        self._choose(SignInOptions.checked(prefer, timeout, redirect_uri, login_hint, paste))
        self._paste = paste
        self._prompt_callback = check_plain_callback(prompt_callback)
        super().__init__(client_id=client_id, **kwargs)

    _request_token = InteractiveCredential._run_sign_in  # noqa: SLF001 - its own base's
