"""The benchmark of a fleet runs, and finds that nothing is lost and nothing sent twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.examples import ROOT
from support.redis_server import RedisServer

AGES = 600.0
"""Seconds after which it has hung, on a busy machine too."""


@pytest.mark.slow
def test_it_runs(redis_server: RedisServer) -> None:
    """Processes on one cache and users on one server are measured by a server of its own, and the figures printed."""
    assert redis_server.url
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", "--quick"],
        cwd=ROOT, capture_output=True, text=True, timeout=AGES, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "refresh tokens sent twice, or refused | 0 |" in ended.stdout
    assert "A million users" in ended.stdout
