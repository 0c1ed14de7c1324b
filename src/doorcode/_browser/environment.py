"""Choose between browser and device code for a process, from its environment variables and its system."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Final


class SignInMethod(Enum):
    """A method of signing a user in; the value is its name in ``prefer``."""

    BROWSER = "browser"
    DEVICE_CODE = "device_code"

    @property
    def other(self) -> SignInMethod:
        """Return the other method."""
        return SignInMethod.DEVICE_CODE if self is SignInMethod.BROWSER else SignInMethod.BROWSER


REMOTE: Final = (
    # a shell on another machine
    "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY",
    # editors whose screen is another machine's
    "CODESPACES", "GITPOD_WORKSPACE_ID", "REMOTE_CONTAINERS", "VSCODE_REMOTE_CONTAINERS_SESSION", "CLOUD_SHELL",
    # notebook servers
    "JPY_PARENT_PID", "JPY_SESSION_NAME", "JUPYTERHUB_USER", "JUPYTER_SERVER_ROOT", "COLAB_RELEASE_TAG",
    "DATABRICKS_RUNTIME_VERSION", "KAGGLE_KERNEL_RUN_TYPE", "AZUREML_RUN_ID",
    # containers
    "container", "KUBERNETES_SERVICE_HOST",
    # builds and batch jobs, without a user
    "CI", "TF_BUILD", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID",
)  # fmt: skip
"""Variables that show that the user does not see this machine's screen; any value but an empty one counts."""
DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY")
WSL: Final = ("WSL_DISTRO_NAME", "WSL_INTEROP")
MARKS: Final = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into containers."""
DESKTOPS: Final = frozenset({"darwin", "win32"})
"""Systems whose windows need no variable."""


def choose(environment: Mapping[str, str], system: str) -> SignInMethod:
    """Return the method for a process.

    Args:
        environment: the result of :func:`read_environment`.
        system: as ``sys.platform``.
    """
    if any(environment.get(name) for name in REMOTE):
        return SignInMethod.DEVICE_CODE
    return SignInMethod.BROWSER if has_windows(environment, system) else SignInMethod.DEVICE_CODE


def choose_here() -> SignInMethod:
    """Return the method for this process."""
    return choose(read_environment(), sys.platform)


def has_windows(environment: Mapping[str, str], system: str) -> bool:
    """Return whether a program can open a window, whether or not the user sees it."""
    return system in DESKTOPS or is_wsl(environment) or any(environment.get(name) for name in DISPLAYS)


def has_windows_here() -> bool:
    """Return whether this process can open a window."""
    return has_windows(read_environment(), sys.platform)


def is_wsl(environment: Mapping[str, str]) -> bool:
    """Return whether this is Linux inside Windows (WSL), where Windows' browser can open pages."""
    return any(environment.get(name) for name in WSL)


def read_environment() -> Mapping[str, str]:
    """Return this process's environment, with variables added for containers and WSL that set none.

    These are ``container`` and ``WSL_DISTRO_NAME``, which other containers and WSL itself usually set.
    """
    found: dict[str, str] = {}
    if any(Path(mark).exists() for mark in MARKS):
        found["container"] = "oci"
    if "microsoft" in platform.uname().release.lower():
        found["WSL_DISTRO_NAME"] = "unnamed"
    return {**found, **os.environ}
