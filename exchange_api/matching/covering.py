"""Why: when one supplier is not enough, the fewest should be asked: every further department is a further task with a clock of its own. The smallest set of
departments, and within them of resources, that supplies all wanted items of a demand that anybody supplies. Only `engine` calls it.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

from exchange_api.matching.found import Found, Supplier

_GOOD = 0.75  # of the best score: a worse match is not chosen for the sake of asking fewer
_EXACT = 12  # so few suppliers are tried in every combination
_Offers = list[dict[str, Found]]


def suppliers(items: Sequence[Sequence[Found]]) -> tuple[Supplier, ...]:
    """Return who supplies the wanted items, those asked for most first; items that nobody supplies are left out."""
    good = [[one for one in found if one.score >= _GOOD * found[0].score] if found else [] for found in items]
    departments = _chosen([_best(found, "department_id") for found in good])
    within = [[one for one in found if one.candidate.department_id in departments] for found in good]
    offers = [_best(found, "resource_id") for found in within]
    resources = _chosen(offers)
    asked: dict[str, list[int]] = {}
    known: dict[str, Found] = {}
    for place, offer in enumerate(offers):
        if mine := [one for resource, one in offer.items() if resource in resources]:
            best = max(mine, key=lambda one: one.score)
            asked.setdefault(best.candidate.resource_id, []).append(place)
            known.setdefault(best.candidate.resource_id, best)
    found = [_supplier(known[resource], places) for resource, places in asked.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.wanted), one.wanted)))


def smallest(sets: Mapping[str, frozenset[int]], worth: Mapping[str, float]) -> frozenset[str]:
    """Return the fewest names whose sets together hold all that any holds; of equally few, those worth most. Exact for few names, else nearly so."""
    whole = frozenset[int]().union(*sets.values())
    names = sorted(sets, key=lambda name: (-worth[name], name))
    if len(names) > _EXACT:
        return _greedy(sets, worth, whole)
    for count in range(len(names) + 1):
        fitting = [some for some in combinations(names, count) if _held(sets, some) == whole]
        if fitting:
            return frozenset(max(fitting, key=lambda some: sum(worth[name] for name in some)))
    return frozenset(names)


def _greedy(sets: Mapping[str, frozenset[int]], worth: Mapping[str, float], whole: frozenset[int]) -> frozenset[str]:
    """Take whoever adds most until all is held, then drop whom the others make needless, and put one in the place of two where one will do."""
    chosen, left = list[str](), set(whole)
    while left:
        best = max(sets, key=lambda name: (len(sets[name] & left), worth[name], name))
        chosen.append(best)
        left -= sets[best]
    for name in sorted(chosen, key=lambda one: (len(sets[one]), worth[one])):
        if _held(sets, [one for one in chosen if one != name]) == whole:
            chosen.remove(name)
    for pair in combinations(chosen, 2):
        rest = [one for one in chosen if one not in pair]
        needed = whole - _held(sets, rest)
        if one := next((name for name in sorted(sets, key=lambda n: -worth[n]) if needed <= sets[name]), None):
            return _greedy({n: sets[n] for n in {*rest, one}}, worth, whole)
    return frozenset(chosen)


def _chosen(offers: _Offers) -> frozenset[str]:
    sets: dict[str, set[int]] = {}
    worth: dict[str, float] = {}
    for place, offer in enumerate(offers):
        for name, found in offer.items():
            sets.setdefault(name, set()).add(place)
            worth[name] = worth.get(name, 0.0) + found.score
    return smallest({name: frozenset(places) for name, places in sets.items()}, worth)


def _best(found: Sequence[Found], of: str) -> dict[str, Found]:
    best: dict[str, Found] = {}
    for one in found:
        name: str = getattr(one.candidate, of)
        if name not in best or one.score > best[name].score:
            best[name] = one
    return best


def _held(sets: Mapping[str, frozenset[int]], names: Sequence[str]) -> frozenset[int]:
    return frozenset[int]().union(*(sets[name] for name in names))


def _supplier(found: Found, places: Sequence[int]) -> Supplier:
    one = found.candidate
    return Supplier(one.department_id, one.department_name, one.resource_id, one.resource_name, tuple(places))
