"""Why: what is due, late or supervised must be visible, and moved by the book, from a shell too. Called by `hutong deadline`; the desks are in
exchange_api.clocks, the rules in catalog.periods.
"""

from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.clocks import clock_upkeep, clocks, extensions, lamps
from exchange_api.clocks.lamps import ClockLamp
from hutong.commands import deadline_rules
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA, today
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.clocks import CaseClock, ClockEvent, ClockExtension, ClockPause

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Deadlines, lamps, extensions. 期限与电子监察")
app.add_typer(deadline_rules.app, name="rules")
LAMPS = {
    "green": "绿 green", "yellow": "黄 yellow", "red": "红 red", "supervised": "督办 supervised", "paused": "暂停 paused", "met": "已办 met",
    "cancelled": "已取消 cancelled",
}  # fmt: skip
EXTENSIONS = {
    "asked": "待答复 asked",
    "granted": "已同意 granted",
    "declined": "未同意 declined",
    "lapsed": "已失效 lapsed",
}
Why = Annotated[str, typer.Option("--why", help="The reason. 理由")]


@app.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="Only what this department owes (id). 责任部门")] = None,
    lamp: Annotated[ClockLamp | None, typer.Option(help="Only this lamp. 只看某种灯")] = None,
) -> None:
    """List what is owed, the most urgent first. 列出在办期限"""
    table = plain_table(
        "clock 期限", "lamp 灯", "due 到期", "left 剩余工作日", "case 事项", "rule 规则", "department 责任部门"
    )
    with transaction("reader") as session:
        calendar = deadlines.calendar(session)
        for clock, shown in lamps.find(session, department):
            if lamp in (None, shown):
                due = clock.due_date.isoformat() + (" 暂定 provisional" if clock.is_provisional else "")
                left = str(lamps.days_left(calendar, clock, today()))
                table.add_row(str(clock.id), LAMPS[shown], due, left, clock.case, clock.rule_key, clock.department_id)
    print_table(table)


@app.command()
def show(
    case: Annotated[str, typer.Argument(help="Number of a demand, task or dispute. 事项编号")],
) -> None:
    """Show the clocks of a case with their pauses, extensions and every change. 查看事项的期限及其变动"""
    with transaction("reader") as session:
        found = lamps.of_case(session, case)
        if not found:
            raise Invalid("case.unknown", case=case)
        for clock, lamp in found:
            _tell(session, clock, lamp)


@app.command()
def extend(
    clock: Annotated[int, typer.Argument(help="Number of the clock. 期限编号")],
    days: Annotated[int, typer.Option(min=1, help="Days more, as the rule counts. 延长天数")],
    why: Why,
    acting: Acting = None,
) -> None:
    """Ask for an extension, as the department that owes the step and before it is due. 申请延期"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, clocks.get(session, clock).department_id, "provider")
        asked = extensions.ask(session, actor, clock, days, why)
    typer.echo(f"{asked.id}  {EXTENSIONS[asked.state]}  +{asked.days}")


@app.command("extensions")
def extensions_() -> None:
    """List extensions that wait for the authority's consent. 列出待答复的延期申请"""
    table = plain_table("extension 编号", "case 事项", "due 到期", "days 天数", "department 责任部门", "why 理由")
    with transaction("reader") as session:
        for one in extensions.find(session):
            clock = session.get_one(CaseClock, one.clock_id)
            due = clock.due_date.isoformat()
            table.add_row(str(one.id), clock.case, due, str(one.days), clock.department_id, one.why)
    print_table(table)


@app.command()
def consent(
    extension: Annotated[int, typer.Argument(help="Number of the extension. 延期申请编号")],
    decline: Annotated[bool, typer.Option("--decline", help="Do not consent. 不同意")] = False,
    why: Annotated[str | None, typer.Option("--why", help="The reason; needed to decline. 理由")] = None,
    acting: Acting = None,
) -> None:
    """Consent to an extension as the authority, or decline it; never one's own. 同意或不同意延期"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "", "authority")
        decided = extensions.decide(session, actor, extension, not decline, why)
        due = session.get_one(CaseClock, decided.clock_id).due_date
    typer.echo(f"{decided.id}  {EXTENSIONS[decided.state]}  期限 due {due}")


@app.command()
def upkeep() -> None:
    """Do what is due at clocks now, as the hourly DAG does: remind, supervise, count provisional dates anew. 处理期限到期事项"""
    done = clock_upkeep.keep_all()
    counts = {name: len(found) for name, found in vars(done).items()}
    typer.echo("  ".join(f"{name} {count}" for name, count in counts.items()))


def _tell(session: Session, clock: CaseClock, lamp: ClockLamp) -> None:
    provisional = " 暂定 provisional" if clock.is_provisional else ""
    typer.echo(
        f"{clock.id}  {LAMPS[lamp]}  {clock.case}  {clock.rule_key}  {clock.department_id}  期限 due {clock.due_date}{provisional}"
    )
    kind = "工作日 working days" if clock.day_type == "working" else "自然日 calendar days"
    more = f" +{clock.extension_days} 延期 extended +{clock.paused_days} 暂停 paused"
    typer.echo(f"  {clock.started_on} + {clock.days}{more} {kind}  {clock.basis} ({clock.jurisdiction})")
    for one in session.scalars(select(ClockPause).where(ClockPause.clock_id == clock.id).order_by(ClockPause.id)):
        typer.echo(f"  暂停 paused {one.paused_on} → {one.resumed_on or '…'}  {one.why or ''}")
    for asked in session.scalars(
        select(ClockExtension).where(ClockExtension.clock_id == clock.id).order_by(ClockExtension.id)
    ):
        typer.echo(
            f"  延期 extension {asked.id} +{asked.days} {EXTENSIONS[asked.state]}  {asked.why}  {asked.decision or ''}"
        )
    for event in session.scalars(select(ClockEvent).where(ClockEvent.clock_id == clock.id).order_by(ClockEvent.id)):
        when = f"{event.at.astimezone(CHINA):%Y-%m-%d %H:%M}"
        typer.echo(
            f"  {when}  {event.action}  {event.from_due or '-'} → {event.to_due or '-'}  {event.actor}  {event.note or ''}"
        )
