"""Decide between browser and code: what of the two can be used here, as one function of an environment."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Final


class SignInMethod(Enum):
    """How a user is asked; the value is its name in ``prefer``."""

    BROWSER = "browser"
    DEVICE_CODE = "device_code"

    @property
    def other(self) -> SignInMethod:
        """Return the way that is left when this one is not to be had."""
        return SignInMethod.DEVICE_CODE if self is SignInMethod.BROWSER else SignInMethod.BROWSER


ELSEWHERE: Final = (
    # a shell on another machine
    "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY",
    # editors whose screen is another machine's
    "CODESPACES", "GITPOD_WORKSPACE_ID", "REMOTE_CONTAINERS", "VSCODE_REMOTE_CONTAINERS_SESSION", "CLOUD_SHELL",
    # notebook servers
    "JPY_PARENT_PID", "JPY_SESSION_NAME", "JUPYTERHUB_USER", "JUPYTER_SERVER_ROOT", "COLAB_RELEASE_TAG",
    "DATABRICKS_RUNTIME_VERSION", "KAGGLE_KERNEL_RUN_TYPE", "AZUREML_RUN_ID",
    # containers
    "container", "KUBERNETES_SERVICE_HOST",
    # nobody is there: builds and batch jobs
    "CI", "TF_BUILD", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID",
)  # fmt: skip
"""Variables that say that a window opened here is not in front of the user; any value but an empty one counts."""
DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY")
WSL: Final = ("WSL_DISTRO_NAME", "WSL_INTEROP")
MARKS: Final = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into containers."""
DESKTOPS: Final = frozenset({"darwin", "win32"})
"""Systems whose windows need no variable."""


def choose(environment: Mapping[str, str], system: str) -> SignInMethod:
    """Return the way that fits.

    Args:
        environment: as :func:`surroundings` returns it.
        system: as ``sys.platform`` names it.
    """
    if any(environment.get(name) for name in ELSEWHERE):
        return SignInMethod.DEVICE_CODE
    return SignInMethod.BROWSER if has_windows(environment, system) else SignInMethod.DEVICE_CODE


def choose_here() -> SignInMethod:
    """Return the way that fits this process."""
    return choose(surroundings(), sys.platform)


def has_windows(environment: Mapping[str, str], system: str) -> bool:
    """Return whether a program can open a window, in front of the user or not."""
    return system in DESKTOPS or is_wsl(environment) or any(environment.get(name) for name in DISPLAYS)


def has_windows_here() -> bool:
    """Return whether this process can open a window."""
    return has_windows(surroundings(), sys.platform)


def is_wsl(environment: Mapping[str, str]) -> bool:
    """Return whether this is Linux inside Windows, whose browser can be asked."""
    return any(environment.get(name) for name in WSL)


def surroundings() -> Mapping[str, str]:
    """Return this process's environment, and what containers and WSL say elsewhere.

    That stands under the variables that others of their kind set: ``container`` and ``WSL_DISTRO_NAME``.
    """
    found: dict[str, str] = {}
    if any(Path(mark).exists() for mark in MARKS):
        found["container"] = "oci"
    if "microsoft" in platform.uname().release.lower():
        found["WSL_DISTRO_NAME"] = "unnamed"
    return {**found, **os.environ}
