"""Why: every file the embedded services write has one place below var/ of one installation, so two checkouts never meet.
Used by everything in hutong/embedded and by the service commands.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CODE = Path(__file__).resolve().parents[2]
"""The folder that holds the packages: the checkout, or site-packages."""


@dataclass(frozen=True)
class Home:
    """The folders of one installation."""

    root: Path

    @property
    def var(self) -> Path:
        """Everything written at run time."""
        return self.root / "var"

    @property
    def log(self) -> Path:
        """One log file per service."""
        return self.var / "log"

    @property
    def run(self) -> Path:
        """Process ids, lock and status of the running supervisor."""
        return self.var / "run"

    @property
    def state(self) -> Path:
        """Secrets and addresses, readable by their owner only."""
        return self.var / "state"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.var / "airflow"

    @property
    def airflow_config(self) -> Path:
        """The checkout's airflow.cfg; an installation without one uses the one beside the packages."""
        own = self.root / "airflow.cfg"
        return own if own.exists() else CODE / "airflow.cfg"

    def prepare(self) -> None:
        """Create the folders; those with secrets for their owner only."""
        for folder in (self.var, self.log, self.airflow):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.run, self.state):
            folder.mkdir(mode=0o700, exist_ok=True)


def find_home() -> Home:
    """Return the home named by HUTONG_ROOT, else the checkout around the current folder, else the checkout this code lies in, else here."""
    named = os.environ.get("HUTONG_ROOT")
    if named:
        return Home(Path(named).resolve())
    here = Path.cwd()
    for folder in (here, *here.parents, CODE):
        if (folder / "airflow.cfg").exists() and (folder / "pyproject.toml").exists():
            return Home(folder)
    return Home(here)


def read_json(path: Path) -> Any:
    """Return the document at `path`, None when it is missing or was cut short by a crash."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_json(path: Path, document: Any) -> None:
    """Replace `path` in one step, readable by its owner only."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=1)
    new.replace(path)


def read_secrets(home: Home) -> dict[str, str]:
    """Return this installation's passwords and keys, made at the first call and kept: they are in no file of the project."""
    path = home.state / "secrets.json"
    kept: dict[str, str] = read_json(path) or {}
    names = (
        "postgres",
        "airflow_database",
        "airflow_admin",
        "airflow_steward",
        "airflow_jwt",
        "airflow_session",
        "redis",
    )
    missing = [name for name in names if name not in kept]
    if missing:
        kept |= {name: secrets.token_urlsafe(24) for name in missing}
        write_json(path, kept)
    return kept
