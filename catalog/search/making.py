"""Why: the program that makes once for all workers what searching needs: the published directory's index (`python -m catalog.search.making`, begun by
`catalog.search.keeping`), or alone how characters are read (`… readings`, begun by `catalog.search.readings`).
"""

import sys

from sqlalchemy.orm import Session

from catalog.search import readings
from catalog.search.keeping import SHELF, Index, whole
from schemas.database import transaction


def main() -> None:
    """Make it and lay it down."""
    readings.lay_down()
    if sys.argv[1:] == ["readings"]:
        return
    with transaction("reader") as session:
        SHELF.make(_made, session)


def _made(session: Session) -> tuple[tuple[object, ...], Index]:
    found = whole(session)
    assert len(found.ranks) == found.size  # worked out here, once for all
    return found.mark, found


if __name__ == "__main__":
    main()
