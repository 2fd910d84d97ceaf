"""Why: the authority reviews what the matching would learn before it learns it. Called by `hutong match proposals`; the desk is
exchange_api.matching.proposals.
"""

from typing import Annotated, Literal

import typer

from catalog.snapshot import write_snapshot
from exchange_api.matching import proposals
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Synonyms that confirmed answers propose. 同义词建议"
)
STATES = {"proposed": "待审 proposed", "accepted": "已采纳 accepted", "declined": "已否定 declined"}
ProposalId = Annotated[int, typer.Argument(metavar="PROPOSAL", help="Number of the proposal. 建议编号")]
Whose = Annotated[str, typer.Option("--department", help="Department the console acts for. 控制台所代表的部门")]


@app.command("list")
def list_(
    state: Annotated[
        Literal["proposed", "accepted", "declined", "all"], typer.Option(help="Which ones. 状态")
    ] = "proposed",
    collect: Annotated[bool, typer.Option("--collect", help="Collect what is new first. 先收集新建议")] = False,
) -> None:
    """List proposals, those seen most first. 列出建议"""
    if collect:
        typer.echo(f"{proposals.keep_proposals()} 条新建议 new")
    table = plain_table("proposal 建议", "state 状态", "element 数据元", "words 说法", "seen 次数", "demands 需求")
    with transaction("reader") as session:
        for one in proposals.find(session, None if state == "all" else state):
            more = "" if len(one.demands) <= 3 else f" … {len(one.demands)}"
            demands = "、".join(one.demands[:3]) + more
            table.add_row(str(one.id), STATES[one.state], one.element_id, one.text, str(one.seen), demands)
    print_table(table)


@app.command()
def accept(proposal: ProposalId, officer: Acting = None, department: Whose = "") -> None:
    """Make the words a synonym of the data element. 采纳为同义词"""
    with transaction() as session:
        done = proposals.accept(session, actor_of(session, officer, department, "authority"), proposal)
        write_snapshot(session)
    typer.echo(f"“{done.text}” → {done.element_id}")


@app.command()
def decline(
    proposal: ProposalId,
    officer: Acting = None,
    department: Whose = "",
    why: Annotated[str, typer.Option("--why", help="Why not. 理由")] = "",
) -> None:
    """Decide that the words do not mean it; it is not proposed again. 否定，不再建议"""
    with transaction("exchange") as session:
        done = proposals.decline(session, actor_of(session, officer, department, "authority"), proposal, why)
    typer.echo(f"“{done.text}” ≠ {done.element_id}")
