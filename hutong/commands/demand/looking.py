"""Why: whoever asks how a demand stands gets all of it on one screen: items with the newest word on each, clocks, open questions, files, what happened when.
Called by `hutong demand`.
"""

from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.demand import attachments, findings, information, ranking
from exchange_api.supply import supplies
from hutong.commands.demand.parts import STATES, DemandId, tell_findings
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand, SupplyAnswer

app = typer.Typer()
ENDED = ("closed", "withdrawn", "refused")
FORMS = {"full": "明文 full", "masked": "脱敏 masked", "yes_no": "是否 yes/no"}
ANSWERS = {
    "waiting": "待答复 waiting", "confirmed": "已确认 confirmed", "promised": "限期提供 promised", "offered": "替代方案 offered",
    "refused": "不予提供 refused", "declined": "未接受替代方案 declined", "cancelled": "已取消 cancelled",
}  # fmt: skip


@app.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="Of this department. 需求部门")] = None,
    state: Annotated[str | None, typer.Option(help=f"One of: {', '.join(STATES)}. 状态")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too. 包括已结束的")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first. 最多条数")] = 100,
) -> None:
    """List demands, the newest first. 列出需求"""
    query = select(Demand).order_by(Demand.id.desc()).limit(limit)
    if department:
        query = query.where(Demand.department_id == department)
    if state:
        query = query.where(Demand.state == state)
    elif not everything:
        query = query.where(Demand.state.not_in(ENDED))
    table = plain_table("demand 需求", "state 状态", "department 部门", "service item 事项", "purpose 目的")
    with transaction("reader") as session:
        for one in session.scalars(query):
            table.add_row(one.id, STATES[one.state], one.department_id, one.service_item_id, one.purpose)
    print_table(table)


@app.command()
def show(demand_id: DemandId) -> None:
    """Show one demand: items and answers, clocks, open questions, files, findings, timeline. 查看需求"""
    with transaction("reader") as session:
        demand = session.get(Demand, demand_id)
        if demand is None:
            raise Invalid("case.unknown", case=demand_id)
        _tell_form(demand)
        _tell_items(session, demand_id)
        _tell_clocks(session, demand_id)
        _tell_papers(session, demand_id)
        if demand.findings:
            typer.echo("审查意见 findings")
            tell_findings(findings.of(demand.findings))
        _tell_timeline(session, demand_id)


def _tell_form(demand: Demand) -> None:
    typer.echo(f"{demand.id}  {STATES[demand.state]}  {demand.department_id}  {demand.service_item_id}")
    typer.echo(f"应用 application {demand.application_id or '-'}  目的 purpose {demand.purpose or '-'}")
    typer.echo(
        f"依据 basis {demand.basis or '-'}\n场景 scenario {demand.scenario or '-'}  范围 scope {demand.scope or '-'}"
    )
    until, hours = demand.valid_until or "-", demand.hours or "-"
    typer.echo(f"方式 mode {demand.mode}  每日 a day {demand.volume_per_day}  时段 hours {hours}  期限 until {until}")


def _tell_items(session: Session, demand_id: str) -> None:
    newest = supplies.answers_of_demand(session, demand_id)
    table = plain_table(
        "item 项", "wanted 信息项", "form 形式", "answer 答复", "word 意见", "supplied from 来源", "task 任务"
    )
    for item in ranking.items(session, demand_id):
        answer = newest.get(item.id)
        said = [f"#{answer.id}", ANSWERS[answer.state], _source(answer), answer.task_id] if answer else ["-"] * 4
        form = FORMS[answer.form] if answer and answer.form != item.form else FORMS[item.form]
        table.add_row(str(item.id), item.name + (f"（{item.note}）" if item.note else ""), form, *said)
    print_table(table)


def _source(answer: SupplyAnswer) -> str:
    if answer.reason:
        return answer.reason
    if answer.promised_date:
        return f"{answer.promised_date}"
    return f"{answer.resource_version_id}.{answer.item_id}" if answer.resource_version_id else "-"


def _tell_clocks(session: Session, demand_id: str) -> None:
    query = select(CaseClock).where(CaseClock.demand_id == demand_id).order_by(CaseClock.id)
    for clock in session.scalars(query):
        guess = "（暂定 provisional）" if clock.is_provisional else ""
        typer.echo(
            f"期限 clock {clock.case}  {clock.department_id}  {clock.due_date}{guess}  {clock.state}  {clock.rule_key}"
        )


def _tell_papers(session: Session, demand_id: str) -> None:
    for asked in information.of(session, demand_id):
        typer.echo(
            f"补充说明 question {asked.id}  {asked.department_id} → {asked.question}  [{asked.state}] {asked.answer or ''}"
        )
    for file in attachments.of(session, demand_id):
        typer.echo(f"附件 file {file.id}  {file.name}  {file.size} B  sha256 {file.sha256}")


def _tell_timeline(session: Session, demand_id: str) -> None:
    typer.echo("经过 timeline")
    for step in cases.timeline(session, demand_id):
        facts = " ".join(f"{name}={value}" for name, value in step.facts.items() if name != "findings")
        way = f"{step.from_state or '-'} → {step.to_state}" if step.to_state else ""
        when = f"{step.at.astimezone(CHINA):%Y-%m-%d %H:%M}"
        typer.echo(f"  {when}  {step.action}  {way}  {step.actor}  {facts}  {step.note or ''}".rstrip())
