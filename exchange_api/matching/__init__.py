"""Who has it: wanted items in a demander's own words against every catalogued item, ranked, each score explained in words."""

from exchange_api.matching.engine import Candidate, Found, Wanted, find_matches
from exchange_api.matching.index import candidates

__all__ = ["Candidate", "Found", "Wanted", "candidates", "find_matches"]
