"""Why: the periods of the law are rows, and a place adds its own. Part of `hutong deadline`; the work is in catalog.periods."""

from datetime import datetime
from typing import Annotated

import typer

from catalog import deadlines, periods
from catalog.periods import Period
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA, today
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.deadlines import DeadlineRule

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Periods of the law and of the place. 期限规则")
Key = Annotated[str, typer.Argument(help="Rule, e.g. reply_conditional. 规则")]
Jurisdiction = Annotated[str, typer.Option(help="national, or a division code as 330106. 适用地区")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Former and future ones too. 包括已失效和未生效的")] = False,
) -> None:
    """List the rules in force, with their basis and whether it was confirmed. 列出期限规则"""
    here = deadlines.DeadlineSettings().jurisdiction
    table = plain_table(
        "rule 规则", "place 地区", "days 期限", "+", "from 施行", "to 止", "confirmed 已核实", "basis 依据"
    )
    with transaction() as session:
        deadlines.seed_rules(session)
        for rule in periods.find(session, in_force_on=None if everything else today()):
            days = f"{rule.days} {'工作日 wd' if rule.day_type == 'working' else '自然日 d'}"
            span = (rule.effective_from.isoformat(), rule.effective_to.isoformat() if rule.effective_to else "")
            table.add_row(
                rule.key, rule.jurisdiction, days, str(rule.extension_days or ""), *span, _confirmed(rule), rule.basis
            )
    typer.echo(f"本平台所在地 this hub's place: {' > '.join(deadlines.places(here))}")
    print_table(table)


@app.command()
def show(key: Key) -> None:
    """Show every rule of a kind, former ones too, and who added and confirmed it. 查看某项期限规则的沿革"""
    with transaction("reader") as session:
        found = periods.find(session, key)
        if not found:
            raise Invalid("deadline.unknown_rule", rule=key, jurisdiction="-", known=", ".join(periods.known(session)))
        for rule in found:
            kind = "工作日 working days" if rule.day_type == "working" else "自然日 calendar days"
            typer.echo(
                f"{rule.key}  {rule.jurisdiction}  {rule.effective_from} → {rule.effective_to or '…'}  {rule.days} {kind}"
            )
            if rule.extension_days:
                typer.echo(f"  可延期 extension up to {rule.extension_days}, {rule.extension_approver}")
            typer.echo(f"  {rule.basis}\n  {_confirmed(rule)}  登记 added by {rule.added_by or 'hutong'}")


@app.command()
def add(  # noqa: PLR0913 - each is an option of the command
    key: Key,
    days: Annotated[int, typer.Option(min=1, max=periods.LONGEST, help="Days. 天数")],
    effective_from: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day in force. 施行日")
    ],
    basis: Annotated[str, typer.Option(help="Legal basis, with article. 依据条文")],
    jurisdiction: Jurisdiction = deadlines.NATIONAL,
    day_type: Annotated[str, typer.Option(help="working | calendar. 工作日或自然日")] = "working",
    extension_days: Annotated[int, typer.Option(min=0, max=periods.LONGEST, help="Most days more. 最多延期")] = 0,
    acting: Acting = None,
) -> None:
    """Add a rule, or replace one from a day on: the former ends the day before, clocks that run keep theirs. 新增或替换期限规则"""
    with transaction() as session:
        actor = actor_of(session, acting, "", "authority")
        actor.require("authority")
        period = Period(days, basis, day_type, extension_days)
        made = periods.add(session, actor.id, (key, jurisdiction), effective_from.date(), period)
    typer.echo(f"{made.key}  {made.jurisdiction}  {made.effective_from}  {made.days}")


@app.command()
def confirm(key: Key, jurisdiction: Jurisdiction = deadlines.NATIONAL, acting: Acting = None) -> None:
    """Say that a rule's basis was compared with the official text. 确认规则依据已核实"""
    with transaction() as session:
        actor = actor_of(session, acting, "", "authority")
        actor.require("authority")
        found = periods.confirm(session, actor.id, key, jurisdiction)
    typer.echo(f"{found.key}  {found.jurisdiction}  {_confirmed(found)}")


def _confirmed(rule: DeadlineRule) -> str:
    if not rule.is_confirmed:
        return "未核实 not confirmed"
    when = f" {rule.confirmed_at.astimezone(CHINA):%Y-%m-%d}" if rule.confirmed_at else ""
    return f"已核实 confirmed {rule.confirmed_by or ''}{when}".strip()
