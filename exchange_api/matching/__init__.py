"""Who has it: wanted items in a demander's own words against every catalogued item, ranked, each score explained in words."""

from exchange_api.matching.engine import find_matches, match
from exchange_api.matching.found import Answer, Candidate, Found, Wanted
from exchange_api.matching.index import candidates

__all__ = ["Answer", "Candidate", "Found", "Wanted", "candidates", "find_matches", "match"]
