"""Why: every Monday the week before is counted and told; weeks in which nothing ran are made up. Called by the DAG `supervision` and by `hutong
supervision report`. One week is one transaction; again does nothing more.
"""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import notices
from catalog.review.review_steps import authorities
from exchange_api.actors import Actor, system
from exchange_api.supervision import snapshots, weeks
from exchange_api.supervision.weeks import Week
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.supervision import SupervisionScore, SupervisionWeek

MOST = 12
"""Weeks back that are made up, when nothing was counted for longer: what lies farther back cannot be counted as it was."""
_FIRST = text(
    "SELECT least((SELECT min(created_at) FROM exchange.demands), (SELECT min(created_at) FROM landing.batches))"
)


def keep_weeks(actor: Actor | None = None) -> list[str]:
    """Count every whole week that was not, oldest first, from the hub's first case on; return their names."""
    with transaction("exchange") as session:
        missing = find_missing(session)
    return [week.name for week in missing if keep_week(week, actor)]


def keep_week(week: Week, actor: Actor | None = None) -> bool:
    """Count one week and tell those concerned; False when it was counted before."""
    with transaction("exchange") as session:
        return count_and_tell(session, actor or system(""), week)


def count_and_tell(session: Session, actor: Actor, week: Week) -> bool:
    """Count one week and tell each department its score, the authority that the report is there. Raises Invalid `supervision.week_open`."""
    if not snapshots.count(session, actor, week):
        return False
    found = session.execute(
        select(
            SupervisionScore.department_id, SupervisionScore.score, SupervisionScore.weight, SupervisionScore.is_vetoed
        )
        .where(SupervisionScore.week == week.name)
        .order_by(SupervisionScore.department_id)
    )
    for row in found:
        if row.weight or row.is_vetoed:  # who had nothing to do with the week is not told of it
            facts = {
                "week": week.name,
                "own_week": week.name,
                "score": "n/a" if row.score is None else f"{row.score:.1f}",
            }
            notices.notify(session, row.department_id, "supervision.scored", facts)
    for department_id in sorted(authorities(session)):
        notices.notify(session, department_id, "supervision.reported", {"week": week.name, "report": week.name})
    return True


def find_missing(session: Session) -> list[Week]:
    """Return the whole weeks that were not counted, oldest first: at most MOST back, none before the hub's first case."""
    first = session.scalar(_FIRST)
    if first is None:
        return []
    last, begun = weeks.last_whole(), weeks.of(first.astimezone(CHINA).date())
    known = set(session.scalars(select(SupervisionWeek.week)))
    span = [last.before(back) for back in range(MOST - 1, -1, -1)]
    return [one for one in span if one.first_day >= begun.first_day and one.name not in known]
