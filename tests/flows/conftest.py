"""The demonstration city run once by its own command, in an installation of its own: real scheduler, real services, real sources."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hutong.embedded.home import Home
from tests.house.tree import ROOT
from tests.hutong.installation import Installation

SCALE = "0.03"


@dataclass(frozen=True)
class City:
    """The installation after `hutong demo`, and what the command printed."""

    installation: Installation
    told: subprocess.CompletedProcess[str]

    @property
    def folder(self) -> Path:
        return self.installation.home.var / "demo"

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text("utf-8"))
        return found

    def demo(self) -> subprocess.CompletedProcess[str]:
        command = self.installation.command("demo", "--scale", SCALE)
        variables = self.installation.variables({})
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=800, check=False)


@pytest.fixture(scope="session")
def city() -> Iterator[City]:
    root = Path(tempfile.mkdtemp(prefix="hutong-city-"))
    root.chmod(0o755)
    for name in ("dags", "airflow.cfg", "pyproject.toml"):
        (root / name).symlink_to(ROOT / name)
    installation = Installation(Home(root))
    try:
        told = City(installation, subprocess.CompletedProcess([], 0)).demo()
        yield City(installation, told)
    finally:
        installation.run("reset", "--yes")
        shutil.rmtree(root, ignore_errors=True)
