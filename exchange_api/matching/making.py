"""Why: the program that makes the directory ready for matching once for all workers: `python -m exchange_api.matching.making`, begun by `keeping`."""

from sqlalchemy.orm import Session

from catalog.search import readings
from exchange_api.matching.corpus import Corpus
from exchange_api.matching.keeping import SHELF, whole
from exchange_api.matching.packed import Packed
from schemas.database import transaction


def main() -> None:
    """Make it and lay it down."""
    readings.lay_down()
    with transaction("reader") as session:
        SHELF.make(_made, session)


def _made(session: Session) -> tuple[tuple[object, ...], Corpus]:
    mark, corpus = whole(session)
    corpus.known = Packed(corpus.known)
    return mark, corpus


if __name__ == "__main__":
    main()
