"""Why: settings have one home each. Operations set `HUTONG_*` environment variables; every room that reads one declares it here-derived,
next to the code that reads it, so that a test can list them all and hold docs/operations.md against the list.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HutongSettings(BaseSettings):
    """Base of every settings class: reads `HUTONG_<FIELD>` from the environment, ignores everything else."""

    model_config = SettingsConfigDict(env_prefix="HUTONG_", extra="ignore", frozen=True)


class HomeSettings(HutongSettings):
    """Where this installation keeps what it writes."""

    root: Path = Field(default=Path(), description="Checkout or installation folder; var/ lies in it.")

    @property
    def var(self) -> Path:
        """Return the folder of everything written at run time (git-ignored): data, logs, landing, keys."""
        return self.root.resolve() / "var"
