"""Why: what an officer has written is kept while he writes, and is there again when he comes back; sending the form or throwing it away ends it. Called by the
pages of long forms.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from schemas.tables.form_drafts import FormDraft

LONGEST = 200_000  # characters of one form that are kept
_NOT_KEPT = ("csrf_token", "do", "scope")


class Kept(NamedTuple):
    """A form as it stood, and when."""

    form: FormData
    saved_at: datetime


def keep(session: Session, officer_id: str, which: tuple[str, str], form: FormData) -> bool:
    """Keep a form as it stands, in place of what was kept; return whether it was small enough. which: the form's name and its case."""
    fields = [
        {"name": name, "text": value}
        for name, value in form.multi_items()
        if isinstance(value, str) and name not in _NOT_KEPT
    ]
    if sum(len(one["text"]) for one in fields) > LONGEST:
        return False
    wanted = insert(FormDraft).values(officer_id=officer_id, form=which[0], key=which[1], fields=fields)
    changed = {"fields": wanted.excluded.fields, "saved_at": func.now()}
    session.execute(wanted.on_conflict_do_update(index_elements=["officer_id", "form", "key"], set_=changed))
    return True


def get(session: Session, officer_id: str, which: tuple[str, str]) -> Kept | None:
    """Return what was kept of a form, None when nothing was."""
    row = session.get(FormDraft, (officer_id, *which))
    return Kept(FormData([(one["name"], one["text"]) for one in row.fields]), row.saved_at) if row else None


def forget(session: Session, officer_id: str, which: tuple[str, str]) -> None:
    """Keep a form no longer: it was sent, or thrown away."""
    session.execute(
        delete(FormDraft).where(
            FormDraft.officer_id == officer_id, FormDraft.form == which[0], FormDraft.key == which[1]
        )
    )
