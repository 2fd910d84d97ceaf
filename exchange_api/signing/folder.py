"""Why: one place says where keys lie, for the hub that holds private ones and for `hutong verify`, which needs `jwks.json` and no database."""

from pathlib import Path

from pydantic import Field

from schemas.settings import HomeSettings, HutongSettings


class KeySettings(HutongSettings):
    """Where the hub's private keys lie, and what signs."""

    keys_folder: Path | None = Field(
        default=None, description="Folder of the hub's private keys and of jwks.json, mode 0700; default var/keys."
    )
    keys_ahead_s: int = Field(
        default=300,
        ge=0,
        le=604_800,
        description="How long a key is published before it signs; JWKS may be cached as long.",
    )
    sm2: bool = Field(default=False, description="Sign answers with SM2 beside Ed25519.")


def keys_folder() -> Path:
    """Return the folder of private keys and `jwks.json` (not necessarily there yet)."""
    return KeySettings().keys_folder or HomeSettings().var / "keys"
