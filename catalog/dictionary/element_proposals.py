"""Why: which items are one datum is a judgement, so the hub proposes and a person decides. Keeps the proposals of `alike` as suggestions of kind
`element`, and carries out what is decided. Called by `hutong catalog elements propose|accept|reject` and pages.

Accepting changes the dictionary and returns the drafts that bind the items; the caller saves them with `catalog.directory.save_drafts`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import elements
from catalog.dictionary import alike
from catalog.dictionary.alike import FAMILIES, Proposal, Unbound, canonical
from catalog.elements import ElementDocument
from catalog.naming import suggestions
from catalog.naming.suggestions import Question
from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from schemas.tables.departments import Suggestion
from schemas.tables.directory import ResourceVersion

KIND = "element"
_EDITABLE = ("draft", "published")  # a version in review or scheduled waits for its decision first


@dataclass(frozen=True)
class Choice:
    """What a person decides about a proposal: bind to `existing`, or make a new element, renamed and led as wanted; `without` keeps names out."""

    existing: str | None = None
    new_id: str | None = None
    name: str | None = None
    lead: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """What accepting did: the element, the drafts that bind its items, and resources in review, whose items wait."""

    element: str
    is_new: bool
    drafts: tuple[ResourceDraft, ...]
    items: int
    waiting: tuple[str, ...] = field(default=())


def ask(session: Session, proposals: Iterable[Proposal]) -> list[Suggestion]:
    """Keep proposals as open suggestions and return the open ones: rejected ones stay rejected, accepted ones are asked again when more such
    items came since, open ones that nothing speaks for any more go.
    """
    questions = [_question(proposal) for proposal in proposals]
    wanted = {question.given for question in questions}
    for row in suggestions.find(session, KIND, "accepted"):
        if row.given in wanted:
            row.state = "open"
    session.flush()
    suggestions.ask(session, KIND, questions)
    for row in suggestions.find(session, KIND):
        if row.given not in wanted:
            session.delete(row)
    session.flush()
    return find(session)


def find(session: Session, state: str | None = "open") -> list[Suggestion]:
    """Return the suggestions in `state` (None: all), those most departments share first."""
    rows = suggestions.find(session, KIND, state)
    return sorted(rows, key=lambda row: (-len(_proposed(row)["departments"]), -_proposed(row)["items"], row.id))


def accept(session: Session, suggestion_id: int, choice: Choice | None = None, *, by: str = "") -> Accepted:
    """Carry out a decision: the first element of the dictionary that was named, else a new one; `choice` says otherwise.

    Raises Invalid `suggestion.unknown`, `suggestion.decided`, `directory.unknown_element`, `directory.element_exists`, and as `elements.save`.
    """
    chosen = choice or Choice()
    row = suggestions.get(session, suggestion_id, KIND)
    if row.state == "accepted":
        raise Invalid("suggestion.decided", suggestion=row.id, by=row.decided_by, decision=row.decision)
    proposed = _proposed(row)
    names = [name for name in proposed["names"] if name not in chosen.without]
    element, is_new = _settle(session, row, chosen, names, by)
    drafts, waiting, count = _bind(session, _meant(session, proposed, chosen.without), element)
    suggestions.decide(row, "accepted", element, by)
    session.flush()
    return Accepted(element, is_new, tuple(drafts), count, tuple(waiting))


def reject(session: Session, suggestion_id: int, *, by: str = "", why: str = "") -> None:
    """Decide that these items are not one datum; it is not asked again. Raises Invalid `suggestion.unknown`, `suggestion.decided`."""
    suggestions.decide(suggestions.get(session, suggestion_id, KIND), "rejected", why, by)
    session.flush()


def _question(proposal: Proposal) -> Question:
    document = proposal.element
    family = FAMILIES.get(document.type, "text")
    proposed = {
        "kind": "new", "document": document.model_dump(mode="json"), "keys": list(proposal.keys), "names": dict(proposal.names),
        "departments": list(proposal.departments), "items": len(proposal.items), "reasons": list(proposal.reasons),
        "families": sorted({FAMILIES.get(item.type, "text") for item in proposal.items}),
    }  # fmt: skip
    known = [{"kind": "existing", "element": element} for element in proposal.known]
    given = document.name if family == "text" else f"{document.name}〔{family}〕"
    places = tuple(f"{item.resource_id}.{item.item}" for item in proposal.items[: suggestions.PLACES_KEPT])
    return Question(given, places, (*known, proposed))


def _proposed(row: Suggestion) -> dict[str, Any]:
    return next(candidate for candidate in row.candidates if candidate["kind"] == "new")


def _settle(session: Session, row: Suggestion, choice: Choice, names: Sequence[str], by: str) -> tuple[str, bool]:
    """Register the element that the items will be bound to; return its id and whether it is new."""
    named = [candidate["element"] for candidate in row.candidates if candidate["kind"] == "existing"]
    existing = choice.existing or (named[0] if named and not choice.new_id else None)
    if existing:
        document = elements.document_of(elements.get(session, existing))
    else:
        document = ElementDocument.model_validate(_proposed(row)["document"])
        document = document.model_copy(update={"id": choice.new_id or document.id, "synonyms": ()})
        if document.id in elements.known(session):
            raise Invalid("directory.element_exists", element=document.id, suggestion=row.id)
    changes = {"name": choice.name, "lead_department_id": choice.lead}
    document = document.model_copy(update={name: value for name, value in changes.items() if value})
    words = _unclaimed(session, document, names)
    elements.save(session, document.model_copy(update={"synonyms": (*document.synonyms, *words)}), by=by)
    return document.id, not existing


def _unclaimed(session: Session, document: ElementDocument, names: Iterable[str]) -> list[str]:
    """Return the names that become synonyms: those no other element claims, for a word of two elements helps nobody."""
    everyone = elements.documents(session) | {document.id: document}
    claimed = {word.casefold() for element in everyone.values() for word in (element.name, *element.synonyms)}
    return [name for name in names if name.casefold() not in claimed]


def _meant(session: Session, proposed: dict[str, Any], without: Sequence[str]) -> list[Unbound]:
    keys, families = set(proposed["keys"]), set(proposed["families"])
    return [
        item
        for item in alike.find_unbound(session)
        if canonical(item.name) in keys and FAMILIES.get(item.type, "text") in families and item.name not in without
    ]


def _bind(session: Session, items: Sequence[Unbound], element: str) -> tuple[list[ResourceDraft], list[str], int]:
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        wanted[item.resource_id].add(item.item)
    query = select(ResourceVersion).where(ResourceVersion.resource_id.in_(wanted))
    newest = {row.resource_id: row for row in session.scalars(query.order_by(ResourceVersion.version))}
    drafts, waiting, count = [], [], 0
    for resource_id, row in sorted(newest.items()):
        if row.state in _EDITABLE:
            drafts.append(_bound(ResourceDraft.model_validate(row.document), wanted[resource_id], element))
            count += len(wanted[resource_id])
        else:
            waiting.append(resource_id)
    return drafts, waiting, count


def _bound(draft: ResourceDraft, wanted: set[str], element: str) -> ResourceDraft:
    items = tuple(item.model_copy(update={"element": element}) if item.id in wanted else item for item in draft.items)
    return draft.model_copy(update={"items": items})
