"""Why: grants are looked at, suspended, ended and certified from a shell too. Called by `hutong grant`; the desks are the rooms of exchange_api.grant. Wishes
for more quota are in `quota`.
"""

from datetime import timedelta
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.grant import certifying, flags, grant_upkeep, grants, health, life, quota_requests, use
from hutong.commands import quota
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from hutong.commands.words_of_grants import FORMS, MODES, PARTS, STATES, rule_words, when
from schemas.calendar import today
from schemas.database import transaction
from schemas.library import library
from schemas.tables.exchange import Grant

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Grants: what may be asked, by whom, how long. 授权")
app.add_typer(quota.app, name="quota")
GrantId = Annotated[str, typer.Argument(metavar="GRANT", help="Number, e.g. SQ-2026-000001. 授权编号")]
Why = Annotated[str | None, typer.Option("--why", help="The reason; it is told to all sides. 理由")]
Until = Annotated[str, typer.Option("--until", help="Last day, e.g. 2027-12-31. 截止日期")]


@app.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="Whose applications use them. 使用部门")] = None,
    provider: Annotated[str | None, typer.Option(help="On whose resources they stand. 数源部门")] = None,
    demand: Annotated[str | None, typer.Option(help="Number of the demand. 需求编号")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too. 包括已结束的")] = False,
) -> None:
    """List grants. 列出授权"""
    table = plain_table("grant 授权", "state 状态", "library 库", "application 应用", "items 信息项", "until 有效期至")
    with transaction("reader") as session:
        for one in grants.find(session, department_id=department, demand_id=demand, provider_id=provider):
            if everything or one.state in life.LIVING:
                held = ", ".join(item.attribute for item in grants.items(session, one.id))
                table.add_row(one.id, _state(one), one.library, one.application_id, held, one.valid_until.isoformat())
    print_table(table)


@app.command()
def show(grant_id: GrantId) -> None:
    """Show one grant: items, rows, terms, suspensions, seven days of use, and every step. 查看授权全貌"""
    with transaction("reader") as session:
        one = _known(session, grant_id)
        typer.echo(f"{one.id}  {_state(one)}  {one.library}  {one.application_id}  {one.demand_id}")
        _show_items(session, one)
        _show_terms(one)
        for flag in flags.of(session, one.id):
            typer.echo(f"  ⏸ {flag.side}  {flag.code}  {when(flag.since)}  {flag.by}  {flag.why or ''}")
        _show_use(session, one)
        if checked := health.last(session, one.id):
            typer.echo(f"体检 health {when(checked.at)}  {'✓' if checked.is_good else '✗'}")
        for step in life.timeline(session, one.id):
            states = f"{step.from_state} → {step.to_state}" if step.to_state else ""
            typer.echo(
                f"  {when(step.at)}  {step.action}  {states}  {step.code or ''}  {step.actor}  {step.note or ''}"
            )


@app.command()
def suspend(grant_id: GrantId, why: Why = None, acting: Acting = None) -> None:
    """Suspend a grant as the side the officer stands on; the operator as the platform. 暂停授权"""
    with transaction("exchange") as session:
        grants.suspend(session, _actor(session, acting, grant_id), grant_id, why)
        typer.echo(f"{grant_id}  {_state(grants.get(session, grant_id))}")


@app.command()
def resume(grant_id: GrantId, why: Why = None, acting: Acting = None) -> None:
    """Lift the suspension of the officer's own side; others' stay. 解除本方暂停"""
    with transaction("exchange") as session:
        grants.resume(session, _actor(session, acting, grant_id), grant_id, why)
        typer.echo(f"{grant_id}  {_state(grants.get(session, grant_id))}")


@app.command()
def revoke(
    grant_id: GrantId, why: Annotated[str, typer.Option("--why", help="The reason. 理由")], acting: Acting = None
) -> None:
    """End a grant for good, as the authority. 撤销授权"""
    with transaction("exchange") as session:
        grants.revoke(session, _actor(session, acting, grant_id), grant_id, why)
    typer.echo(f"{grant_id}  {STATES['revoked']}")


@app.command()
def close(grant_id: GrantId, why: Why = None, acting: Acting = None) -> None:
    """Give a grant up, as the department that uses it. 关闭授权"""
    with transaction("exchange") as session:
        grants.close(session, _actor(session, acting, grant_id), grant_id, why)
    typer.echo(f"{grant_id}  {STATES['closed']}")


@app.command()
def recertify(grant_id: GrantId, why: Why = None, acting: Acting = None) -> None:
    """Say as provider or authority that a grant is still right. 复核授权"""
    with transaction("exchange") as session:
        found = certifying.recertify(session, _actor(session, acting, grant_id), grant_id, why)
        typer.echo(f"{grant_id}  复核有效期 certified until {found.certified_until}")


@app.command()
def renew(
    grant_id: GrantId,
    until: Until,
    why: Annotated[str, typer.Option("--why", help="The reason. 理由")],
    officer: quota.Officer,
) -> None:
    """Ask as the using department that a grant goes on. 申请续期"""
    with transaction("exchange") as session:
        certifying.ask_renewal(session, _actor(session, officer, grant_id), grant_id, quota.day_of(until), why)
    typer.echo(f"{grant_id}  已申请 asked")


@app.command()
def prolong(grant_id: GrantId, until: Until, why: Why = None, acting: Acting = None) -> None:
    """Let a grant go on until a later day, as provider or authority. 延长授权"""
    with transaction("exchange") as session:
        certifying.prolong(session, _actor(session, acting, grant_id), grant_id, quota.day_of(until), why)
    typer.echo(f"{grant_id}  → {until}")


@app.command("health")
def check(grant_id: GrantId, acting: Acting = None) -> None:
    """Really ask through a grant and show what came of each step; exit 1 when one is not well. 授权体检"""
    with transaction("exchange") as session:
        kept = health.check(session, _actor(session, acting, grant_id), grant_id)
        lines, is_good = kept.steps, kept.is_good
    for step in lines:
        typer.echo(f"{'✓' if step['is_good'] else '✗'} {PARTS[step['name']]}  {step['found']}")
    raise typer.Exit(0 if is_good else 1)


@app.command("use")
def show_use(
    grant_id: GrantId, days: Annotated[int, typer.Option(min=1, max=366, help="How many days back. 天数")] = 7
) -> None:
    """Show what was done through a grant beside what was declared; nobody is named. 实际使用与申报对照"""
    names = (
        "day 日期",
        "subjects 对象",
        "declared 申报",
        "answers 次数",
        "outside hours 时段外",
        "one subject 同一对象",
        "refused 拒绝",
    )
    table = plain_table(*names)
    with transaction("exchange") as session:
        one = _known(session, grant_id)
        for back in range(days):
            done = use.find(session, [one], today() - timedelta(days=back))[one.id]
            figures: tuple[Any, ...] = (
                done.subjects,
                done.declared,
                done.answers,
                f"{done.outside_hours:.0%}",
                done.one_subject,
                done.refusals,
            )
            table.add_row(done.day.isoformat(), *map(str, figures))
    print_table(table)


@app.command()
def upkeep() -> None:
    """Do what is due for all grants now, as the hourly DAG does. 处理授权到期事项"""
    done = grant_upkeep.keep_all()
    typer.echo(
        f"{len(done.expired)} expired, {len(done.warned)} warned, {len(done.suspended)} suspended, {len(done.resumed)} resumed, "
        f"{len(done.findings)} findings. 到期 {len(done.expired)}，提醒 {len(done.warned)}，暂停 {len(done.suspended)}，"
        f"恢复 {len(done.resumed)}，使用异常 {len(done.findings)}。"
    )
    for line in (*done.expired, *done.warned, *done.suspended, *done.resumed, *done.findings):
        typer.echo(f"  {line}")


def _known(session: Session, grant_id: str) -> Grant:
    return session.get(Grant, grant_id) or grants.get(session, grant_id)


def _actor(session: Session, officer: str | None, grant_id: str) -> Actor:
    """Return the officer; the operator at the console is the platform, of no department of the grant's."""
    grants.get(session, grant_id)
    return actor_of(session, officer, "console", "authority")


def _state(one: Grant) -> str:
    sides = [side for side in ("consumer", "provider", "platform") if getattr(one, f"suspended_by_{side}")]
    return STATES[one.state] + (f" · 暂停 suspended by {', '.join(sides)}" if sides else "")


def _show_items(session: Session, one: Grant) -> None:
    for item in grants.items(session, one.id):
        name = library(one.library).attribute(item.attribute).name
        typer.echo(f"  {item.attribute}  {name}  {FORMS[item.form]}  {item.resource_version_id}")


def _show_terms(one: Grant) -> None:
    for rule in one.rows:
        typer.echo(f"  数据范围 rows  {rule_words(rule)}")
    case = "是 yes" if one.is_case_required else "否 no"
    typer.echo(f"用途 purpose {one.service_item_id}  {one.purpose}  办件编号 case {case}")
    typer.echo(f"方式 modes {', '.join(MODES[mode] for mode in one.modes)}  时段 hours {one.hours or '00-24'}")
    burst = one.burst_per_minute or "-"
    typer.echo(f"额度 quota {one.quota_per_day} / day  {burst} / minute  {one.subjects_per_call} / call")
    typer.echo(f"有效期 valid {one.valid_from} – {one.valid_until}  复核 certified until {one.certified_until or '-'}")


def _show_use(session: Session, one: Grant) -> None:
    used = use.days_of(session, one.id, today() - timedelta(days=6))
    typer.echo("近七日使用 use of seven days" + ("" if used else "  0"))
    for day in used:
        allowed = quota_requests.quota_on(session, one, day.day)
        typer.echo(f"  {day.day}  {day.subjects} / {allowed}  ({day.calls})")
