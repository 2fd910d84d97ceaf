"""Why: what no rule of a row can see, the batches before can: a delivery that doubled, an item that came empty, a code that swallowed the others, a source
that came late or could not be read. Each guard holds figures of a batch against the range that the last batches kept.

Called by `libraries.verdicts`: `before` with its session, `hold` when the batch has been screened; Great Expectations judges (`checking.judge_guards`).
A figure is outside when it leaves the range by more than the declared share (schemas.resource.Quality) and by more than chance: four standard errors.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from libraries import batches
from libraries.batches import Task
from schemas.resource import Quality
from schemas.tables.landing import Batch, ItemProfile

LEAST_ROWS = 50  # fewer say nothing of a distribution
_ALIKE = 1.2  # shares of different values are comparable between samples of about one size
_CHANCE = 4.0  # standard errors
# update cycle (element 11) → days within which the next delivery is due; irregular ones are never late
CYCLE_DAYS = {1: 1, 2: 1, 3: 7, 8: 11, 4: 31, 5: 92, 6: 366}
INDICATORS = {  # GB/T 36344-2018: which of the six quality indicators a guard speaks for
    "volume_growth": "completeness", "null_share": "completeness", "code_share": "consistency", "distinct_share": "consistency",
    "mean_length": "consistency", "mean_number": "consistency", "freshness": "timeliness", "reachable": "accessibility",
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One figure of a batch and the range it may be in; `item` and `code` say whose it is."""

    guard: str
    value: float
    low: float
    high: float
    item: str | None = None
    code: str | None = None

    @property
    def beyond(self) -> float:
        """Return how far outside its range it is; zero or less is inside."""
        return max(self.low - self.value, self.value - self.high)

    def facts(self) -> dict[str, Any]:
        """Return the figure as it is kept, without what it has not: item, code, an open end of its range."""
        named = {"item": self.item, "code": self.code, "value": self.value, "low": self.low, "high": self.high}
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in named.items()
            if value is not None and not (isinstance(value, float) and math.isinf(value))
        }


@dataclass(frozen=True)
class Before:
    """What the batches before say: rows of the last, figures per item of the last few, days since the last, readings that failed since."""

    rows: int = 0
    profiles: Mapping[str, Sequence[ItemProfile]] = field(default_factory=dict)
    days: float | None = None
    failures: int = 0


def before(session: Session, task: Task) -> Before:
    """Return what a batch is to be held against; nothing for a replayed row or a past period, which are no ordinary delivery."""
    batch = task.batch
    if batches.is_partial(batch):
        return Before()
    last = batches.latest(session, batch.resource_id, before=batch)
    failures = _failures(session, batch, last)
    if last is None:
        return Before(failures=failures)
    merged = select(Batch.id).where(
        Batch.resource_id == batch.resource_id, Batch.state == "merged", Batch.number < batch.number,
        Batch.run_id.not_like(f"{batches.REPLAY}%"), Batch.period.is_(None),
    )  # fmt: skip
    recent = merged.order_by(Batch.number.desc()).limit(task.document.quality.compared_batches)
    profiles: dict[str, list[ItemProfile]] = {}
    for row in session.scalars(select(ItemProfile).where(ItemProfile.batch_id.in_(recent))):
        profiles.setdefault(row.item, []).append(row)
    return Before(last.rows_in or 0, profiles, _days(last.landed_at, batch.landed_at), failures)


def hold(task: Task, rows: int, now: Sequence[ItemProfile], known: Before) -> list[Figure]:
    """Return every figure of the batch that can be held against something, inside its range or not. rows: of the whole batch."""
    quality = task.document.quality
    found = [Figure("reachable", float(failed), -math.inf, 0.0) for failed in (*[1] * known.failures, 0)]
    allowed = allowed_days(task.document.update_cycle, quality)
    if known.days is not None and allowed is not None:
        found.append(Figure("freshness", known.days, -math.inf, allowed))
    if quality.volume_growth is not None and known.rows >= LEAST_ROWS and task.source.mode == "snapshot":
        found.append(Figure("volume_growth", rows, -math.inf, known.rows * (1 + quality.volume_growth)))
    for profile in now:
        past = [one for one in known.profiles.get(profile.item, ()) if one.rows >= LEAST_ROWS]
        if past and profile.rows >= LEAST_ROWS:
            found += _figures(quality, profile, past)
    return found


def allowed_days(update_cycle: int | None, quality: Quality) -> float | None:
    """Return how many days may pass between two deliveries, None where the update cycle sets no term."""
    cycle = CYCLE_DAYS.get(update_cycle or 0)
    return None if cycle is None else cycle + quality.late_days


def _figures(quality: Quality, now: ItemProfile, past: Sequence[ItemProfile]) -> Iterator[Figure]:
    if quality.null_share is not None:
        shares = [_share(one.nulls, one.rows) for one in past]
        low, high = _around(shares, quality.null_share, now.rows)
        yield Figure("null_share", _share(now.nulls, now.rows), low, high, now.item)
    if quality.code_share is not None and now.codes is not None:
        yield from _codes(quality.code_share, now, past)
    alike = [one for one in past if one.sampled and 1 / _ALIKE <= now.sampled / one.sampled <= _ALIKE]
    if quality.distinct_share is not None and alike and now.sampled >= LEAST_ROWS:
        shares = [_share(one.different, one.sampled) for one in alike]
        low, high = _around(shares, quality.distinct_share, now.sampled, is_part=True)
        yield Figure("distinct_share", _share(now.different, now.sampled), low, high, now.item)
    means = [(one.mean_length, one.length_spread) for one in past]
    yield from _mean(
        "mean_length", quality.mean_length, now.item, (now.mean_length, now.length_spread, now.sampled), means
    )
    means = [(one.mean_number, one.number_spread) for one in past]
    yield from _mean(
        "mean_number", quality.mean_number, now.item, (now.mean_number, now.number_spread, now.sampled), means
    )


def _codes(threshold: float, now: ItemProfile, past: Sequence[ItemProfile]) -> Iterator[Figure]:
    """Yield the code whose share lies farthest out: one figure an item."""
    earlier = [(one.codes, one.sampled) for one in past if one.codes and one.sampled >= LEAST_ROWS]
    if not earlier or now.sampled < LEAST_ROWS or now.codes is None:
        return
    found = []
    for code in {*now.codes, *(code for codes, _ in earlier for code in codes)}:
        shares = [_share(codes.get(code, 0), rows) for codes, rows in earlier]
        low, high = _around(shares, threshold, now.sampled)
        found.append(Figure("code_share", _share(now.codes.get(code, 0), now.sampled), low, high, now.item, code))
    if found:
        yield max(found, key=lambda figure: (figure.beyond, figure.code or ""))


def _mean(
    guard: str, threshold: float | None, item: str, now: tuple[float | None, float | None, int],
    past: Sequence[tuple[float | None, float | None]],
) -> Iterator[Figure]:  # fmt: skip
    mean, spread, count = now
    means = [(one, of or 0.0) for one, of in past if one is not None]
    if threshold is None or mean is None or count < LEAST_ROWS or not means:
        return
    low, high = min(one for one, _ in means), max(one for one, _ in means)
    widest = max(spread or 0.0, *(of for _, of in means))
    room = threshold * max(abs(low), abs(high), widest) + _CHANCE * widest / math.sqrt(count)
    yield Figure(guard, mean, low - room, high + room, item)


def _around(shares: Sequence[float], threshold: float, rows: int, *, is_part: bool = False) -> tuple[float, float]:
    """Return the range of shares, widened by the threshold (of the share itself with is_part) and by what chance may do among so many rows."""

    def room(share: float) -> float:
        expected = (share * rows + 1) / (rows + 2)  # no share is believed to be exactly none or all
        return threshold * (share if is_part else 1) + _CHANCE * math.sqrt(expected * (1 - expected) / rows)

    low, high = min(shares), max(shares)
    return max(0.0, low - room(low)), min(1.0, high + room(high))


def _failures(session: Session, batch: Batch, last: Batch | None) -> int:
    """Return how many runs between the last merged batch and this one ended without a row landed."""
    query = select(Batch.number).where(Batch.resource_id == batch.resource_id, Batch.number < batch.number)
    query = query.where(Batch.landed_at.is_(None), Batch.error_code.is_not(None))
    if last is not None:
        query = query.where(Batch.number > last.number)
    return len(session.scalars(query).all())


def _days(earlier: datetime | None, later: datetime | None) -> float | None:
    return None if earlier is None or later is None else (later - earlier) / timedelta(days=1)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
