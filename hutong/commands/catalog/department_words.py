"""Why: departments, reforms and suggestions look the same in every command that shows them. Part of `hutong catalog departments`."""

import json
from datetime import date, datetime
from typing import Any

import typer
from sqlalchemy.orm import Session

from catalog import departments
from catalog.departments import DepartmentDocument
from catalog.naming import ranking
from catalog.reform import following, reforms
from catalog.snapshot import write_snapshot
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.tables.departments import Department, DepartmentChange, Suggestion

KINDS = {"rename": "更名", "merge": "合并", "split": "拆分", "found": "设立", "dissolve": "撤销"}


def day_of(on: datetime | None) -> date:
    """Return the given day, today when there is none."""
    return on.date() if on else today()


def pair(text: str) -> tuple[str, str]:
    """Return the two sides of `DEPARTMENT=…`. Raises typer's error for anything else."""
    left, separator, right = text.partition("=")
    if not (separator and left.strip() and right.strip()):
        raise typer.BadParameter(f"“{text}”: DEPARTMENT=… / 应为 部门=…")
    return left.strip(), right.strip()


def new_department(department_id: str, name: str, short_name: str | None) -> DepartmentDocument:
    """Return a department to be founded. Raises Invalid `directory.bad_document` for an id that is none."""
    try:
        return DepartmentDocument(id=department_id, name=name, short_name=short_name or name)
    except ValueError as error:
        raise Invalid("directory.bad_document", file=department_id, problem="id: [a-z][a-z0-9_]*") from error


def named(session: Session, wanted: str, on: date | None) -> list[Department]:
    """Return the department with this id, else those of this name, on a day where given. Raises Invalid `directory.unknown_department`."""
    if on is None and (found := session.get(Department, wanted)):
        return [found]
    rows = departments.bearing(session, wanted, on) if on else departments.find(session, wanted)
    if not rows:
        raise Invalid("directory.unknown_department", department=wanted)
    return rows


def row_of(one: Department) -> dict[str, Any]:
    """Return a department as one line."""
    return {
        "id": one.id, "name": one.name, "short_name": one.short_name, "state": one.state,
        "from": one.valid_from.isoformat() if one.valid_from else None,
        "to": one.valid_to.isoformat() if one.valid_to else None,
    }  # fmt: skip


def body_of(session: Session, one: Department) -> dict[str, Any]:
    """Return a department with its names, reforms and what it owns."""
    names = [
        {
            "name": name.name, "from": name.valid_from.isoformat() if name.valid_from else None,
            "to": name.valid_to.isoformat() if name.valid_to else None, "source": name.source,
        }
        for name in departments.names_of(session, one.id)
    ]  # fmt: skip
    return {
        **row_of(one), "uscc": one.uscc, "parent": one.parent_id, "former_names": one.former_names, "names": names,
        "reforms": [change_of(change) for change in reforms.find(session, one.id)],
        "owns": following.owned(session, one.id, is_public=True),
    }  # fmt: skip


def change_of(change: DepartmentChange) -> dict[str, Any]:
    """Return a reform as data."""
    return {
        "id": change.id, "kind": change.kind, "on": change.effective_on.isoformat(), "from": change.from_ids, "to": change.to_ids,
        "basis": change.basis, "by": change.recorded_by, "applied": change.applied_at is not None, "details": change.details,
    }  # fmt: skip


def told(change: dict[str, Any]) -> str:
    """Return a reform as one line."""
    name = f" “{change['details']['name']}”" if change["kind"] == "rename" else ""
    moved = ", ".join(f"{count} {kind}" for kind, count in (change["details"].get("moved") or {}).items())
    state = "" if change["applied"] else "  待生效 waits for its day"
    way = f"{', '.join(change['from']) or '-'} → {', '.join(change['to']) or '-'}{name}"
    return f"{change['on']} {KINDS[change['kind']]} {change['kind']}: {way}  {change['basis']}{state}{f'  ({moved})' if moved else ''}"


def tell(session: Session, change: DepartmentChange) -> None:
    """Print what was recorded; when it took effect, readers get a new snapshot."""
    if change.applied_at:
        write_snapshot(session)
    typer.echo(told(change_of(change)))
    if ranked := change.details.get("still_ranked"):
        typer.echo(f"⚠ 权威来源顺序仍列有已撤销的部门，请更新 schemas/libraries：{', '.join(ranked)}", err=True)
        typer.echo("  Authority lists still name a department that ended; renew them in schemas/libraries.", err=True)


def suggestion_of(row: Suggestion) -> dict[str, Any]:
    """Return a suggestion as data."""
    return {
        "id": row.id, "given": row.given, "state": row.state, "places": row.places, "candidates": row.candidates,
        "decision": row.decision, "by": row.decided_by,
    }  # fmt: skip


def likely(candidate: dict[str, Any]) -> str:
    """Return a candidate as one line with its reasons."""
    who = (
        f"{candidate['department_id']} {candidate['name']}"
        if candidate["department_id"]
        else f"--new --name {candidate['name']}"
    )
    why = "；".join(" ".join(ranking.REASONS.get(reason, (reason, ""))) for reason in candidate["reasons"])
    return f"{who}  {candidate['score']:.0%}  {why}"


def print_json(body: Any) -> None:
    """Print data as JSON."""
    typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
