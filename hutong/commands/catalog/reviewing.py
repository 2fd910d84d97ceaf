"""Why: a version's way from draft to published, from a shell. Part of `hutong catalog`; the work is the catalog storey's.

`--as OFFICER` acts with that officer's department and roles; without it the operator of the hub acts, and is recorded as `console`.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from catalog.review import acknowledgements, reviews
from catalog.review.review_steps import Reviewer
from catalog.snapshot import write_snapshot
from exchange_api.grant import grants
from exchange_api.supply import supplies
from hutong.commands.catalog.naming import Acting, ResourceName, resource_id, reviewer
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.directory import ResourceVersion

app = typer.Typer()
Note = Annotated[str | None, typer.Option(help="A remark for the history.")]
Why = Annotated[str, typer.Option("--why", help="The reason; kept in the history and told to those concerned.")]
_Do = Callable[[Session, Reviewer, str], ResourceVersion]


@app.command()
def submit(resource: ResourceName, acting: Acting = None, note: Note = None) -> None:
    """Give a draft to its department's office for review. 提交审核"""
    _take(resource, acting, lambda session, who, it: reviews.submit(session, who, it, note))


@app.command()
def approve(resource: ResourceName, acting: Acting = None, note: Note = None) -> None:
    """Approve a version: first the department's office, then the authority, which publishes or schedules it. 审核通过"""

    def step(session: Session, who: Reviewer, it: str) -> ResourceVersion:
        under_way = reviews.current(session, it)
        by_office = under_way.state == "office_review"
        return (reviews.approve_office if by_office else reviews.approve_authority)(session, who, it, note)

    _take(resource, acting, step)


@app.command("return")
def return_(resource: ResourceName, why: Why, acting: Acting = None) -> None:
    """Send a version under review back to be mended. 退回修改"""
    _take(resource, acting, lambda session, who, it: reviews.return_(session, who, it, why))


@app.command()
def publish(resource: ResourceName, acting: Acting = None, note: Note = None) -> None:
    """Publish a scheduled version before its day once all have acknowledged it; at the console also a draft, without review. 发布"""
    _take(resource, acting, lambda session, who, it: reviews.publish(session, who, it, note))


@app.command()
def withdraw(
    resource: ResourceName,
    why: Why,
    version: Annotated[int | None, typer.Option(help="Version; default the published one.")] = None,
    acting: Acting = None,
) -> None:
    """Withdraw a version: grants on a withdrawn resource are suspended at once. 撤销"""
    _take(resource, acting, lambda session, who, it: reviews.withdraw_version(session, who, it, why, version))


@app.command()
def acknowledge(
    resource: ResourceName,
    acting: Acting = None,
    case: Annotated[str | None, typer.Option(help="Only this case; default all of the department's.")] = None,
) -> None:
    """Say that a department knows what a scheduled version does to its grants, demands and pipelines. 知悉确认"""
    with transaction() as session:
        who = reviewer(session, acting)
        rows = acknowledgements.acknowledge(session, who, resource_id(session, resource), case_id=case)
        for row in rows:
            typer.echo(f"{row.version_id}  {row.kind} {row.case_id}  {row.department_id}  {row.acknowledged_by}")


@app.command("upkeep")
def upkeep_() -> None:
    """Do what is due in the directory now, as the hourly DAG does: windows, reforms, reminders. 处理到期事项"""
    from exchange_api import upkeep

    with transaction() as session:
        done = upkeep.keep_up(session)
    typer.echo(
        f"{len(done.effective)} in force, {len(done.suspended)} grants suspended, {len(done.reminded)} reminded, "
        f"{len(done.withdrawals)} told to withdraw. "
        f"生效 {len(done.effective)}，暂停授权 {len(done.suspended)}，催办 {len(done.reminded)}，催办撤回公示 {len(done.withdrawals)}。"
    )
    for line in (*done.effective, *done.suspended, *done.reminded, *done.withdrawals):
        typer.echo(f"  {line}")


def _take(resource: str, acting: str | None, step: _Do) -> None:
    """One step in one transaction, with what follows from it: grants come along, the snapshot is renewed."""
    with transaction() as session:
        version = step(session, reviewer(session, acting), resource_id(session, resource))
        suspended = grants.follow(session, [version.resource_id])
        supplies.follow(session, [version.resource_id])
        if version.state in ("published", "withdrawn"):
            write_snapshot(session)
    day = version.effective_at if version.state == "scheduled" else None
    typer.echo(f"{version.id} {version.state}" + (f", {day.astimezone(CHINA):%Y-%m-%d %H:%M}" if day else ""))
    for grant in suspended:
        typer.echo(f"  {grant} suspended: lost its base. 已暂停：失去数据来源。")
