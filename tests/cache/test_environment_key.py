"""A key from the environment, for programs that name none."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from cache.harness import names
from doorcode import CredentialUnavailableError, DeviceCodeCredential, errors
from doorcode.cache import TokenCachePersistenceOptions as Options
from doorcode.cache import accounts, status
from doorcode.cache._select import choose
from support.tracebacks import SOURCE

KEY = bytes(range(32))
OTHER = bytes(32)
TEXT = base64.b64encode(KEY).decode()
GOOD = b'{"a": 1}'
VARIABLE, FILE = "DOORCODE_CACHE_KEY", "DOORCODE_CACHE_KEY_FILE"
SCOPE = "https://vault.azure.net/.default"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (VARIABLE, FILE):
        monkeypatch.delenv(variable, raising=False)


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """Write a secret as it is mounted."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "text",
    [TEXT, f" {TEXT}\n", TEXT.rstrip("="), base64.urlsafe_b64encode(b"\xff" * 32).decode()],
    ids=["base64", "with a newline", "without padding", "for URLs"],
)
def test_encrypts_the_cache_without_a_line_of_code(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The cache is the one that encryption_key would make, and is read with that key given."""
    monkeypatch.setenv(VARIABLE, text)
    choose(Options()).store.save(GOOD, None)
    assert names(home / ".IdentityService") == ["msal.cache.nocae.keyed"]
    monkeypatch.delenv(VARIABLE)
    key = b"\xff" * 32 if text[0] == "_" else KEY
    assert choose(Options(encryption_key=key)).store.load().data == GOOD


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444, 0o600, 0o644])
def test_reads_a_mounted_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """As Docker and Kubernetes mount it: readable by others, a link, a newline at the end."""
    write(tmp_path / "secret", f"{TEXT}\n".encode(), mode)
    (tmp_path / "link").symlink_to("secret")
    monkeypatch.setenv(FILE, str(tmp_path / "link"))
    choose(Options()).store.save(GOOD, None)
    assert choose(Options(encryption_key=KEY)).store.load().data == GOOD


def test_the_programs_own_key_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is not even looked at."""
    monkeypatch.setenv(VARIABLE, "nonsense")
    choose(Options(encryption_key=KEY)).store.save(GOOD, None)
    assert choose(Options(encryption_key=KEY)).store.load().data == GOOD


@pytest.mark.parametrize("variable", [VARIABLE, FILE])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """As orchestrators pass what is not configured."""
    monkeypatch.setenv(variable, "")
    assert not Options().has_key


def wrong(tmp_path: Path) -> dict[str, tuple[dict[str, str], str]]:
    """Return environments whose key cannot be used, and what is said of each."""
    fifo, secret = tmp_path / "fifo", tmp_path / "secret"
    os.mkfifo(fifo)
    return {
        "not base64": (
            {VARIABLE: "s3cret!"},
            f"{VARIABLE} must hold 32 bytes in base64, and its text is not base64; make one with `openssl",
        ),
        "not text": ({VARIABLE: "s3crét"}, "its text is not base64"),
        "too short": (
            {VARIABLE: base64.b64encode(b"s3cret").decode()},
            f"{VARIABLE} must hold 32 bytes in base64, and its text stands for 6 bytes",
        ),
        "too long": ({VARIABLE: base64.b64encode(b"s3cret" * 6).decode()}, "stands for 36 bytes"),
        "both": ({VARIABLE: TEXT, FILE: str(secret)}, "are both set; set one of them"),
        "relative": ({FILE: "secret"}, "must be an absolute path"),
        "no file": ({FILE: str(tmp_path / "none")}, "cannot read the file .*none.*No such file"),
        "directory": ({FILE: str(tmp_path)}, "is not a regular file"),
        "FIFO": ({FILE: str(fifo)}, "is not a regular file"),
        "empty": ({FILE: str(write(secret, b""))}, "must hold 32 bytes in base64, and its text stands for 0 bytes"),
        "raw": ({FILE: str(write(tmp_path / "raw", b"\xfe" * 32))}, "its text is not base64"),
        "huge": ({FILE: str(write(tmp_path / "huge", b"A" * 5000))}, "larger than 4096 bytes"),
        "open": ({FILE: str(write(tmp_path / "open", TEXT.encode(), 0o666))}, "`chmod go-w`"),
    }


@pytest.mark.parametrize(
    "case",
    ["not base64", "not text", "too short", "too long", "both", "relative", "no file", "directory", "FIFO",
     "empty", "raw", "huge", "open"],
)  # fmt: skip
def test_what_is_no_key_is_an_error_before_the_user_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The message names the variable and what to do, and shows nothing of the key; so does `status`."""
    environment, words = wrong(tmp_path)[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=words) as caught:
        Options().reveal_key()
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if SOURCE in Path(frame.f_code.co_filename).parents]
    assert frames
    shown = str(caught.value) + "".join(repr(frame.f_locals) for frame in frames)
    keys = [value for name, value in environment.items() if name == VARIABLE]
    assert not [key for key in keys if key in shown]
    asked: list[object] = []
    credential = DeviceCodeCredential(
        cache_persistence_options=Options(), prompt_callback=lambda *arguments: asked.append(arguments)
    )
    with pytest.raises(errors.CacheUnavailableError, match=words):
        credential.get_token(SCOPE)
    assert not asked
    assert status().store is None
    assert VARIABLE in str(status())


def test_another_key_is_an_error_that_names_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was encrypted with the first key stays as it is."""
    choose(Options(encryption_key=OTHER)).store.save(GOOD, None)
    monkeypatch.setenv(VARIABLE, TEXT)
    with pytest.raises(CredentialUnavailableError, match="DOORCODE_CACHE_KEY_FILE; it was left as it is"):
        DeviceCodeCredential(cache_persistence_options=Options()).get_token(SCOPE)


def test_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the options nor what is told about the store holds it."""
    monkeypatch.setenv(VARIABLE, TEXT)
    options = Options()
    assert TEXT not in repr(options) + str(vars(options)) + str(status(options))
    assert accounts(options) == ()


def test_a_machine_without_a_keyring_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a container says how to get by without code; what it says works as it stands."""
    monkeypatch.setattr("doorcode.cache._ciphers.keyctl._NUMBERS", {})
    with pytest.raises(errors.CacheUnavailableError, match=f"{VARIABLE} .*`openssl rand -base64 32`.*{FILE}"):
        DeviceCodeCredential(cache_persistence_options=Options()).get_token(SCOPE)
    made = subprocess.run(
        [sys.executable, "-c", "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    monkeypatch.setenv(VARIABLE, made.stdout)
    assert "the program's own key" in str(status())
