"""Why: how large files may be, how long they lie, how often one grant may ask for them: an operator's choice. Read by the room `exports`."""

from pydantic import Field

from schemas.settings import HutongSettings


class ExportSettings(HutongSettings):
    """How exports are built and kept."""

    export_file_rows: int = Field(default=100_000, ge=1, description="Most rows in one file of an export.")
    export_file_mb: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Size in MiB at which a file of an export is closed; a worker holds one at a time.",
    )
    export_days: int = Field(
        default=7, ge=1, le=90, description="Days for which the files of an export can be fetched."
    )
    exports_per_day: int = Field(default=4, ge=1, description="Exports one grant may ask for on one day.")
