"""Why: between asking and granting there are questions and other offers; both sides may speak from a shell. Called by `hutong demand`."""

from typing import Annotated

import typer

from exchange_api.demand import information, offers
from exchange_api.supply import supplies
from hutong.commands.acting import Acting, actor_of
from hutong.commands.demand.parts import DemandId, Why, tell_state
from schemas.database import transaction

app = typer.Typer()
Request = Annotated[
    str, typer.Argument(metavar="REQUEST", help="Number of the question, e.g. BC-2026-000001. 补充说明编号")
]
Answer = Annotated[int, typer.Argument(metavar="ANSWER", help="Number of the counter-offer, see show. 答复编号")]


@app.command()
def ask(
    demand_id: DemandId,
    task: Annotated[str, typer.Argument(metavar="TASK", help="Supply task, e.g. GJ-2026-000001. 供给任务编号")],
    question: Annotated[str, typer.Argument(help="What must be known. 问题")],
    acting: Acting = None,
) -> None:
    """Ask the demander something, as the task's provider; its clock stands still until the answer. 要求补充说明"""
    with transaction("exchange") as session:
        provider = supplies.get_task(session, task).department_id
        asked = information.ask(session, actor_of(session, acting, provider, "provider"), task, demand_id, question)
    typer.echo(f"{asked.id}  {demand_id}  {asked.state}")


@app.command()
def tell(
    request: Request, answer: Annotated[str, typer.Argument(help="The answer. 答复")], acting: Acting = None
) -> None:
    """Answer a question, as the demander; with the last one the provider's clock runs again. 补充说明"""
    with transaction("exchange") as session:
        _, demand = information.get(session, request)
        information.tell(session, actor_of(session, acting, demand.department_id, "demander"), request, answer)
    tell_state(demand)


@app.command()
def drop(request: Request, why: Why = None, acting: Acting = None) -> None:
    """Take a question back, as whoever asked it. 撤销补充说明要求"""
    with transaction("exchange") as session:
        asked, demand = information.get(session, request)
        information.drop(session, actor_of(session, acting, asked.department_id, "provider"), request, why)
    tell_state(demand)


@app.command()
def take(answer: Answer, why: Why = None, acting: Acting = None) -> None:
    """Take a counter-offer for one item. 接受替代方案"""
    with transaction("exchange") as session:
        demand = offers.demand_of(session, answer)
        offers.take(session, actor_of(session, acting, demand.department_id, "demander"), answer, why)
    tell_state(demand)


@app.command()
def decline(answer: Answer, why: Why = None, acting: Acting = None) -> None:
    """Decline a counter-offer for one item. 不接受替代方案"""
    with transaction("exchange") as session:
        demand = offers.demand_of(session, answer)
        offers.decline(session, actor_of(session, acting, demand.department_id, "demander"), answer, why)
    tell_state(demand)
