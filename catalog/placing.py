"""Why: directories name departments as people type them: five spellings of one bureau, former names, codes made of pinyin initials, nothing at all.
Places each given name with a department. Called by every importer that reads department names.

Certain is only what the registry itself says: the same name, a former name, a credit code of a like-named department, a decision already taken.
Everything else becomes a department in state `proposed` with an open suggestion that a person decides (`hutong catalog departments suggestions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Given:
    """A department as a file names it; `place` says where ("resources.csv:12"), `division` is its division code if the file tells it."""

    name: str | None = None
    code: str | None = None
    division: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Placed:
    """Where a given name was placed; `suggestion` is the id of the open suggestion unless certain; `reason` is a key of organ reasons."""

    department_id: str
    is_certain: bool
    suggestion: int | None = None
    reason: str = ""
    candidates: int = 0  # how many the suggestion ranks: none means unknown


def place(session: Session, given: Sequence[Given], *, source: str = "") -> list[Placed]:
    """Return where each given name belongs, in the order given; unknown ones are registered as proposed. Twice changes nothing."""
    raise NotImplementedError
