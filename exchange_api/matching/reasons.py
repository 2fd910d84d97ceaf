"""Why: a score that cannot be explained convinces nobody. What each part of a score is for, as keys of words that the pages say in either language."""

from exchange_api.matching.asking import Wish
from exchange_api.matching.evidence import Weighed
from exchange_api.matching.found import Candidate, Reason
from exchange_api.matching.words import canonical, core, folded


def by_name(wish: Wish, candidate: Candidate, matched: str, points: float) -> Reason:
    """Return why a name speaks for a candidate. matched: the canonical text of its name, element or synonym that was closest."""
    want = folded(wish.text)
    if wish.heard and canonical(candidate.item_name) == matched:
        return Reason("sounds_like", points, {"written": wish.heard, "name": candidate.item_name})
    if want == folded(candidate.item_name):
        return Reason("same_name", points, {"name": candidate.item_name})
    if candidate.element_name and want == folded(candidate.element_name):
        return Reason("same_element", points, {"element": candidate.element_name})
    for synonym in candidate.synonyms:
        if core(wish.text) == core(synonym):
            return Reason("synonym", points, {"synonym": synonym, "name": candidate.item_name})
    if core(wish.text) == core(candidate.item_name):
        return Reason("same_core", points, {"name": candidate.item_name})
    names = [candidate.item_name, *candidate.synonyms, *((candidate.element_name,) if candidate.element_name else ())]
    closest = next((name for name in names if canonical(name) == matched), candidate.item_name)
    return Reason("similar_name", points, {"name": closest})


def by_resource(candidate: Candidate, points: float, covers: tuple[int, int]) -> list[Reason]:
    """Return why its resource speaks for a candidate: purpose, and how much of the demand it covers."""
    covered, count = covers
    share = 0.3 * points if count > 1 and covered > 1 else 0.0
    found = [Reason("fits_purpose", points - share, {"resource": candidate.resource_name})]
    if share:
        found.append(Reason("covers", share, {"covered": str(covered), "count": str(count)}))
    return found


def by_lead(candidate: Candidate, points: float) -> list[Reason]:
    """Return what being the lead source of the attribute gives a candidate."""
    return [Reason("lead_source", points, {"department": candidate.department_name})] if points > 0 else []


def by_evidence(more: Weighed, row: int, given: tuple[float, float]) -> list[Reason]:
    """Return what further evidence gives a row, reasons of one key put together. given: likeness by name alone, what one of likeness is worth."""
    alike, share = given
    found: dict[str, Reason] = {}

    def say(reason: Reason, points: float) -> None:
        before = found[reason.key].points if reason.key in found else 0.0
        found[reason.key] = Reason(reason.key, before + points, reason.facts)

    whole = float(more.alike[row]) * share
    if lift := more.lifts.get(row):
        say(lift, whole - alike * share)
    for bonus in more.bonuses.get(row, ()):
        say(bonus, bonus.points)
    if refusal := more.refusals.get(row):
        say(refusal, whole * (float(more.kept[row]) - 1))
    return list(found.values())
