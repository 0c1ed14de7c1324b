"""What README.md tells a reader to type is what is run here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import azure.storage.blob
import pytest
from azure.core.credentials import TokenCredential

from doorcode.emulator import Emulator
from support.examples import ROOT, examples, take_the_clouds_place

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def sessions() -> set[str]:
    """Return the names of the sessions in noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any("nox.session" in ast.unparse(each) for each in node.decorator_list)
    }


def test_two_commands_are_all_it_takes() -> None:
    """The first command makes an environment and runs the demo, the second the tests, from nothing but Python."""
    prepare = "echo Making .venv && python3 -m venv .venv && .venv/bin/pip install nox"
    both = [f"{prepare} && .venv/bin/nox -s {name}" for name in ("demo", "tests")]
    assert [command for command in COMMANDS if "nox" in command] == both
    assert both[0].replace("python3", "py").replace("/bin/", "\\Scripts\\") in README


def test_ci_runs_what_readers_run() -> None:
    """The command for the tests is run literally, and every session is."""
    assert COMMANDS[1] in CI
    # `quick` is a part of `tests`, `audit` asks a service each night, and the others take as long as they are given.
    assert sessions() - run_in(CI) == {"quick", "audit", "benchmarks", "mutation", "simulation"}


def test_ci_skips_no_test() -> None:
    """The tests are run in two parts, which make the whole, and the coverage is that of both."""
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert re.findall(r'"-m", "((?:not )?slow)"', noxfile) == ["not slow", "not slow", "slow", "not slow", "not slow"]
    assert "for session in slow coverage " in CI.partition("nox -s tests")[2]


def test_the_version_stands_in_one_place() -> None:
    """pyproject.toml has it, and the changelog's newest section is about it."""
    version = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    sections = re.findall(r"^## \[(.+?)\] - ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version == sections[:1]
    assigned = re.compile(r"^__version__\s*=", re.MULTILINE)
    assert [path for path in (ROOT / "src").rglob("*.py") if assigned.search(path.read_text(encoding="utf-8"))] == []


def run_in(text: str) -> set[str]:
    """Return the names of the sessions that a text runs, by themselves or in a loop."""
    loop = re.search(r"for session in (.+); do", text)
    return {*re.findall(r"nox -s (\w+)", text), *(loop[1].split() if loop else [])}


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_named_sessions_exist(text: str) -> None:
    """No page names a session that noxfile.py lacks."""
    assert run_in(text) <= sessions()


def test_contributors_learn_of_every_session() -> None:
    """CONTRIBUTING.md tells what each session is for."""
    assert run_in(CONTRIBUTING) == sessions()


def test_the_first_screen_is_short() -> None:
    """What it is, for whom, an example of six lines and two commands fit on a screen."""
    first, _, _ = README.partition("\n## ")
    assert len(first.splitlines()) <= 40
    assert len([line for line in str(examples(ROOT / "README.md")[0].parsed).splitlines() if line]) <= 6


def test_the_first_example_lists_containers(
    doorcode_emulator: Emulator,
    azurite: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The example on the first screen signs in and lists containers, with Azurite as the account."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    genuine = azure.storage.blob.BlobServiceClient
    asked: list[str] = []

    def client(account_url: str, credential: TokenCredential) -> object:
        asked.append(account_url)
        return genuine(azurite, credential, connection_verify=doorcode_emulator.ca_file)

    monkeypatch.setattr(azure.storage.blob, "BlobServiceClient", client)
    examples(ROOT / "README.md")[0].evaluate()

    assert asked == ["https://ACCOUNT.blob.core.windows.net"]
    assert capsys.readouterr().out == "[]\n"
    assert doorcode_emulator.count("devicecode") == 1


def test_the_second_example_says_who_signed_in(
    doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example for the real cloud signs a user of the named tenant in."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    examples(ROOT / "README.md")[1].evaluate()
    assert capsys.readouterr().out == "Signed in as you@contoso.onmicrosoft.com.\n"
