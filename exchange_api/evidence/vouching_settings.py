"""Why: who vouches for the log is set once and read by the sequencer's side (`vouching`), by receipts, which say whether a stamp is pending, and by audits."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from exchange_api.evidence.cosignature import WITNESS, VerifierKey
from schemas.errors import Invalid
from schemas.settings import HutongSettings

if TYPE_CHECKING:
    from exchange_api.evidence.stamping import Authority


class VouchingSettings(HutongSettings):
    """Who vouches for the log, how often, and how long it may be without."""

    witnesses: str = Field(default="", description="Witnesses: `KEY URL` each, with semicolons between; keys as `hutong witness show` prints.")  # fmt: skip
    witness_interval_s: float = Field(default=5, gt=0, description="Seconds between two checkpoints that witnesses are asked to cosign.")  # fmt: skip
    vouching_timeout_s: float = Field(default=10, gt=0, description="Seconds a witness or time stamping authority may take to answer.")  # fmt: skip
    tsa_url: str = Field(default="", description="Address of a time stamping authority (RFC 3161 over HTTP); without, nothing is stamped.")  # fmt: skip
    tsa_roots: Path | None = Field(default=None, description="PEM file of the authority's root certificate, and of those between root and signer.")  # fmt: skip
    tsa_policy: str = Field(default="", description="Policy (OID) that stamps must name; empty: any.")
    tsa_interval_s: float = Field(default=60, gt=0, description="Seconds between two stamps; each covers every entry before it.")  # fmt: skip
    tsa_pending_hours: float = Field(default=4, gt=0, description="Hours entries may wait for a stamp before health warns.")  # fmt: skip
    tsa_fail_closed: bool = Field(default=False, description="Hand out nothing more while entries wait longer than that.")  # fmt: skip

    @cached_property
    def known_witnesses(self) -> tuple[tuple[VerifierKey, str], ...]:
        """Return the witnesses with their addresses; raises Invalid witness.key_malformed."""
        found = []
        for one in self.witnesses.replace("\n", ";").split(";"):
            key, _, url = one.strip().partition(" ")
            if key and (parsed := VerifierKey.parse(key)).type == WITNESS and url.strip():
                found.append((parsed, url.strip().rstrip("/")))
            elif key:
                raise Invalid("witness.key_malformed", key=key[:100])
        return tuple(found)

    @cached_property
    def authority(self) -> "Authority | None":
        """Return whom time is believed, or None when nobody is asked; raises Invalid stamp.authority."""
        if not self.tsa_url:
            return None
        try:
            pem = self.tsa_roots.read_bytes() if self.tsa_roots else b""
        except OSError as missing:
            raise Invalid("stamp.authority") from missing
        from exchange_api.evidence.stamping import (
            read_authority,
        )  # cryptography's X.509 is needed where stamps are asked for alone

        return read_authority(pem, self.tsa_policy or None)
