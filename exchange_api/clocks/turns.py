"""Why: a demander owes steps too: an answer to a question, to a counter-offer, acceptance of what was provided. Which state of a demand makes it the
demander's turn, and by which rule, is this one table. Only `cases.move` calls it, so that no way into such a state goes without its clock.
"""

from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.clocks import clocks
from schemas.tables.exchange import Demand

TURNS = {"needs_information": "information_answer", "offered": "offer_answer", "provided": "acceptance"}
"""State of a demand → rule of the clock its demander is under while it lasts."""


def follow(session: Session, actor: Actor, demand: Demand) -> None:
    """End the turn that is over and begin the one that the demand's state makes."""
    due = TURNS.get(demand.state)
    for clock in clocks.held(session, demand.id, demand.id):
        if clock.rule_key in TURNS.values() and clock.rule_key != due:
            clocks.end(session, actor, clock, is_met=demand.state != "withdrawn")
    if due:
        clocks.start(session, actor, due, (demand.id, demand.id, demand.department_id))
