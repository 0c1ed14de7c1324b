"""Everything that is run on this project, each session in an environment of its own.

``nox --list`` prints the sessions and CONTRIBUTING.md tells when to use which. Nox itself is all that has to be there:
``python3 -m venv .venv && .venv/bin/pip install nox``. ``-P 3.13`` runs a session with another Python,
and what follows ``--`` goes to the tool that the session runs.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "typing", "docs", "tests", "slow", "coverage", "peer"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"  # uv, where it is there, would not rebuild the package in a reused one

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
NODE_PACKAGES = ("@azure/identity@4.14.1", "@azure/identity-cache-persistence@1.2.0")
QUICK_TESTS = (
    *("tests/core", "tests/test_layers.py", "tests/emulator/test_device_flow.py", "tests/cache/test_token_cache.py"),
    *("tests/credential/test_authenticate.py", "tests/credential/test_get_token.py", "tests/browser/test_flow.py"),
)
LOWEST_TESTS = ("tests/core", "tests/credential", "tests/cache")
LOWEST_TOOLS = ("pytest", "pytest-xdist", "hypothesis", "sybil", "portalocker", "azure-identity", "cloudpickle")
AZURE_ML_TOOLS = ("pytest", "hypothesis", "sybil")
PACKAGE_TESTS = (
    *("tests/core", "tests/prompts", "tests/test_docs.py", "tests/test_extras.py", "tests/test_import_budget.py"),
    *("tests/credential/test_authenticate.py", "tests/cache/test_file.py", "tests/emulator/test_testing.py"),
)
WORKERS = str(2 * (os.cpu_count() or 1))  # most tests wait most of the time: for an authority's interval, for a process
EXTRAS = tuple(PYPROJECT["project"]["optional-dependencies"])
EVERY_EXTRA = f".[{','.join(EXTRAS)}]"


def group(name: str) -> list[str]:
    """Return what a dependency group of pyproject.toml installs."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def pinned_lowest(requirements: list[str]) -> list[str]:
    """Return requirements with the lowest version of each that they allow, as `name==version`."""
    return [requirement.replace(">=", "==") for requirement in requirements]


def install(session: nox.Session, *requirements: str) -> None:
    """Install with pip, which says what it does the first time: that takes half a minute."""
    installed = Path(session.virtualenv.location, "installed")
    session.install(*(["-q"] if installed.exists() else ["--progress-bar", "off"]), *requirements, silent=False)
    installed.touch()


def install_beside(session: nox.Session, name: str, *requirements: str) -> Path:
    """Install what pins versions of the session's into an environment of its own; return the folder of its programs."""
    place = Path(session.virtualenv.location) / name
    session.run("python", "-m", "venv", "--without-pip", str(place))
    (programs,) = (place / each for each in ("bin", "Scripts") if (place / each).is_dir())
    session.run("python", "-m", "pip", "--python", str(programs / "python"), "install", "-q", *requirements)
    return programs


@nox.session
def demo(session: nox.Session) -> None:
    """Sign in, end to end, on this machine alone; `-- --yourself` lets you be the user who signs in."""
    install(session, ".[emulator]")
    session.run("python", "demo/sign_in.py", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """Test the rules, the emulator and one sign-in of each kind in under a minute, while you work."""
    install(session, *group("test"), EVERY_EXTRA)
    session.run("pytest", "-n", WORKERS, "-m", "not slow", *(session.posargs or QUICK_TESTS))


@nox.session
def tests(session: nox.Session) -> None:
    """Test the package as it would be installed, and run the examples of the documentation; a few minutes."""
    install(session, *group("test"), EVERY_EXTRA)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or ["-n", WORKERS, "-m", "not slow"]))


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that `tests` leaves out: many processes, browsers, whole systems; `-- PATH` runs some of them."""
    install(session, *group("test"), EVERY_EXTRA)
    session.run("coverage", "run", "-m", "pytest", "-n", "auto", "-m", "slow", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Test the core, the credentials and the caches with the lowest version of each dependency that is allowed."""
    project = PYPROJECT["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    tools = [each for each in group("test") if each.partition(">=")[0] in LOWEST_TOOLS]
    # The emulator's JOSE library asks for a newer cryptography than doorcode does, and works with that one.
    jose = [each for each in extras if each.startswith("joserfc")]
    pinned = pinned_lowest([*project["dependencies"], *(each for each in extras if each not in jose)])
    install(session, *pinned, *tools)
    install(session, "--no-deps", ".", *pinned_lowest(jose))
    # anyio comes with Starlette, and its plugin for pytest may be too old or too new for pytest's.
    arguments = session.posargs or ["-n", WORKERS, "-m", "not slow", *LOWEST_TESTS]
    session.run("python", "-m", "pytest", "-p", "no:anyio", *arguments)


@nox.session
def peer(session: nox.Session) -> None:
    """Run azure-identity's own tests against the package, and azure-core's; share caches with @azure/identity."""
    install(session, *group("test"), EVERY_EXTRA)
    sdists = Path(session.create_tmp()).resolve()
    for name in ("azure-identity", "azure-core"):
        # Of the version that is installed: its tests are of its own commit, and no copy of them is kept here.
        found = session.run(
            "python", "-c", f"from importlib.metadata import version as v; print(v('{name}'))", silent=True
        )
        download = ("pip", "download", "-q", "--no-binary", ":all:", "--no-deps", "-d", str(sdists))
        session.run("python", "-m", *download, f"{name}=={str(found).strip()}")
    environment = {"DOORCODE_PEER_SDISTS": str(sdists)}
    if shutil.which("npm") is not None:
        # No scripts: the plug-in's native part would be built, and tests do without it.
        npm = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(sdists))
        session.run(*npm, *NODE_PACKAGES, external=True)
        environment["DOORCODE_PEER_NODE_MODULES"] = str(sdists)
    session.run("pytest", "-n", "3", "--dist", "loadfile", "tests/peer", *session.posargs, env=environment)


@nox.session
def clients(session: nox.Session) -> None:
    """Sign in with other people's clients, as docs/clients.md shows them: the newest of each."""
    install(session, *group("test"), *group("clients"), EVERY_EXTRA)
    # Warnings are of the clients' own code: -W takes back that they are errors.
    command = ("pytest", "-n", "2", "--dist", "loadfile", "-W", "default", "tests/clients", *session.posargs)
    session.run(*command, env={"DOORCODE_CLIENTS": "1"})
    tools = [each for each in group("test") if each.partition(">=")[0] in AZURE_ML_TOOLS]
    programs = install_beside(session, "azure-ml", *tools, *group("azure-ml"), EVERY_EXTRA)
    command = (str(programs / "python"), "-m", "pytest", "-W", "ignore", "tests/clients/test_azure_ml.py")
    session.run(*command, external=True, env={"DOORCODE_CLIENTS": "1"})


@nox.session
def coverage(session: nox.Session) -> None:
    """Report what the last `tests` and `slow` covered together, and fail below the threshold of pyproject.toml."""
    install(session, *(requirement for requirement in group("test") if requirement.startswith("coverage")))
    session.run("coverage", "combine", "-q", "--keep")
    session.run("coverage", "report")


@nox.session
def package(session: nox.Session) -> None:
    """Build twice with the same bytes, check what is built, test it without src, and use each extra alone."""
    install(session, *group("package"))
    place = Path(session.create_tmp()).resolve()
    shutil.rmtree(place)
    sdist, wheel = build(session, Path.cwd(), place / "first")
    session.run("python", "-m", "tarfile", "-e", str(sdist), str(place), silent=True)
    unpacked = place / sdist.name.removesuffix(".tar.gz")
    for first, second in zip((sdist, wheel), build(session, unpacked, place / "second"), strict=True):
        if first.read_bytes() != second.read_bytes():
            session.error(f"{first.name} has other bytes when it is built again, from the sdist")
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.run("check-wheel-contents", str(wheel))
    shutil.rmtree(unpacked / "src")
    install(session, *group("test"), f"{wheel}[{','.join(EXTRAS)}]")
    session.install("-q", "--no-deps", "--force-reinstall", str(wheel))  # a reused environment has an earlier one
    with session.chdir(unpacked):
        session.run("pytest", "-n", WORKERS, "-m", "not slow", "-p", "no:cacheprovider", *PACKAGE_TESTS)
    for extra in ("", *EXTRAS):
        use_alone(session, wheel, extra, place / f"with-{extra}")


def build(session: nox.Session, tree: Path, place: Path) -> tuple[Path, Path]:
    """Build the package from a tree, the wheel from the sdist, and return both files."""
    epoch = {"SOURCE_DATE_EPOCH": "1767225600"}  # the same for both builds; a release has the time of its commit
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(place), str(tree), env=epoch)
    (sdist,), (wheel,) = place.glob("*.tar.gz"), place.glob("*.whl")
    return sdist, wheel


def use_alone(session: nox.Session, wheel: Path, extra: str, place: Path) -> None:
    """Install the package with one extra, or with none, into an environment of its own, and use that extra."""
    session.run("python", "-m", "venv", "--without-pip", str(place))
    (python,) = (place / name for name in ("bin/python", "Scripts/python.exe") if (place / name).exists())
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    session.run("python", "-m", "pip", "--python", str(python), "install", "-q", wanted)
    program = Path("tests", "extras", f"{extra.replace('-', '_') or 'base'}.py")
    session.run(str(python), "-I", "-W", "error", str(program), external=True)


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in what the package and its extras install; asks PyPI's advisory service."""
    install(session, *group("audit"), EVERY_EXTRA)
    installed = session.run("python", "-m", "pip", "freeze", "--exclude", "doorcode", silent=True)
    pinned = Path(session.create_tmp(), "requirements.txt").resolve()
    pinned.write_text(str(installed), encoding="utf-8")
    session.run("pip-audit", "--strict", "--no-deps", "--disable-pip", "--requirement", str(pinned))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and form; `-- --fix` mends what can be mended."""
    install(session, *group("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check"]))
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    forms = sorted(str(path) for path in Path(".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)
    config = ".github/ISSUE_TEMPLATE/config.yml"
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-issue-config", config)
    session.run("check-jsonschema", "--builtin-schema", "vendor.citation-file-format", "CITATION.cff")
    session.run("zizmor", "--quiet", "--offline", "--persona", "pedantic", ".github")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types with mypy and pyright for every supported Python, and that the public API is typed throughout."""
    install(session, *group("typing"), EVERY_EXTRA)
    for python in PYTHONS:
        session.run("mypy", "--python-version", python)
        session.run("pyright", "--pythonversion", python)
    session.run("pyright", "--verifytypes", "doorcode", "--ignoreexternal")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure against azure-identity, and a fleet on Redis, and write the figures down; `-- --quick` only tries it."""
    install(session, *group("benchmarks"), ".[emulator,redis]")
    az: list[str] = []
    if "--quick" not in session.posargs:
        az = ["--az", str(install_beside(session, "azure-cli", *group("azure-cli")) / "az")]
    session.run("python", "-m", "benchmarks", *az, *session.posargs)
    quick = ["--quick"] if "--quick" in session.posargs else []
    session.run("python", "-m", "benchmarks.fleet", *quick)
    session.run("python", "-m", "benchmarks.growth", *quick)


@nox.session
def simulation(session: nox.Session) -> None:
    """Interleave many processes and faults, ten thousand times; what follows `--` goes to pytest."""
    install(session, *group("test"), EVERY_EXTRA)
    seeds = os.environ.get("DOORCODE_SIMULATION_SEEDS", "10000")
    # One test is thousands of schedules here, and takes longer than a test that hangs would be given.
    patient = ("-o", "faulthandler_timeout=0")
    session.run(
        "pytest", "-n", "auto", *patient, "tests/simulation", *session.posargs, env={"DOORCODE_SIMULATION_SEEDS": seeds}
    )


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the core in small ways, and list the changes that no test notices; `-- NAME` looks at one part."""
    install(session, *group("test"), *group("mutation"), EVERY_EXTRA)
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/, refusing warnings; `-- serve` shows it while you write."""
    install(session, *group("docs"))
    session.run("zensical", *(session.posargs or ["build", "--clean", "--strict"]))
