"""Why: where nobody has it, that is said clearly, with the nearest miss and why it does not do; an officer then knows whether to write it otherwise or to
ask the authority for a source. Only `engine` calls it.
"""

from exchange_api.matching import kinds
from exchange_api.matching.asking import Wish
from exchange_api.matching.found import Candidate, Missing, Reason

_NEAR = 0.05  # nothing less alike is worth naming
_OTHER_KIND = 0.5  # how far a kind of datum must answer for another not to be the reason


def nothing(wanted: int) -> Missing:
    """Return that nobody has anything like a wanted item."""
    return Missing(wanted, None, Reason("nothing_alike", 0.0))


def nearest(wanted: int, wish: Wish, candidate: Candidate, found: tuple[float, bool]) -> Missing:
    """Return why the nearest item does not do. found: how alike it is, and whether its resource serves the purpose."""
    alike, serves = found
    if alike < _NEAR:
        return nothing(wanted)
    facts = {"name": candidate.item_name, "resource": candidate.resource_name, "percent": str(round(100 * alike))}
    numbers = kinds.numbers()
    answers = kinds.answers()[numbers[wish.kind]][numbers[kinds.kind_of_offered(candidate.item_name)]]
    if answers < _OTHER_KIND:
        return Missing(wanted, candidate, Reason("other_kind", 0.0, facts))
    return Missing(wanted, candidate, Reason("hardly_alike" if serves else "other_purpose", 0.0, facts))
