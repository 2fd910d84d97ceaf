"""Why: what operations may set of the guards. Read by `hub`, `guard` and `addresses`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from schemas.settings import HutongSettings


class GuardSettings(HutongSettings):
    """Whether detectors act, how soon, by which rules; which proxies are believed."""

    guard: Literal["on", "notify", "off"] = Field(
        default="on", description="Detectors suspend and tell (on), only tell (notify), or do not look (off)."
    )
    guard_seconds: float = Field(
        default=5, gt=0, description="Longest time from what a detector saw until the grant is suspended everywhere."
    )
    guard_rules: Path | None = Field(
        default=None, description="File of the detectors' rules in place of exchange_api/guarding/rules.yml."
    )
    trusted_proxies: str = Field(
        default="",
        description="Networks of reverse proxies whose X-Forwarded-For is believed, comma-separated (CIDR).",
    )
