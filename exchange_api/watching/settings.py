"""Why: what operations may set about being watched. Read by the other modules of this room and by `hutong doctor`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from schemas.settings import HutongSettings


class WatchSettings(HutongSettings):
    """Who may see figures, where workers put theirs together, how logs are written, how late the sequencer may be."""

    metrics_addresses: str = Field(
        default="127.0.0.0/8,::1/128", description="Networks that may read /metrics, comma-separated; `-`: nobody."
    )
    metrics_folder: Path | None = Field(
        default=None,
        description="Folder in which the workers of one API put their figures together; set by `hutong up`.",
    )
    logs: Literal["plain", "json"] = Field(
        default="plain",
        description="json: logs of the API as JSON lines, one line per answer; plain: as text, none per answer.",
    )
    sequencer_lag_s: float = Field(
        default=60, gt=0, description="Seconds an entry may wait for the log before /readyz says that it is not well."
    )
