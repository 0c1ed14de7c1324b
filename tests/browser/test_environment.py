"""Which of browser and code fits: a table of surroundings."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from doorcode._browser import environment
from doorcode._browser.environment import SignInMethod, choose, has_windows

X = {"DISPLAY": ":0"}
BROWSER, CODE = SignInMethod.BROWSER, SignInMethod.DEVICE_CODE

TABLE = {
    "a desktop with X": ({**X}, "linux", BROWSER),
    "a desktop with Wayland": ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", BROWSER),
    "another Unix with X": ({**X}, "freebsd14", BROWSER),
    "macOS": ({}, "darwin", BROWSER),
    "Windows": ({}, "win32", BROWSER),
    "WSL": ({"WSL_DISTRO_NAME": "Debian"}, "linux", BROWSER),
    "WSL, as older ones say it": ({"WSL_INTEROP": "/run/WSL/8_interop"}, "linux", BROWSER),
    "a console": ({}, "linux", CODE),
    "an empty DISPLAY": ({"DISPLAY": ""}, "linux", CODE),
    "SSH": ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "linux", CODE),
    "SSH with X forwarded": ({**X, "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "linux", CODE),
    "SSH in a terminal of its own": ({**X, "SSH_TTY": "/dev/pts/1"}, "linux", CODE),
    "SSH to a Mac": ({"SSH_CLIENT": "10.0.0.1 1 22"}, "darwin", CODE),
    "SSH to Windows": ({"SSH_CLIENT": "10.0.0.1 1 22"}, "win32", CODE),
    "SSH into WSL": ({"WSL_DISTRO_NAME": "Debian", "SSH_CLIENT": "10.0.0.1 1 22"}, "linux", CODE),
    "SSH that is over": ({**X, "SSH_CONNECTION": ""}, "linux", BROWSER),
    "Codespaces": ({"CODESPACES": "true"}, "linux", CODE),
    "Gitpod": ({"GITPOD_WORKSPACE_ID": "x"}, "linux", CODE),
    "a dev container": ({**X, "REMOTE_CONTAINERS": "true"}, "linux", CODE),
    "Azure Cloud Shell": ({"CLOUD_SHELL": "true"}, "linux", CODE),
    "a container": ({**X, "container": "podman"}, "linux", CODE),
    "Kubernetes": ({**X, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "linux", CODE),
    "JupyterHub": ({**X, "JUPYTERHUB_USER": "ada"}, "linux", CODE),
    "a notebook's kernel": ({**X, "JPY_PARENT_PID": "1"}, "linux", CODE),
    "a notebook's kernel on a Mac": ({"JPY_SESSION_NAME": "/a.ipynb"}, "darwin", CODE),
    "Colab": ({"COLAB_RELEASE_TAG": "release"}, "linux", CODE),
    "Databricks": ({"DATABRICKS_RUNTIME_VERSION": "16.0"}, "linux", CODE),
    "a build": ({**X, "CI": "true"}, "linux", CODE),
    "an Azure pipeline on Windows": ({"TF_BUILD": "True"}, "win32", CODE),
    "a job of a cluster": ({**X, "SLURM_JOB_ID": "1"}, "linux", CODE),
}  # fmt: skip


@pytest.mark.parametrize(("environment", "system", "way"), TABLE.values(), ids=TABLE)
def test_the_way_that_fits(environment: dict[str, str], system: str, way: SignInMethod) -> None:
    """A browser where a window opens in front of the user, else a code."""
    assert choose(environment, system) is way


def test_the_other_way() -> None:
    """There are two."""
    assert [way.other for way in SignInMethod] == [CODE, BROWSER]


def test_a_window_over_ssh() -> None:
    """That a window opens says nothing of where."""
    assert has_windows({**X, "SSH_TTY": "x"}, "linux")
    assert not has_windows({}, "linux")


@pytest.mark.parametrize(
    ("marks", "release", "expected"),
    [
        ((), "6.1.0-amd64", {}),
        (("/.dockerenv",), "6.1.0-amd64", {"container": "oci"}),
        (("/run/.containerenv",), "6.1.0-amd64", {"container": "oci"}),
        ((), "5.15.90.1-microsoft-standard-WSL2", {"WSL_DISTRO_NAME": "unnamed"}),
        ((), "4.4.0-19041-Microsoft", {"WSL_DISTRO_NAME": "unnamed"}),
    ],
    ids=["plain", "Docker", "Podman", "WSL 2", "WSL 1"],
)
def test_what_no_variable_says(
    monkeypatch: pytest.MonkeyPatch, marks: tuple[str, ...], release: str, expected: dict[str, str]
) -> None:
    """Containers show in files, WSL in the kernel's name; the process's own variables win."""
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in marks)
    monkeypatch.setattr(platform, "uname", lambda: type("Uname", (), {"release": release}))
    monkeypatch.setattr(os, "environ", {"A": "b"})
    assert environment.read_environment() == {"A": "b", **expected}
