"""Why: what a version changes, whom it touches, what waits for whom and what happened, from a shell. Part of `hutong catalog`; it only looks."""

import json
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from sqlalchemy.orm import Session

from catalog import directory
from catalog.review import acknowledgements, reviews
from catalog.review.affected import Case, affected
from catalog.review.changes import Diff
from catalog.review.changes import diff as compare
from hutong.commands.catalog.naming import ResourceName, resource_id
from hutong.commands.tables import plain_table, show
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.directory import ResourceVersion

app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_KINDS = {"grant": "授权 grant", "demand": "需求 demand", "pipeline": "归集 pipeline"}


@app.command("diff")
def diff_(
    resource: ResourceName,
    old: Annotated[int, typer.Argument(help="Former version, e.g. 1")],
    new: Annotated[int, typer.Argument(help="Later version, e.g. 2")],
    as_json: AsJson = False,
) -> None:
    """Compare two versions: each change breaking or not, and whom the breaking ones touch. 比较两个版本"""
    with transaction("reader") as session:
        it = resource_id(session, resource)
        former, later = directory.draft(session, it, old), directory.draft(session, it, new)
        found = compare(former, later)
        cases = affected(session, it, found, former)
    if as_json:
        typer.echo(json.dumps(_document(f"{it}@{old}", f"{it}@{new}", found, cases), ensure_ascii=False, indent=2))
        return
    typer.echo(f"{it}: {old} → {new}  {found.kind}, {len(found.breaking)}/{len(found.changes)} breaking")
    for change in found.changes:
        typer.echo(f"  {'!' if change.is_breaking else ' '} {change.path}: {change.why('zh')} / {change.why('en')}")
    for case in cases:
        typer.echo(f"  → {_KINDS[case.kind]} {case.case_id} ({case.department_id}): {', '.join(case.items)}")


@app.command()
def pending(
    department: Annotated[str | None, typer.Option(help="Only this department's.")] = None, as_json: AsJson = False
) -> None:
    """List versions under review or scheduled, and acknowledgements that are waited for. 待办审核与知悉"""
    with transaction("reader") as session:
        rows = [_pending(session, version) for version in reviews.pending(session, department)]
        asked = acknowledgements.waiting(session, department_id=department)
    if as_json:
        waiting = [{"version": row.version_id, "kind": row.kind, "case": row.case_id, "department": row.department_id}
                   for row in asked]  # fmt: skip
        typer.echo(json.dumps({"versions": rows, "acknowledgements": waiting}, ensure_ascii=False, indent=2))
        return
    table = plain_table("版本", "状态", "变更", "期限", "待知悉", "部门")
    for row in rows:
        table.add_row(
            *(str(row[name] or "-") for name in ("version", "state", "change", "due", "waiting", "department"))
        )
    show(table)
    for one in asked:
        typer.echo(f"{one.version_id}  {_KINDS[one.kind]} {one.case_id}  ← {one.department_id}")


@app.command()
def history(resource: ResourceName, as_json: AsJson = False) -> None:
    """Show every step of a resource's versions: who, when, why. 查看审核经过"""
    with transaction("reader") as session:
        it = resource_id(session, resource)
        directory.newest(session, it)
        events = reviews.history(session, it)
    rows = [
        {
            "version": event.version_id, "at": event.at.astimezone(CHINA).isoformat(" ", "seconds"), "actor": event.actor,
            "department": event.department_id, "action": event.action, "from": event.from_state, "to": event.to_state,
            "note": event.note, "facts": event.facts,
        }
        for event in events
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        number = str(row["version"]).rpartition("@")[2]
        states = f"{row['from'] or '-'} → {row['to']}"
        typer.echo(f"@{number}  {row['at']}  {row['actor']}  {row['action']}  {states}  {row['note'] or ''}".rstrip())


def _pending(session: Session, version: ResourceVersion) -> dict[str, Any]:
    due = version.effective_at.astimezone(CHINA).date() if version.effective_at else version.due_date
    return {
        "version": version.id, "name": version.document["name"], "department": version.department_id,
        "state": version.state, "change": version.change, "due": due.isoformat() if due else None,
        "waiting": len(acknowledgements.waiting(session, version_id=version.id)) or None,
    }  # fmt: skip


def _document(old: str, new: str, found: Diff, cases: list[Case]) -> dict[str, Any]:
    changes = [
        {
            "path": change.path, "kind": change.kind, "code": change.code, "is_breaking": change.is_breaking,
            "before": to_jsonable_python(change.before), "after": to_jsonable_python(change.after),
            "why": {"zh": change.why("zh"), "en": change.why("en")},
        }
        for change in found.changes
    ]  # fmt: skip
    touched = [
        {"kind": case.kind, "id": case.case_id, "department": case.department_id, "items": list(case.items),
         "why": {"zh": case.why("zh"), "en": case.why("en")}}
        for case in cases
    ]  # fmt: skip
    return {"old": old, "new": new, "kind": found.kind, "changes": changes, "affected": touched}
