"""Scripts about the sign-in in a browser: where it listens, what the page is asked, and what counts as the answer."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import re
import socket
import webbrowser
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from typing import Any, Final

import requests

from compat.registry import script, script_on_linux
from compat.stage import ACRS, STORAGE, VAULT, WHILE, Stage
from doorcode.emulator import Refuse
from support.person import Person, free_port, get, post, query_of
from support.signing import ADA

PORTS: Final = range(8400, 9000)
TIMED_OUT: Final = ("Timed out waiting for user to authenticate",)
_OF_ONE_PAGE: Final = ("code_challenge", "nonce", "state")


def _person(stage: Stage, does: Callable[[Person, str], requests.Response | None] = Person.sign_in) -> Person:
    """Put a user in the place of the browser: whoever comes is ada."""
    stage.authority.approve_all()
    person = Person(stage.authority)
    person.does = lambda url: does(person, url)
    stage.monkeypatch.setattr(webbrowser, "open", person.open)
    return person


def _credential(stage: Stage, **options: object) -> Any:
    return stage.library.InteractiveBrowserCredential(**{**stage.authority.credential_options, **options})


def _get(stage: Stage, name: str, credential: Any, *, says: tuple[str, ...] = (), **options: object) -> Any:
    """Get a token; what stands on standard error has an address in it that is never the same twice."""
    outcome = stage.step(name, credential.get_token, STORAGE, says=says, **options)
    stage.forget(f"{name}.stderr")
    return outcome


def _redirect(address: str) -> str:
    """Return where a page sends people on to, whichever the port."""
    return re.sub(r":\d+", ":PORT", query_of(address)["redirect_uri"])


def _port(address: str) -> int:
    return int(query_of(address)["redirect_uri"].rpartition(":")[2])


@script
def browser_sign_in(stage: Stage) -> None:
    """The page opens, the user signs in, and what follows is silent."""
    person = _person(stage)
    credential = _credential(stage)
    _get(stage, "get", credential)
    _get(stage, "again", credential)
    stage.step("other", credential.get_token, VAULT)
    stage.step("record", credential.authenticate, scopes=[STORAGE])
    stage.note("opened", len(person.urls))


@script
def browser_page_asked(stage: Stage) -> None:
    """What the address of the page holds: a form as the answer, a choice of accounts, PKCE, the hint."""
    person = _person(stage)
    _get(stage, "get", _credential(stage, login_hint=ADA))
    (url,) = person.urls
    asked = {name: "..." if name in _OF_ONE_PAGE else value for name, value in query_of(url).items()}
    asked["scope"] = " ".join(sorted(asked["scope"].split()))
    stage.note("page", url.partition("?")[0])
    stage.note("asked", {**asked, "redirect_uri": _redirect(url)})


@script
def browser_claims(stage: Stage) -> None:
    """The claims of a resource, merged with the capability, stand in the address."""
    person = _person(stage)
    _get(stage, "get", _credential(stage), claims=ACRS, enable_cae=True)
    stage.note("claims", json.dumps(json.loads(query_of(person.urls[0])["claims"]), sort_keys=True))


@script
def browser_default_port(stage: Stage) -> None:
    """Without a redirect URI it is localhost with a port from 8400 on; one that is taken is passed over."""
    person = _person(stage)
    _get(stage, "get", _credential(stage))
    first = _port(person.urls[0])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another test has it, which does as well
            taken.bind(("127.0.0.1", first))
            taken.listen()
        _get(stage, "taken", _credential(stage))
    second = _port(person.urls[1])
    stage.note("redirect_uri", _redirect(person.urls[0]))
    stage.note("in_range", first in PORTS and second in PORTS)
    stage.note("passed_over", second != first)


@script
def browser_port_taken(stage: Stage) -> None:
    """The port that the program insists on is somebody else's."""
    person = _person(stage)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"http://localhost:{taken.getsockname()[1]}"
        _get(stage, "get", _credential(stage, redirect_uri=uri), says=("Couldn't start an HTTP server on",))
    stage.note("opened", len(person.urls))


@script
def browser_redirect_uris(stage: Stage) -> None:
    """Redirect URIs that the program names: with the port, with a path too, without a port."""
    person = _person(stage)
    port = free_port()
    for name, uri in {
        "localhost": f"http://localhost:{port}",
        "address": f"http://127.0.0.1:{port}",
        "path": f"http://localhost:{port}/signed-in",
    }.items():
        _get(stage, name, _credential(stage, redirect_uri=uri))
        stage.note(f"used_for_{name}", _redirect(person.urls[-1]))
    stage.step("without_port", _credential, stage, redirect_uri="http://localhost", says=("redirect_uri",))


@script
def browser_redirect_uris_elsewhere(stage: Stage) -> None:
    """Redirect URIs on which this machine cannot listen, or everybody could answer."""
    for name, uri in {
        "https": "https://localhost:8400",
        "host": "http://contoso.example:8400",
        "everywhere": "http://0.0.0.0:8400",
        "query": "http://localhost:8400?x=y",
    }.items():
        stage.step(name, _credential, stage, redirect_uri=uri)
        stage.forget(f"{name}.returned")


@script
def browser_address_families(stage: Stage) -> None:
    """Whether another program can have the same port on the other loopback address, where browsers may look first."""
    free: list[bool] = []

    def tries(person: Person, url: str) -> requests.Response:
        with socket.socket(socket.AF_INET6) as other:
            free.append(other.connect_ex(("::1", _port(url))) != 0)
        return person.sign_in(url)

    _person(stage, tries)
    _get(stage, "get", _credential(stage))
    stage.note("free_for_others", free)


@script
def browser_answer_in_the_query(stage: Stage) -> None:
    """The answer in a query is an answer as well as a form is."""
    _person(stage, lambda person, url: get(person.redirect_uri(url), person.answer(url)))
    _get(stage, "get", _credential(stage))


@script
def browser_strange_requests(stage: Stage) -> None:
    """As the user comes back, something else asks the port first: for another page, or with a made-up answer."""
    for name, path, fields in (
        ("another_page", "/robots.txt", {}),
        ("made_up", "/", {"code": "stolen", "state": "guessed"}),
    ):

        def bothered(person: Person, url: str, path: str = path, fields: dict[str, str] = fields) -> requests.Response:
            answer = person.answer(url)
            strange = get(f"{person.redirect_uri(url)}{path}", fields)
            # Once that was taken for the answer, nobody listens any more, or the next program does.
            return strange if strange.ok else post(person.redirect_uri(url), answer)

        person = _person(stage, bothered)
        _get(stage, name, _credential(stage, redirect_uri=f"http://localhost:{free_port()}"))
        person.last_page()


@script
def browser_declined(stage: Stage) -> None:
    """The authority sends an error in place of a code: its words reach the program."""

    def declines(person: Person, url: str) -> requests.Response:
        fields = {"error": "access_denied", "error_description": "AADSTS65004: No.", "state": query_of(url)["state"]}
        return post(person.redirect_uri(url), fields)

    _person(stage, declines)
    _get(stage, "get", _credential(stage), says=("AADSTS65004: No.",))


@script
def browser_last_page(stage: Stage) -> None:
    """The page that the user ends on, where the code is redeemed and where it is not."""
    person = _person(stage)
    _get(stage, "get", _credential(stage))
    stage.note("after_success", person.last_page().status_code)
    stage.authority.faults.queue("token:authorization_code", Refuse("invalid_grant", 53003, "Blocked by policy."))
    person = _person(stage)
    _get(stage, "refused", _credential(stage), says=("Blocked by policy.",))
    page = person.last_page()
    stage.note("after_refusal", (page.status_code, "Blocked by policy." in page.text))


@script
def browser_timed_out(stage: Stage) -> None:
    """Nobody comes back."""
    _person(stage, lambda _person, _url: None)
    words = ("Timed out", *TIMED_OUT)
    _get(stage, "get", _credential(stage, timeout=WHILE), says=words)


@script
def browser_timed_out_at_once(stage: Stage) -> None:
    """A timeout of 0, which asks nobody."""
    person = _person(stage, lambda _person, _url: None)
    _get(stage, "get", _credential(stage, timeout=0), says=("Timed out",))
    stage.forget("get.requests")
    stage.note("opened", bool(person.urls))


@script
def browser_none_opens(stage: Stage) -> None:
    """No browser takes the page: the credential is unavailable, at once."""
    stage.monkeypatch.setattr(webbrowser, "open", lambda _url: False)
    _get(stage, "get", _credential(stage))
    stage.forget("get.warned")  # azure-identity leaves its port to the garbage collector


@script_on_linux
def browser_of_the_terminal(stage: Stage) -> None:
    """All there is is a browser that draws on the terminal."""
    programs, started = stage.home / "bin", stage.home / "started"
    programs.mkdir()
    program = programs / "w3m"
    program.write_text(f"#!/bin/sh\n: > '{started}'\n")
    program.chmod(0o755)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "WSL_INTEROP"):
        stage.monkeypatch.delenv(name, raising=False)
    stage.monkeypatch.setenv("PATH", str(programs))
    stage.monkeypatch.setenv("BROWSER", f"{program} %s")
    stage.monkeypatch.setattr(webbrowser, "_tryorder", None)
    stage.monkeypatch.setattr(webbrowser, "_browsers", {})
    stage.monkeypatch.setattr(webbrowser, "_os_preferred_browser", None)
    _get(stage, "get", _credential(stage, timeout=1))
    stage.note("started", started.exists())


@script
def browser_address_opened(stage: Stage) -> None:
    """What stands in the command line with which a browser is started."""
    person = _person(stage)
    _credential(stage).get_token(STORAGE)
    stage.note("state", query_of(person.urls[0])["state"] in person.links[0])


@script
def browser_address_shown(stage: Stage) -> None:
    """Whether the address is shown too, for a user before whom no window appears."""
    _person(stage)
    written = io.StringIO()
    with redirect_stderr(written):
        _credential(stage).get_token(STORAGE)
    stage.note("on_stderr", "http" in written.getvalue())


@script
def browser_elsewhere(stage: Stage) -> None:
    """Whether there is asyncio, an address to be pasted, and a choice between browser and code."""
    asyncio_part = importlib.import_module(f"{stage.library.__name__}.aio")
    stage.note("aio", hasattr(asyncio_part, "InteractiveBrowserCredential"))
    stage.note("paste", "paste" in inspect.signature(stage.library.InteractiveBrowserCredential).parameters)
    stage.note("choice", hasattr(stage.library, "UserCredential"))
