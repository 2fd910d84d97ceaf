"""Why: the program that makes the published directory's index once for all workers: `python -m catalog.search.making`, begun by `catalog.search.keeping`."""

from sqlalchemy.orm import Session

from catalog.search.keeping import SHELF, Index, whole
from schemas.database import transaction


def main() -> None:
    """Make it and lay it down."""
    with transaction("reader") as session:
        SHELF.make(_made, session)


def _made(session: Session) -> tuple[tuple[object, ...], Index]:
    found = whole(session)
    assert len(found.ranks) == found.size  # worked out here, once for all
    return found.mark, found


if __name__ == "__main__":
    main()
