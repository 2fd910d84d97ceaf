"""Why: a refusal may be disputed from a shell too. Called by `hutong dispute`; the desk is exchange_api.dispute."""

from typing import Annotated, Literal

import typer

from exchange_api.dispute import dispute_cases, disputes
from exchange_api.dispute.disputes import Ruling
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.disputes import Dispute
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Refusals that are disputed, and their decisions. 争议协调"
)
STATES = {
    "negotiating": "协商中 negotiating", "settled": "协商一致 settled", "adjudicating": "主管部门裁定中 adjudicating", "sent_back": "退回重新办理 sent back",
    "upheld": "维持拒绝 upheld", "escalated": "提请共同上级 escalated", "finally_upheld": "终局维持 finally upheld", "withdrawn": "已撤回 withdrawn",
}  # fmt: skip
DisputeId = Annotated[str, typer.Argument(metavar="DISPUTE", help="Number, e.g. ZY-2026-000001. 争议编号")]
Why = Annotated[str, typer.Option("--why", help="The reasons. 理由")]
Note = Annotated[str | None, typer.Option("--why", help="Words beside it. 说明")]


@app.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="A party of it. 当事部门")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too. 包括已办结的")] = False,
) -> None:
    """List disputes. 列出争议"""
    table = plain_table(
        "dispute 争议", "state 状态", "demand 需求", "demander 需求部门", "provider 数源部门", "appeal until 可上诉至"
    )
    with transaction("reader") as session:
        for one in dispute_cases.find(session, department_id=department, live=not everything):
            appeal = one.appeal_until.isoformat() if one.appeal_until else "-"
            table.add_row(one.id, STATES[one.state], one.demand_id, one.department_id, one.against_id, appeal)
    print_table(table)


@app.command()
def show(dispute_id: DisputeId) -> None:
    """Show one dispute: the refused items, the grounds, and every step. 查看争议及办理过程"""
    with transaction("reader") as session:
        found = session.get(Dispute, dispute_id)
        if found is None:
            raise Invalid("dispute.unknown", dispute=dispute_id)
        typer.echo(f"{found.id}  {STATES[found.state]}  {found.demand_id}  {found.department_id} ↔ {found.against_id}")
        for item in dispute_cases.items(session, dispute_id):
            wanted = session.get_one(DemandItem, item.demand_item_id)
            ground = session.get_one(SupplyAnswer, item.supply_answer_id).reason
            typer.echo(f"  {wanted.id}  {wanted.name}  {ground or '-'}")
        for step in dispute_cases.timeline(session, dispute_id):
            states = f"{step.from_state or '-'} → {step.to_state}" if step.to_state else "…"
            when = f"{step.at.astimezone(CHINA):%Y-%m-%d %H:%M}"
            typer.echo(f"  {when}  {step.action}  {states}  {step.actor} ({step.department_id})  {step.note or ''}")


@app.command("raise")
def raise_(
    demand_id: Annotated[str, typer.Argument(metavar="DEMAND", help="Number, e.g. XQ-2026-000001. 需求编号")],
    item: Annotated[
        list[int], typer.Option("--item", help="A refused wanted item (`hutong demand show`); repeat it. 信息项")
    ],
    why: Why,
    acting: Acting = None,
) -> None:
    """Dispute the refusal of wanted items. 提出争议"""
    with transaction("exchange") as session:
        demand = session.get(Demand, demand_id)
        actor = actor_of(session, acting, demand.department_id if demand else "", "demander")
        found = disputes.raise_dispute(session, actor, demand_id, item, why)
    typer.echo(f"{found.id}  {STATES[found.state]}  {found.against_id}")


@app.command("state")
def state_(dispute_id: DisputeId, why: Why, acting: Acting = None) -> None:
    """Put words on record. 陈述意见"""
    with transaction("exchange") as session:
        found, _ = dispute_cases.get(session, dispute_id)
        disputes.state_case(session, actor_of(session, acting, found.against_id, "provider"), dispute_id, why)
    typer.echo(f"{dispute_id}  {STATES[found.state]}")


@app.command()
def settle(dispute_id: DisputeId, why: Note = None, acting: Acting = None) -> None:
    """Agree, as the provider: the items are asked of it again. 协商一致，重新答复"""
    with transaction("exchange") as session:
        found, _ = dispute_cases.get(session, dispute_id)
        disputes.settle(session, actor_of(session, acting, found.against_id, "provider"), dispute_id, why)
    typer.echo(f"{dispute_id}  {STATES[found.state]}")


@app.command()
def refer(dispute_id: DisputeId, why: Note = None, acting: Acting = None) -> None:
    """Take a failed negotiation to the authority. 提请主管部门裁定"""
    with transaction("exchange") as session:
        found, _ = dispute_cases.get(session, dispute_id)
        disputes.refer(session, actor_of(session, acting, found.department_id, "demander"), dispute_id, why)
    typer.echo(f"{dispute_id}  {STATES[found.state]}")


@app.command()
def decide(
    dispute_id: DisputeId,
    verdict: Annotated[
        Literal["uphold", "send_back"], typer.Argument(help="Let the refusal stand, or not. 维持或退回重办")
    ],
    why: Why,
    officer: Annotated[str, typer.Option("--as", help="Who decides: an officer of the authority. 主管部门经办人")],
    document: Annotated[
        str | None, typer.Option(help="The common superior's document, by its number. 共同上级裁定文号")
    ] = None,
) -> None:
    """Decide as the authority, or record what the common superior decided. 裁定"""
    with transaction("exchange") as session:
        found, _ = dispute_cases.get(session, dispute_id)
        disputes.decide(session, actor_of(session, officer, ""), dispute_id, Ruling(verdict, why, document))
    typer.echo(f"{dispute_id}  {STATES[found.state]}")


@app.command()
def escalate(dispute_id: DisputeId, why: Why, acting: Acting = None) -> None:
    """Take an upheld refusal to the common superior. 提请共同上级"""
    with transaction("exchange") as session:
        found, _ = dispute_cases.get(session, dispute_id)
        disputes.escalate(session, actor_of(session, acting, found.department_id, "demander"), dispute_id, why)
    typer.echo(f"{dispute_id}  {STATES[found.state]}")


@app.command()
def withdraw(dispute_id: DisputeId, why: Note = None, acting: Acting = None) -> None:
    """Take a dispute back: the refusal stands. 撤回争议"""
    with transaction("exchange") as session:
        found, _ = dispute_cases.get(session, dispute_id)
        disputes.withdraw(session, actor_of(session, acting, found.department_id, "demander"), dispute_id, why)
    typer.echo(f"{dispute_id}  {STATES[found.state]}")
