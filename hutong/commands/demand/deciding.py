"""Why: the authority sends demands on or back, the demander accepts or objects, from a shell too. Called by `hutong demand`."""

from typing import Annotated

import typer

from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.demand import demands, reopening
from hutong.commands.acting import Acting, actor_of
from hutong.commands.demand.parts import DemandId, tell_state
from schemas.database import transaction

app = typer.Typer()


@app.command("return")
def return_(
    demand_id: DemandId,
    why: Annotated[str, typer.Option("--why", help="What is to be mended, in words. 退回理由")],
    acting: Acting = None,
) -> None:
    """Send a submitted demand back, with everything that is to be mended, told once. 退回补正"""
    with transaction("exchange") as session:
        demand = cases.get(session, demand_id)
        demands.return_to_demander(
            session, actor_of(session, acting, demand.department_id, "authority"), demand_id, why
        )
    tell_state(demand)


@app.command()
def dispatch(demand_id: DemandId, acting: Acting = None) -> None:
    """Send a submitted demand to those who have what it wants; never by whoever filed it. 分派"""
    with transaction("exchange") as session:
        authority = next(iter(sorted(authorities(session))), "")
        demands.dispatch(session, actor_of(session, acting, authority, "authority"), demand_id)
        demand = cases.get(session, demand_id)
    tell_state(demand)


@app.command()
def accept(demand_id: DemandId, acting: Acting = None) -> None:
    """Accept what was provided; the case is closed. 验收"""
    with transaction("exchange") as session:
        demand = cases.get(session, demand_id)
        demands.accept(session, actor_of(session, acting, demand.department_id, "demander"), demand_id)
    tell_state(demand)


@app.command()
def reopen(
    demand_id: DemandId,
    items: Annotated[
        list[int], typer.Option("--item", help="Number of a wanted item, see show; may be repeated. 信息项编号")
    ],
    why: Annotated[str, typer.Option("--why", help="What is not as agreed. 理由")],
    acting: Acting = None,
) -> None:
    """Object to what was provided for some items; their providers are asked again. 重新办理"""
    with transaction("exchange") as session:
        demand = cases.get(session, demand_id)
        actor = actor_of(session, acting, demand.department_id, "demander")
        reopening.object_to(session, actor, demand_id, items, why)
    tell_state(demand)
