"""Why: which seals a bureau trusts and how long copies live are its own decisions. Read by the rooms of `libraries.certificates` and their desks."""

from pathlib import Path

from pydantic import Field

from schemas.settings import HutongSettings


class CertificateSettings(HutongSettings):
    """What seals are held against, and how annotated copies are handed out."""

    certificate_trust: Path | None = Field(
        default=None,
        description="Folder of trusted root certificates (.pem, .crt, .cer) for seals of certificate files; without: no seal is trusted.",
    )
    certificate_file_mb: int = Field(default=32, ge=1, le=512, description="Largest certificate file, MiB.")
    certificate_address_minutes: int = Field(
        default=10, ge=1, le=1440, description="How long the one-time address of an annotated copy is good."
    )
    certificate_copy_days: int = Field(
        default=90, ge=1, le=3650, description="For how many days an annotated copy says it may be used."
    )
