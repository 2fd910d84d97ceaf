"""Why: a department asks how good its data is and what to mend first. Scores a batch by the six indicators of GB/T 36344-2018, grades a resource, and shows
where it is going; everything is read from results that checks left behind, nothing is looked at again.

An indicator's score is the mean over its rules of the share of what holds (X = A / B in the standard); the score of a batch is the mean over the indicators
that were looked at, 0 to 100. A resource has its last checked batch's score, with timeliness and accessibility as they stand now.
Called by `libraries.verdicts` (`score_of`), `hutong quality` and pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, aliased

from libraries import batches
from libraries.judging import guards
from schemas import yaml_data
from schemas.errors import Invalid
from schemas.resource import Indicator, Quality
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import Batch, RuleResult

INDICATORS: tuple[str, ...] = get_args(Indicator)
TREND = 12
_STEADY = 0.5  # points of score
_LIVE = ("batch.freshness", "batch.reachable")


@dataclass(frozen=True)
class Grade:
    """One of the five grades and the score it begins at."""

    grade: str
    least: float
    zh: str
    en: str


@dataclass(frozen=True)
class Rated:
    """One rule's result in a resource's last checked batch; facts of a guard: the figures outside their range."""

    rule: str
    indicator: str
    scope: str
    evaluated: int
    failed: int
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Point:
    """One batch in the trend."""

    batch: str
    at: datetime
    state: str
    score: float
    rows: int
    quarantined: int


@dataclass(frozen=True)
class ResourceQuality:
    """One resource's quality as it stands: score and grade are None until a batch was checked; rules worst first, trend oldest first."""

    resource: str
    name: str
    department: str
    score: float | None
    grade: Grade | None
    indicators: Mapping[str, float]
    trend: Sequence[Point]
    direction: str
    rules: Sequence[Rated] = field(default=())
    path: str | None = None

    @property
    def worst(self) -> list[Rated]:
        """Return the rules that something fails, most first."""
        return [rule for rule in self.rules if rule.failed and rule.facts is None]

    @property
    def drifts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return (guard, figure) of everything outside what the batches before allowed."""
        found = [(rule.rule.removeprefix("batch."), rule.facts) for rule in self.rules if rule.facts]
        return [(guard, figure) for guard, facts in found for figure in (facts or {}).get("outside", ())]


@cache
def grades() -> tuple[Grade, ...]:
    """Return the grades, best first."""
    text = files("libraries.judging").joinpath("grades.yml").read_text("utf-8")
    return tuple(Grade(**entry) for entry in yaml_data.parse(text))


def grade_of(score: float) -> Grade:
    """Return the grade of a score, 0 to 100."""
    return next(grade for grade in grades() if score >= grade.least)


def indicators_of(results: Iterable[RuleResult | Rated]) -> dict[str, float]:
    """Return the score of each indicator that any rule speaks for, 0 to 100, in the standard's order."""
    shares: dict[str, list[float]] = {}
    for found in results:
        share = 1 - found.failed / found.evaluated if found.evaluated else 1.0
        shares.setdefault(found.indicator, []).append(share)
    return {name: round(100 * sum(shares[name]) / len(shares[name]), 4) for name in INDICATORS if name in shares}


def score_of(results: Iterable[RuleResult | Rated]) -> float:
    """Return the score of a batch, 0 to 100: the mean over its indicators; 100 when nothing was looked at."""
    found = indicators_of(results)
    return round(sum(found.values()) / len(found), 4) if found else 100.0


def of(session: Session, resource_id: str, now: datetime | None = None) -> ResourceQuality:
    """Return one published resource's quality. Raises Invalid `directory.not_published`."""
    found = every(session, now, resource_id)
    if not found:
        raise Invalid("directory.not_published", resource=resource_id)
    return found[0]


def every(session: Session, now: datetime | None = None, resource_id: str | None = None) -> list[ResourceQuality]:
    """Return every published resource that has a source (or the one named), worst score first, those never checked last. Three queries in all."""
    runs: dict[str, list[Any]] = {}
    for run in session.execute(_runs(resource_id)):
        runs.setdefault(run.resource_id, []).append(run)
    checked = {name: next((run.id for run in of if run.checked_at), None) for name, of in runs.items()}
    rules: dict[str, list[Rated]] = {}
    wanted = [batch for batch in checked.values() if batch]
    for row in session.scalars(select(RuleResult).where(RuleResult.batch_id.in_(wanted))):
        rated = Rated(row.rule, row.indicator, row.scope, row.evaluated, row.failed, row.facts)
        rules.setdefault(row.batch_id, []).append(rated)
    at = now or batches.now()
    found = [
        _rated(version, runs.get(version.resource_id, []), rules.get(checked.get(version.resource_id) or "", []), at)
        for version in session.execute(_published(resource_id))
    ]
    return sorted(found, key=lambda one: (one.score is None, one.score or 0.0, one.resource))


def _published(resource_id: str | None) -> Any:
    query = select(ResourceVersion.resource_id, ResourceVersion.document).where(ResourceVersion.state == "published")
    query = query.where(func.jsonb_typeof(ResourceVersion.document["source"]) == "object")
    return query if resource_id is None else query.where(ResourceVersion.resource_id == resource_id)


def _runs(resource_id: str | None) -> Any:
    """Return the query for the last TREND runs of each resource, newest first, replayed rows and past periods aside."""
    place = func.row_number().over(partition_by=Batch.resource_id, order_by=Batch.number.desc()).label("place")
    inner = select(Batch, place).where(Batch.run_id.not_like(f"{batches.REPLAY}%"), Batch.period.is_(None))
    if resource_id is not None:
        inner = inner.where(Batch.resource_id == resource_id)
    last = inner.subquery()
    run = aliased(Batch, last)
    return select(
        run.id, run.resource_id, run.state, run.landed_at, run.checked_at, run.score, run.rows_in, run.rows_quarantined,
        run.error_code, run.path,
    ).where(last.c.place <= TREND).order_by(run.resource_id, run.number.desc())  # fmt: skip


def _rated(version: Row[Any], runs: Sequence[Any], rules: Sequence[Rated], now: datetime) -> ResourceQuality:
    thresholds = Quality.model_validate(version.document.get("quality") or {})
    allowed = guards.allowed_days(version.document.get("update_cycle"), thresholds)
    standing = [rule for rule in rules if rule.rule not in _LIVE] + _standing(allowed, runs, now)
    scored = [run for run in runs if run.checked_at is not None and run.score is not None]
    score = score_of(standing) if rules else None
    trend = [
        Point(run.id, run.checked_at, run.state, run.score, run.rows_in or 0, run.rows_quarantined or 0)
        for run in reversed(scored)
    ]
    return ResourceQuality(
        resource=version.resource_id, name=version.document["name"], department=version.document["department"],
        score=score, grade=None if score is None else grade_of(score), indicators=indicators_of(standing) if rules else {},
        trend=trend, direction=_direction(trend), rules=sorted(standing, key=_badness), path=scored[0].path if scored else None,
    )  # fmt: skip


def _standing(allowed: float | None, runs: Sequence[Any], now: datetime) -> list[Rated]:
    """Return timeliness and accessibility as they stand: deliveries of the last runs and the one due now, readings that came to an end or failed."""
    landed = sorted(run.landed_at for run in runs if run.landed_at and run.state != "rejected")
    failed = sum(run.landed_at is None and run.error_code is not None for run in runs)
    tried = failed + sum(run.landed_at is not None for run in runs)
    found = [_reading(tried, failed)] if tried else []
    if allowed is not None and landed:
        days = [
            (later - earlier) / timedelta(days=1) for earlier, later in zip(landed, [*landed[1:], now], strict=True)
        ]
        late = [day for day in days if day > allowed]
        facts = {"outside": [{"value": round(day, 2), "high": allowed} for day in late]} if late else None
        found.append(Rated("batch.freshness", "timeliness", "batch", len(days), len(late), facts))
    return found


def _reading(tried: int, failed: int) -> Rated:
    facts = {"outside": [{"value": failed, "high": 0}]} if failed else None
    return Rated("batch.reachable", "accessibility", "batch", tried, failed, facts)


def _badness(rule: Rated) -> tuple[float, int, str]:
    return (-rule.failed / rule.evaluated if rule.evaluated else 0.0, -rule.failed, rule.rule)


def _direction(trend: Sequence[Point]) -> str:
    """Return whether the last score lies above, below or near the mean of those before: rising, falling, steady."""
    if len(trend) < 2:
        return "steady"
    before = sum(point.score for point in trend[:-1]) / (len(trend) - 1)
    moved = trend[-1].score - before
    directions: dict[str, Callable[[float], bool]] = {
        "rising": lambda x: x > _STEADY,
        "falling": lambda x: x < -_STEADY,
    }
    return next((name for name, holds in directions.items() if holds(moved)), "steady")
