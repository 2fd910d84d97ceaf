"""Why: every confirmed answer teaches that words and a data element mean the same, but a hub that learns silently drifts. What was confirmed under another
name becomes a proposal; the authority accepts it, and it is a synonym of the element, or declines it, which is remembered.

Texts with numbers are never kept, and none that a single demand alone used: a name or an id that slipped into a wanted item stays where it is.
Called by `hutong match proposals` and, to collect, by the hourly DAG `desks`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import elements, notices
from catalog.elements import ElementDocument
from catalog.review.review_steps import authorities
from exchange_api.actors import Actor
from exchange_api.matching.words import canonical, parts
from exchange_api.states import PROPOSAL
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.synonym_proposals import SynonymProposal

LEAST_SEEN = 2  # demands that must have used the words
LONGEST = 20  # characters; a sentence is no synonym
_PLAIN = re.compile(r"[^\W\d_]+(?:[/、（）()·\-\s][^\W\d_]+)*[）)]?")  # letters and Han characters, no digits
_SEEN = text("""
    SELECT item ->> 'element' AS element, i.name, i.demand_id AS demand,
           bool_or(a.state = 'confirmed') AS is_meant
    FROM exchange.supply_answers a
    JOIN exchange.demand_items i ON i.id = a.demand_item_id
    JOIN directory.resource_versions v ON v.id = a.resource_version_id
    CROSS JOIN LATERAL jsonb_array_elements(v.document -> 'items') AS item
    WHERE item ->> 'id' = a.item_id AND item ->> 'element' IS NOT NULL
      AND (a.state = 'confirmed' OR a.state = 'refused' AND a.ground ->> 'kind' = 'not_meant')
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")


@dataclass
class _Heard:
    """The demands in which one text meant one element, and in how many it did not."""

    meant: list[str]
    not_meant: int = 0

    @property
    def seen(self) -> int:
        return len(self.meant) - self.not_meant


def keep_proposals() -> int:
    """Collect in a transaction of its own; return how many proposals are new."""
    with transaction("exchange") as session:
        return collect(session)


def collect(session: Session) -> int:
    """Propose what was confirmed under other words often enough, and tell the authority of new proposals; return how many are new.

    Everything is counted anew from the answers, so doing it again changes nothing. What was decided stays decided.
    """
    known = elements.documents(session)
    there = {(row.element_id, row.text): row for row in session.scalars(select(SynonymProposal).with_for_update())}
    heard = _heard(session, known)
    new = 0
    for (element, words), found in heard.items():
        row = there.get((element, words))
        if row is not None:
            row.seen, row.demands = found.seen, found.meant
        elif found.seen >= LEAST_SEEN:
            new += _propose(session, element, words, found)
    session.flush()
    if new:
        for department_id in sorted(authorities(session)):
            notices.notify(session, department_id, "synonyms.proposed", {"count": str(new)})
    return new


def find(session: Session, state: str | None = "proposed") -> list[SynonymProposal]:
    """Return proposals in a state (None: all), those seen most first."""
    query = select(SynonymProposal).order_by(SynonymProposal.seen.desc(), SynonymProposal.id)
    return list(session.scalars(query if state is None else query.where(SynonymProposal.state == state)))


def accept(session: Session, actor: Actor, proposal_id: int) -> SynonymProposal:
    """Make the words a synonym of the element; the session must be one that may write the directory.

    Raises Denied `case.role_needed`, Invalid `proposal.unknown`, `case.wrong_state`, and `proposal.contested` when another element claims the words.
    """
    row = _decided(session, actor, proposal_id, "accept")
    known = elements.documents(session)
    if others := [
        one.id for one in known.values() if one.id != row.element_id and row.text in (one.name, *one.synonyms)
    ]:
        raise Invalid("proposal.contested", words=row.text, elements=", ".join(others), proposal=row.id)
    document = known[row.element_id]
    if row.text not in (document.name, *document.synonyms):
        elements.save(session, document.model_copy(update={"synonyms": (*document.synonyms, row.text)}), by=actor.id)
    _tell(session, actor, row, document)
    return row


def decline(session: Session, actor: Actor, proposal_id: int, why: str = "") -> SynonymProposal:
    """Decide that the words do not mean the element; it is not proposed again. Raises Denied `case.role_needed`, Invalid `proposal.unknown`,
    `case.wrong_state`.
    """
    row = _decided(session, actor, proposal_id, "decline")
    row.why = why or None
    _tell(session, actor, row, elements.documents(session)[row.element_id])
    return row


def _decided(session: Session, actor: Actor, proposal_id: int, action: str) -> SynonymProposal:
    actor.require("authority")
    row = session.scalar(select(SynonymProposal).where(SynonymProposal.id == proposal_id).with_for_update())
    if row is None:
        raise Invalid("proposal.unknown", proposal=proposal_id)
    row.state = PROPOSAL.after(str(proposal_id), row.state, action)
    row.decided_by, row.decided_at = actor.id, datetime.now(UTC)
    return row


def _tell(session: Session, actor: Actor, row: SynonymProposal, element: ElementDocument) -> None:
    """Tell the department that leads the element what was decided on its words."""
    session.flush()
    facts = {"words": row.text, "element": element.name}
    for department_id in {element.lead_department_id} - {None} - actor.knowing:
        notices.notify(session, str(department_id), f"synonyms.{row.state}", facts)


def _heard(session: Session, known: dict[str, ElementDocument]) -> dict[tuple[str, str], _Heard]:
    names = {element: {canonical(name) for name in _names(document)} for element, document in known.items()}
    claimed = {name for of in names.values() for name in of}
    heard: dict[tuple[str, str], _Heard] = {}
    for one in session.execute(_SEEN):
        words = " ".join(one.name.split())
        is_new = canonical(words) not in claimed or (one.element, words) in heard
        if one.element not in known or not is_new or not _is_a_word(words):
            continue
        found = heard.setdefault((one.element, words), _Heard([]))
        if one.is_meant:
            found.meant.append(one.demand)
        else:
            found.not_meant += 1
    return heard


def _is_a_word(words: str) -> bool:
    """Tell whether a text may be a name of one datum: short, of letters alone, one wish."""
    return len(words) <= LONGEST and bool(_PLAIN.fullmatch(words)) and len(parts(words)) == 1


def _names(document: ElementDocument) -> Iterable[str]:
    return document.name, *document.synonyms


def _propose(session: Session, element: str, words: str, found: _Heard) -> int:
    made = insert(SynonymProposal).values(element_id=element, text=words, seen=found.seen, demands=found.meant)
    done = session.execute(made.on_conflict_do_nothing().returning(SynonymProposal.id))
    return len(done.all())
