"""Scripts about asking the user: prompts, waiting, and the ends of a sign-in."""

from __future__ import annotations

import io
import json
import sys

from compat.registry import script, script_in_real_time
from compat.stage import STORAGE, WHILE, Stage
from doorcode.emulator import Edit, Expire, Fault, Html, Pending, Refuse, Reset, SlowDown, TooManyRequests

TIMED_OUT = ("Timed out waiting for user to authenticate",)


def _without(stage: Stage, *names: str) -> None:
    stage.authority.faults.queue(
        "devicecode", Edit(lambda reply: {name: value for name, value in reply.items() if name not in names})
    )


@script
def prompt_printed(stage: Stage) -> None:
    """Without a callback the service's message is printed."""
    stage.authority.approve_all()
    stage.step("get", stage.credential(prompt_callback=None).get_token, STORAGE)


@script
def prompt_of_the_callback(stage: Stage) -> None:
    """With a callback nothing is printed; it gets two texts and an aware time."""
    stage.step("get", stage.credential().get_token, STORAGE)


@script
def prompt_flushed(stage: Stage) -> None:
    """Whether the message is flushed, so that it is seen through a pipe before the code is used."""
    flushed: list[bool] = []

    class Stream(io.StringIO):
        def flush(self) -> None:
            flushed.append(True)

    stage.authority.approve_all()
    credential = stage.credential(prompt_callback=None)
    stage.monkeypatch.setattr(sys, "stdout", Stream())
    credential.get_token(STORAGE)
    stage.note("flushed", bool(flushed))


@script
def prompt_without_stdout(stage: Stage) -> None:
    """There is no standard output, as under pythonw."""
    stage.authority.approve_all()
    credential = stage.credential(prompt_callback=None)
    written = io.StringIO()
    stage.monkeypatch.setattr(sys, "stdout", None)
    stage.monkeypatch.setattr(sys, "stderr", written)
    credential.get_token(STORAGE)
    stage.note("on_stderr", "devicelogin" in written.getvalue())


@script
def prompt_in_ascii(stage: Stage) -> None:
    """The message has a character that the terminal cannot show."""
    stage.authority.configure(message="Öffne {verification_uri}, enter the code {user_code}")
    stage.authority.approve_all()
    credential = stage.credential(prompt_callback=None)
    written = io.BytesIO()
    stage.monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    try:
        token = bool(credential.get_token(STORAGE))
    except Exception as exception:  # noqa: BLE001 - compared by name
        stage.note("raised", type(exception).__name__)
        token = False
    stage.note("token", token)


@script
def prompt_with_control_characters(stage: Stage) -> None:
    """The service's message holds an escape sequence."""
    stage.authority.configure(message="\x1b[31mGo to {verification_uri}, enter the code {user_code}")
    stage.authority.approve_all()
    stage.step("get", stage.credential(prompt_callback=None).get_token, STORAGE)


@script
def prompt_without_message(stage: Stage) -> None:
    """The reply has no message, which only Microsoft's has."""
    _without(stage, "message")
    stage.authority.approve_all()
    stage.step("get", stage.credential(prompt_callback=None).get_token, STORAGE)


@script
def prompt_without_code(stage: Stage) -> None:
    """The reply has no user code."""
    _without(stage, "user_code", "message")
    stage.step("get", stage.credential().get_token, STORAGE, says=("user_code",))


@script
def prompt_callback_raises(stage: Stage) -> None:
    """What the callback raises ends the sign-in, and is the cause."""

    def answer(_: str) -> None:
        message = "no screen"
        raise RuntimeError(message)

    stage.person.answer = answer
    error = stage.step("get", stage.credential().get_token, STORAGE, says=("no screen",))
    stage.note("cause", repr(error.__cause__))


@script
def prompt_callback_is_interrupted(stage: Stage) -> None:
    """KeyboardInterrupt passes as it is."""

    def answer(_: str) -> None:
        raise KeyboardInterrupt

    stage.person.answer = answer
    credential = stage.credential()
    try:
        credential.get_token(STORAGE)
    except BaseException as exception:  # noqa: BLE001 - compared by name
        stage.note("raised", type(exception).__name__)
    stage.note("polls", stage.authority.count("token:device_code"))


@script
def declined(stage: Stage) -> None:
    """The user declines."""
    stage.person.answer = stage.authority.decline
    stage.step("get", stage.credential().get_token, STORAGE, says=("denied",))
    stage.step("authenticate", stage.credential().authenticate, scopes=[STORAGE])


@script
def code_expired_at_the_authority(stage: Stage) -> None:
    """The authority says that the code has expired."""
    stage.person.answer = lambda _: None
    stage.authority.faults.queue("token:device_code", Expire())
    stage.step("get", stage.credential().get_token, STORAGE, says=("expired",))


@script_in_real_time
def code_expired_here(stage: Stage) -> None:
    """Nobody comes while the code is valid."""
    stage.authority.configure(expires_in=1)
    stage.person.answer = lambda _: None
    stage.step("get", stage.credential().get_token, STORAGE)
    # Whether the authority or the program notices first depends on the clock.
    stage.forget("get.requests", "get.form token:device_code", "get.response", "get.status")


@script_in_real_time
def timed_out(stage: Stage) -> None:
    """Nobody comes within timeout."""
    stage.person.answer = lambda _: None
    stage.step("get", stage.credential(timeout=WHILE).get_token, STORAGE, says=TIMED_OUT)
    for fact in ("requests", "form token:device_code"):  # by the clock
        stage.forget(f"get.{fact}")


@script_in_real_time
def timed_out_at_once(stage: Stage) -> None:
    """A timeout of 0, which asks nobody."""
    stage.person.answer = lambda _: None
    stage.authority.configure(interval=2)
    stage.step("get", stage.credential(timeout=0).get_token, STORAGE, says=TIMED_OUT)
    stage.note("polled", stage.authority.count("token:device_code") > 0)
    for fact in ("requests", "form token:device_code"):
        stage.forget(f"get.{fact}")


@script_in_real_time
def first_poll(stage: Stage) -> None:
    """When the first poll is sent."""
    stage.step("get", stage.credential().get_token, STORAGE)
    begun, polled = (stage.authority.requests_to(name)[0] for name in ("devicecode", "token:device_code"))
    assert begun.answered_at is not None
    stage.note("after_the_interval", polled.at - begun.answered_at >= 1)


@script
def polling_goes_on(stage: Stage) -> None:
    """Pending, then signed in."""
    stage.authority.faults.queue("token:device_code", Pending())
    stage.step("get", stage.credential().get_token, STORAGE)


@script
def polling_over_trouble(stage: Stage) -> None:
    """A poll is answered by a proxy's page, or lost, or told to wait, and the pipeline does not repeat it."""
    faults: dict[str, Fault] = {
        "page": Html(502),
        "garbage": Html(200),
        "reset": Reset(),
        "unavailable": Refuse("temporarily_unavailable", None, "Later."),
        "busy": TooManyRequests(retry_after=1),
    }
    for name, fault in faults.items():
        credential = stage.credential(retry_total=0)
        stage.authority.faults.queue("token:device_code", fault)
        stage.step(name, credential.get_token, STORAGE)


@script
def polling_ends(stage: Stage) -> None:
    """Errors at which no further poll helps."""
    for error in ("invalid_client", "invalid_grant", "bad_verification_code", "access_denied", "made_up"):
        stage.person.answer = lambda _: None
        stage.authority.faults.queue("token:device_code", Refuse(error, 70000, "Not today."))
        stage.step(error, stage.credential().get_token, STORAGE, says=("Not today.",))


@script
def refused_before_the_prompt(stage: Stage) -> None:
    """The authority refuses the application: nobody is asked, and the error carries its words and its reply."""
    stage.authority.faults.queue("devicecode", Refuse("invalid_client", 7000218, "Enable public flows.", status=401))
    error = stage.step("get", stage.credential().get_token, STORAGE, says=("Enable public flows.",))
    stage.note("reply", error.response is not None)


@script
def refused_after_the_prompt(stage: Stage) -> None:
    """The authority refuses the sign-in: the error carries its words and its reply."""
    stage.authority.faults.queue("token:device_code", Refuse("invalid_grant", 50076, "Second factor."))
    error = stage.step("get", stage.credential().get_token, STORAGE, says=("Second factor.",))
    stage.note("body_in_text", "error_codes" in str(error))
    stage.note("error", type(error.error).__name__)
    reply = error.response
    stage.note("reply", (reply.status_code, reply.reason, sorted(reply.json()), reply.headers["content-type"]))
    stage.note("description", reply.json()["error_description"].partition(" Trace")[0])
    stage.note("text", reply.json() == json.loads(reply.text()))
    stage.note("request", (reply.request.method, str(reply.request.url)))


@script
def unreadable_before_the_prompt(stage: Stage) -> None:
    """What answers is not the authority."""
    for name, fault in {"page": Html(200), "proxy": Html(407), "down": Html(502)}.items():
        stage.authority.faults.queue("devicecode", fault)
        stage.step(name, stage.credential(retry_total=0).get_token, STORAGE)
    stage.authority.faults.queue("discovery", Html(200))
    stage.step("discovery", stage.credential(retry_total=0).get_token, STORAGE)
    with stage.authority.offline():
        stage.step("offline", stage.credential(retry_total=0).get_token, STORAGE)


@script
def unknown_tenant(stage: Stage) -> None:
    """A tenant that does not exist."""
    stage.step("get", stage.credential(tenant_id="nowhere.example").get_token, STORAGE, says=("AADSTS90002",))


@script_in_real_time
def slowed_down(stage: Stage) -> None:
    """slow_down at the deadline: the user was too slow, not the program too fast."""
    stage.person.answer = lambda _: None
    stage.authority.faults.always("token:device_code", SlowDown())
    stage.step("get", stage.credential(timeout=WHILE).get_token, STORAGE, says=TIMED_OUT)
    for fact in ("requests", "form token:device_code", "raised", "response", "status"):
        stage.forget(f"get.{fact}")
