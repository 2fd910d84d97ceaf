"""Why: a worker that takes on more than it can do answers nobody in time. So the number of questions under way has a limit, one application cannot have all of
it, and who comes in excess is told at once to come again: signed, with Retry-After. Kept by `hub`; `answering` takes places, `questions` says whose they are.

Refusals for pressure are recorded like all others as long as few of them wait for that; beyond, they leave signed with `X-Receipt: none`, because
evidence of having been too busy must not be what keeps a worker busy. They hold no data and do not use up the question's nonce.
"""

from collections import Counter

from pydantic import Field

from schemas.errors import Transient
from schemas.settings import HutongSettings

BUSY = frozenset(("server.busy", "application.busy"))
RETRY_S = 1


class PressureSettings(HutongSettings):
    """How much one worker takes on."""

    api_at_once: int = Field(
        default=256, ge=1, description="Questions one API worker answers at the same time; beyond: `server.busy`."
    )
    api_application_at_once: int = Field(
        default=128, ge=1, description="Of these, how many of one application; beyond: `application.busy`."
    )
    api_held_mb: int = Field(
        default=256, ge=2, description="MiB of half-received bodies one API worker holds; beyond: `server.busy`."
    )


class Place:
    """One question's place among those under way."""

    __slots__ = ("_application", "_pressure")

    def __init__(self, pressure: "Pressure") -> None:
        self._pressure: Pressure | None = pressure
        self._application: str | None = None

    def claim(self, application: str) -> None:
        """Say whose it is; raises Transient `application.busy` when that application has its share already."""
        pressure = self._pressure
        if pressure is None or self._application is not None:
            return
        if pressure.by_application[application] >= pressure.settings.api_application_at_once:
            raise Transient("application.busy", limit=pressure.settings.api_application_at_once, seconds=RETRY_S)
        pressure.by_application[application] += 1
        self._application = application

    def leave(self) -> None:
        """Give it back; again does nothing."""
        pressure, self._pressure = self._pressure, None
        if pressure is None:
            return
        pressure.under_way -= 1
        if self._application is not None:
            pressure.by_application[self._application] -= 1
            if not pressure.by_application[self._application]:
                del pressure.by_application[self._application]


class Pressure:
    """What is under way in one worker."""

    def __init__(self, settings: PressureSettings | None = None) -> None:
        self.settings = settings or PressureSettings()
        self.under_way, self.refusing, self.held = 0, 0, 0
        self.by_application: Counter[str] = Counter()

    def take(self) -> Place:
        """Return a place; raises Transient `server.busy` when there is none."""
        if self.under_way >= self.settings.api_at_once:
            raise Transient("server.busy", seconds=RETRY_S)
        self.under_way += 1
        return Place(self)

    def hold(self, count: int) -> None:
        """Count bytes of bodies that are still arriving, negative when they are let go; raises Transient `server.busy` beyond what may be held."""
        self.held += count
        if count > 0 and self.held > self.settings.api_held_mb << 20:
            raise Transient("server.busy", seconds=RETRY_S)

    @property
    def can_record_refusals(self) -> bool:
        """Whether evidence keeps up with refusing."""
        return self.refusing < self.settings.api_at_once
