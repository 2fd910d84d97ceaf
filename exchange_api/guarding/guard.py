"""Why: one worker's watchman. It holds every question against the networks of its application and the list of protected subjects, and looks for patterns of
abuse in what is asked. What it finds holds the grant in this worker at once; the flag in the database, which holds it everywhere, follows within
HUTONG_GUARD_SECONDS. Opened by `hub`; asked by `questions`, `delivery` and `answering`.

Every worker judges what it sees itself: several workers together let through as many times the limits as there are workers, in the worst case.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from exchange_api.guarding import findings
from exchange_api.guarding.addresses import Networks, check_address, parse_networks, split_networks
from exchange_api.guarding.findings import Finding
from exchange_api.guarding.rules import Rule, rules
from exchange_api.guarding.settings import GuardSettings
from exchange_api.guarding.windows import Window, Windows
from exchange_api.pressure import BUSY
from exchange_api.remembered import Newest, Remembered
from schemas.calendar import today
from schemas.errors import Denied, Invalid

log = logging.getLogger("hutong.exchange")
FIND_NETWORKS = "SELECT networks FROM exchange.application_networks WHERE application_id = $1"
FIND_PROTECTED = "SELECT subject_hash, level, until FROM exchange.protected_subjects"
RETRY_S = 1.0
NOTIFY_PAUSE_S = 3600
"""Until the same is told again where a rule that suspends may only tell."""


class Networked(tuple[Any, ...]):
    """An application's networks; unlike a plain empty tuple, none are remembered too."""


class Guard:
    """Watches for one worker."""

    def __init__(self, pool: Any, forget: Callable[[], None], settings: GuardSettings | None = None) -> None:
        """`forget` drops what this worker remembers of grants."""
        self._pool, self._forget, self.settings = pool, forget, settings or GuardSettings()
        self.trusted: Networks = split_networks(self.settings.trusted_proxies)
        self.networks: Remembered[str, Networked] = Remembered(self._load_networks)
        self._protected: dict[str, tuple[str, date | None]] = {}
        self._readings = Newest()
        self._rules = () if self.settings.guard == "off" else rules(self.settings.guard_rules)
        by_look = [rule for rule in self._rules if rule.measure in _MEASURES]
        self._by_look = tuple(by_look)
        self._by_refusal = tuple(rule for rule in self._rules if rule.measure == "refusals")
        self._by_name = tuple(rule for rule in self._rules if rule.measure == "protected")
        self._windows = Windows(max((rule.seconds for rule in by_look), default=600))
        self._refusals: dict[str, deque[float]] = {}
        self._held: set[tuple[str, str]] = set()
        self._told: dict[tuple[str, str], float] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Take over the list of protected subjects."""
        reading = self._readings.begin()
        rows = await self._pool.fetch(FIND_PROTECTED, timeout=10)
        if self._readings.take(reading):
            self._protected = {row["subject_hash"]: (row["level"], row["until"]) for row in rows}

    def changed(self, table: str) -> None:
        """Learn that the database announced a change of a table."""
        if table == "protected_subjects":
            self._begin(self._load_again())
        elif table == "application_networks":
            self.networks.forget()

    async def close(self) -> None:
        """Wait for what was begun, not longer than a suspension may take."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=self.settings.guard_seconds)
            for task in late:
                task.cancel()

    async def admit(self, application_id: str) -> None:
        """Hold the question under way against its application's networks. Raises Denied `application.address`."""
        networks = self.networks.known(application_id)
        if networks is None:
            networks = await self.networks.get(application_id)
        if networks:
            check_address(application_id, networks, self.trusted)

    @property
    def held(self) -> int:
        """Return how many grants this worker holds until their suspension is written."""
        return len(self._held)

    def check(self, grant_id: str, application_id: str) -> None:
        """Refuse an application the grant of its own that is being suspended. Raises Denied `grant.suspended`."""
        if self._held and (grant_id, application_id) in self._held:
            raise Denied("grant.suspended", grant=grant_id, by="platform")

    def name(self, asked: Any, hashes: Collection[str]) -> None:
        """Look for protected subjects before anything is looked up; `asked`: the answer being made. Raises Invalid `purpose.case_missing`."""
        if not self._protected or self._protected.keys().isdisjoint(hashes):
            return
        day, levels = today(), set()
        for one in hashes:
            level, until = self._protected.get(one, ("", None))
            if level and (until is None or day <= until):
                levels.add(level)
        for rule in self._by_name if levels else ():
            self._find(rule, asked, len(levels))
        if "case" in levels and not (asked.purpose or {}).get("case"):
            raise Invalid("purpose.case_missing", grant=asked.grant_id)

    def saw(self, asked: Any, subjects: Sequence[str], known: Collection[str]) -> None:
        """Note what was looked up, and which of it is there; plain keys, kept in this worker's memory only."""
        if not self._by_look:
            return
        window = self._windows.of(asked.application_id or "", asked.library or "")
        now = time.monotonic()
        for subject in subjects:
            window.add(now, subject, is_known=subject in known)
        measures: dict[str, int] = {}  # several rules ask for the same one
        for rule in self._by_look:
            if rule.measure not in measures:
                measure = _MEASURES[rule.measure]
                measures[rule.measure] = max([measure(window, subject) for subject in subjects])
            measured = measures[rule.measure]
            if measured > rule.above and window.unknown_share >= rule.share and self._find(rule, asked, measured):
                self._windows.clear(asked.application_id or "", asked.library or "")
                return

    def refused(self, asked: Any) -> None:
        """Note an answer that became a refusal of a known application; that there is too much to do is none."""
        if asked.kind != "refusal" or asked.application_id is None or not self._by_refusal or asked.code in BUSY:
            return
        if len(self._refusals) > 1_000:
            self._refusals.clear()
        times = self._refusals.setdefault(asked.application_id, deque(maxlen=20_000))
        now = time.monotonic()
        times.append(now)
        for rule in self._by_refusal:
            while times and times[0] <= now - rule.seconds:
                times.popleft()
            if len(times) > rule.above and asked.grant_id:
                self._find(rule, asked, len(times))

    def _find(self, rule: Rule, asked: Any, measured: int) -> bool:
        """Begin what a rule asks for; return whether the grant is held from now on."""
        now, which = time.monotonic(), (rule.key, asked.grant_id)
        if (asked.grant_id, asked.application_id) in self._held or self._told.get(which, now) > now:
            return False
        if len(self._told) > 10_000:
            self._told.clear()
        suspends = rule.suspends and self.settings.guard == "on"
        pause = rule.pause or (0 if suspends else NOTIFY_PAUSE_S)
        self._told[which] = now + pause
        found = Finding(rule, asked.application_id, asked.grant_id, measured, UUID(asked.receipt), suspends, pause)
        if suspends:
            self._held.add((found.grant_id, found.application_id))
        self._begin(self._act(found))
        return suspends

    async def _act(self, found: Finding) -> None:
        """Write a finding down; the grant stays held until its flag stands in the database, however long that takes."""
        deadline, is_late = time.monotonic() + self.settings.guard_seconds, False
        while True:
            try:
                await asyncio.to_thread(findings.keep, found)
                break
            except Exception as failure:  # noqa: BLE001 - nobody waits for it, and it must be tried again whatever it was
                if not found.suspends:
                    log.warning("grant %s: %s not told (%s)", found.grant_id, found.rule.code, type(failure).__name__)
                    return
                if not is_late and time.monotonic() > deadline:
                    is_late = True
                    log.error(  # noqa: TRY400 - messages of foreign errors may quote values
                        "grant %s: %s not suspended in time (%s)",
                        found.grant_id,
                        found.rule.code,
                        type(failure).__name__,
                    )
                await asyncio.sleep(min(RETRY_S, self.settings.guard_seconds / 5))
        if found.suspends:  # another rule's hold is not this finding's to end
            self._forget()  # the announcement may still be on its way: what was remembered until now knows nothing of the flag
            self._held.discard((found.grant_id, found.application_id))

    async def _load_networks(self, application_id: str) -> Networked:
        texts = await self._pool.fetchval(FIND_NETWORKS, application_id)
        return Networked(parse_networks(texts or ()))

    async def _load_again(self) -> None:
        try:
            await self.load()
        except Exception as failure:  # noqa: BLE001 - the list of before stays; on the next connection it is loaded again
            log.warning("the list of protected subjects could not be read (%s)", type(failure).__name__)

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


def _unknown(window: Window, _: str) -> int:
    return len(window.unknown)


def _repeats(window: Window, subject: str) -> int:
    return window.counts.get(subject, 0)


_MEASURES = {"run": Window.run, "day_run": Window.day_run, "unknown": _unknown, "repeats": _repeats}
