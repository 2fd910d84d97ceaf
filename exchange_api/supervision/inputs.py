"""Why: every figure is counted from cases that can be listed. Here the cases of a week are read, by indicator and department, each with what it adds to
numerator and denominator. Called by `scores` and `recomputing`.

All but two indicators are one statement each; when an update of the directory was due follows from the working-day calendar, and what can be obtained
from rules: those are read in Python.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import DateTime, Uuid

from catalog import deadlines
from catalog.service.obtainable import obtainable
from exchange_api.supervision import desk_inputs, directory_inputs
from exchange_api.supervision.weeks import Week

_UPDATES = """
SELECT r.department_id, v.id, (v.created_at AT TIME ZONE 'Asia/Shanghai')::date AS begun,
    (SELECT min((e.at AT TIME ZONE 'Asia/Shanghai')::date) FROM directory.resource_events e
        WHERE e.version_id = v.id AND e.action IN ('submit', 'publish')) AS done
FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id
WHERE v.version > 1 AND v.created_at < :beyond AND v.state <> 'withdrawn'
"""
_SERVICES = """
SELECT s.id, s.department_id, s.materials FROM directory.service_items s
WHERE s.state = '1' AND s.materials @> '[{"source": "20"}]' ORDER BY s.id
"""
_NAMED = re.compile(r"(?<!:):(\w+)")
_LINKED = ("linked", "tested", "in_use")


@dataclass(frozen=True)
class Case:
    """One case of a figure. n: what it adds to the numerator, d: to the denominator. facts: plain ids, days and states."""

    kind: str
    id: str
    n: float
    d: float
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as a figure keeps it."""
        return {"kind": self.kind, "id": self.id, "n": self.n, "d": self.d, "facts": self.facts}


def case_of(kept: dict[str, Any]) -> Case:
    """Return a case as a figure kept it."""
    return Case(**kept)


Inputs = dict[str, dict[str, list[Case]]]
"""Department → indicator → cases, in order of kind and id."""


def read(session: Session, week: Week) -> Inputs:
    """Return the cases of a week: those of departments and indicators that have any."""
    found: Inputs = defaultdict(lambda: defaultdict(list))
    for key, statement in (desk_inputs.QUERIES | directory_inputs.QUERIES).items():
        for row in _rows(session, statement, week):
            found[row.department_id][key].append(Case(row.kind, row.id, row.n, row.d, row.facts))
    for department_id, case in _updates(session, week):
        found[department_id]["cat_timely"].append(case)
    for department_id, case in _materials(session):
        found[department_id]["reuse"].append(case)
    return {
        department_id: {key: sorted(cases, key=lambda one: (one.kind, one.id)) for key, cases in figures.items()}
        for department_id, figures in found.items()
    }


def _rows(session: Session, statement: str, week: Week) -> Any:
    named = set(_NAMED.findall(statement))
    used = {name: value for name, value in week.bounds().items() if name in named}
    typed = text(statement).bindparams(
        *(
            bindparam(name, type_=DateTime(timezone=True) if name in ("begin", "beyond") else Uuid())
            for name in used
            if name not in ("first", "last")
        )
    )
    return session.execute(typed, used)


def _updates(session: Session, week: Week) -> list[tuple[str, Case]]:
    """An update of the directory is begun by its draft and done when it is given to review."""
    rows = _rows(session, _UPDATES, week).all()
    known = deadlines.since(session, "catalogue_update")
    rows = [row for row in rows if known and row.begun >= known]
    due = deadlines.due_dates(session, "catalogue_update", {row.begun for row in rows})
    found = []
    for row in rows:
        until, done = due[row.begun].date, row.done if row.done and row.done <= week.last_day else None
        if (done and done >= week.first_day) or (done is None and until <= week.last_day):
            facts = {"due": until.isoformat(), "done": done.isoformat() if done else None}
            found.append(
                (row.department_id, Case("version", row.id, int(done is not None and done <= until), 1, facts))
            )
    return found


def _materials(session: Session) -> list[tuple[str, Case]]:
    """Return per service item how many of its materials issued by government can be obtained by sharing."""
    found = []
    for row in session.execute(text(_SERVICES)):
        wanted = [one for one in row.materials if one.get("source") == "20"]
        linked = any(one.get("status") in _LINKED for one in wanted)
        answers = obtainable(session, row.id) if linked else []
        held = [one.material for one in answers if one.is_obtainable and one.material.source == "20"]
        asked = [one.name for one in held if one.status != "in_use"]
        facts = {"asked": asked} if asked else {}
        found.append((row.department_id, Case("service", row.id, len(held), len(wanted), facts)))
    return found
