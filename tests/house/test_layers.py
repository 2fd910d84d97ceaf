"""Down the stairs only: import-linter judges the tree, and is itself tested by planting what it must catch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT, STOREYS

LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for storey in STOREYS:
        shutil.copytree(
            ROOT / storey, tmp_path / storey, ignore=shutil.ignore_patterns("node_modules", "vendor", "__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_keeps_its_layers() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("schemas/errors.py", "import catalog.directory", "down the stairs only"),
        ("connectors/base.py", "import libraries.landing", "down the stairs only"),
        ("exchange_api/grant/grants.py", "import hutong.cli", "down the stairs only"),
        ("catalog/departments.py", "import catalog.folder", "catalog: ways in and out"),
        ("exchange_api/grant/grants.py", "import airflow", "Airflow has two doors"),
        ("libraries/landing.py", "import great_expectations", "Great Expectations has one door"),
        ("exchange_api/demand/demands.py", "import fastapi", "FastAPI has its doors"),
        ("catalog/directory.py", "import cryptography", "cryptography has its doors"),
        ("dags/collect.py", "import exchange_api.app", "dags use desks"),
    ],
)
def test_a_planted_import_is_caught(copy: Path, module: str, line: str, contract: str) -> None:
    file = copy / module
    file.write_text(f"{file.read_text('utf-8')}\n{line}\n", "utf-8")
    done = lint(copy)
    assert done.returncode != 0
    broken = [row for row in done.stdout.splitlines() if "BROKEN" in row]
    assert any(contract in row for row in broken), done.stdout
