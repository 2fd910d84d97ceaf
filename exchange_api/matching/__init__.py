"""Who has it: wanted items in a demander's own words against every catalogued item, ranked, each score explained in words."""

from exchange_api.matching.engine import find_matches, match
from exchange_api.matching.found import Answer, Ask, Candidate, Found, Missing, Supplier, Wanted
from exchange_api.matching.index import candidates
from exchange_api.matching.searching import prepare, search, warm_soon

__all__ = [
    "Answer", "Ask", "Candidate", "Found", "Missing", "Supplier", "Wanted", "candidates", "find_matches", "match", "prepare", "search", "warm_soon",
]  # fmt: skip
