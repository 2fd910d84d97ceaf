"""Why: neighbours describe their data in the Open Data Contract Standard (ODCS 3.1). A resource goes out as a contract and comes back as a draft.

`write` and `read` lose nothing: what ODCS has no place for travels in its customProperties. Called by commands and pages.
"""

from catalog.contract.intake import read, take_in
from catalog.contract.writing import write, write_all

__all__ = ["read", "take_in", "write", "write_all"]
