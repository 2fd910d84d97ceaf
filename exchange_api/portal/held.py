"""Why: what a department holds already need not be asked for again; the form says so before a demand is filed. Called by `demand_form`."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from exchange_api.grant import grants
from exchange_api.matching import Found
from schemas import calendar


def already_held(session: Session, department_id: str, by_row: Mapping[int, list[Found]]) -> dict[int, str]:
    """Return, for each row whose best match is held, where: a grant's number, or the department's own resource."""
    granted = _granted(session, department_id)
    held: dict[int, str] = {}
    for row, ranked in by_row.items():
        if not ranked:
            continue
        best = ranked[0].candidate
        if best.department_id == department_id:
            held[row] = best.resource_name
        elif grant_id := granted.get((best.library, best.attribute)):
            held[row] = grant_id
    return held


def _granted(session: Session, department_id: str) -> dict[tuple[str | None, str | None], str]:
    today = calendar.today()
    live = [
        one
        for one in grants.find(session, department_id=department_id)
        if one.state == "active" and one.valid_until >= today
    ]
    return {(grant.library, item.attribute): grant.id for grant in live for item in grants.items(session, grant.id)}
