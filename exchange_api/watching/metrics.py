"""Why: Prometheus reads figures as text; here they are put into its words. The worker that is asked adds the other workers' figures from their folder and what
stands in the database. Called by `routers.service`, after it was judged who asks.
"""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from exchange_api.watching.figures import BOUNDS_S, GROUPS, Figures, Spread
from exchange_api.watching.standing import Measured

MEDIA_TYPE = CONTENT_TYPE_LATEST
_GAUGES = {
    "workers": "Workers of this API that run.",
    "pool_connections": "Database connections open.",
    "pool_idle": "Of these, idle ones.",
    "keys_remembered": "Callers' keys remembered by workers.",
    "grants_remembered": "Grants remembered by workers.",
    "questions_under_way": "Questions being answered now.",
    "grants_held": "Grants held by detectors until their suspension is written.",
    "evidence_pending_entries": "Recorded entries not yet in the log (counted up to 100,000).",
    "evidence_lag_seconds": "For how long the oldest of these waits.",
    "grants_near_quota": "Grants that used four fifths of their day's quota.",
    "grants_quota_used_up": "Grants that used all of their day's quota.",
    "batches": "Batches under way by state.",
    "batches_oldest_seconds": "Age of the oldest batch of each state.",
    "notices_waiting": "Notices waiting to leave the house.",
    "notices_late_seconds": "For how long the oldest of these should have left.",
}


def exposition(figures: Figures, standing: Sequence[Measured]) -> bytes:
    """Return all figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(figures, standing))
    return generate_latest(registry)


class _Told:
    """What Prometheus' library asks for families."""

    def __init__(self, figures: Figures, standing: Sequence[Measured]) -> None:
        self._figures, self._standing = figures, standing

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        answers = CounterMetricFamily(
            "hutong_answers", "Answers by class of route, status class and code of refusal.", labels=("route", "status", "code")
        )  # fmt: skip
        for key, count in sorted(self._figures.answers.items()):
            answers.add_metric(key, count)
        yield answers
        seconds = HistogramMetricFamily(
            "hutong_answer_seconds", "Seconds from the head of a question to the end of its answer.", labels=("route",)
        )
        for route, spread in sorted(self._figures.seconds.items()):
            seconds.add_metric((route,), _buckets(BOUNDS_S, spread), spread.total)
        yield seconds
        groups = HistogramMetricFamily("hutong_group_commit_entries", "Evidence entries written by one commit.")
        groups.add_metric((), _buckets(GROUPS, self._figures.groups), self._figures.groups.total)
        yield groups
        yield from _gauges(
            [*(Measured(name, (), value) for name, value in sorted(self._figures.gauges.items())), *self._standing]
        )


def _gauges(found: Iterable[Measured]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for one in found:
        names = [name for name, _ in one.labels]
        family = families.get(one.name)
        if family is None:
            words = _GAUGES[one.name]
            family = families[one.name] = GaugeMetricFamily(f"hutong_{one.name}", words, labels=names)
        family.add_metric([value for _, value in one.labels], one.value)
    yield from families.values()


def _buckets(bounds: Sequence[float], spread: Spread) -> list[tuple[str, float]]:
    found, below = [], 0
    for bound, count in zip((*map(float, bounds), float("inf")), spread.counts, strict=True):
        below += count
        found.append(("+Inf" if bound == float("inf") else repr(bound), float(below)))
    return found
