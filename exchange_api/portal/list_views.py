"""Why: which columns an officer wants in a list, and how many rows, is his own choice and stays chosen. Read by `pages.lists`, written by its form."""

import re
from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange_api.portal.listing import PAGE_SIZE, SIZES, Chosen
from schemas.errors import Invalid
from schemas.tables.list_views import ListView

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MOST = 60


def get(session: Session, officer_id: str, name: str) -> Chosen:
    """Return what an officer chose for a list; what lists show by themselves when he chose nothing."""
    row = session.get(ListView, (officer_id, name))
    return Chosen(tuple(row.columns), row.size) if row else Chosen()


def keep(session: Session, officer_id: str, name: str, columns: Sequence[str], size: str) -> None:
    """Keep an officer's choice for a list. Raises Invalid `portal.bad_form` for what no list of ours is called or offers."""
    if len(columns) > _MOST or not all(_NAME.fullmatch(one) for one in (name, *columns)):
        raise Invalid("portal.bad_form", problems=name[:40])
    rows = int(size) if size in {str(one) for one in SIZES} else PAGE_SIZE
    wanted = insert(ListView).values(officer_id=officer_id, name=name, columns=list(columns), size=rows)
    changed = {"columns": wanted.excluded.columns, "size": wanted.excluded.size}
    session.execute(wanted.on_conflict_do_update(index_elements=["officer_id", "name"], set_=changed))
