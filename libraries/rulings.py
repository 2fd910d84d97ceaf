"""Why: where sources contradict each other, or all are wrong, a steward decides what counts, with reason and name. A ruling is a claim like any other,
only stronger, and taken back it leaves everything as it was. Called by `hutong conflict` and by the desks.

All rulings in force of one record are one claim of source `claims.RULING`, whose batch is the newest one's id, negative. What sources say stays theirs:
a ruling stands when they change their word (a value it has not seen opens the conflict again), and when they come to agree, until it is withdrawn. That
a value is unknown cannot be ruled.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from libraries import sql
from libraries.claims import RULING
from libraries.disputing.ruled_value import Ruled, canonical
from libraries.fingerprint import hash_rows
from libraries.rejudging import hold, rejudge
from schemas.errors import Invalid, Terminal
from schemas.grounds import Grounds
from schemas.library import LIBRARIES, Library, library
from schemas.tables.library import claims_table, past_claims_table
from schemas.tables.rulings import Ruling

_SEEN = """
    UPDATE library.rulings r SET seen = s.seen {confirmed} FROM (
        SELECT one.id, jsonb_agg(DISTINCT to_jsonb(c) -> one.attribute) AS seen
        FROM library.rulings one JOIN {claims} c ON c.{key} = one.record_key WHERE one.id = ANY(:ids) GROUP BY one.id) s
    WHERE r.id = s.id AND NOT r.seen @> s.seen RETURNING r.id
"""


def rule(session: Session, library_name: str, key: str, values: Mapping[str, str], grounds: Grounds) -> list[Ruling]:
    """Rule what attributes of one record are (attribute → value as a person writes it), and return the rulings that say so now.

    Ruled again the same, nothing changes; if sources have said something else since, the ruling is confirmed in view of it. Raises Invalid
    `record.unknown_library`, `ruling.nothing_ruled`, `ruling.unknown_attribute`, `ruling.key_attribute`, `ruling.value_unfit`, `ruling.unknown_record`;
    Terminal `ruling.stands`.
    """
    spec = _library(library_name)
    ruled = {name: canonical(_attribute(spec, name), value) for name, value in values.items()}
    if not ruled:
        raise Invalid("ruling.nothing_ruled")
    now = hold(session, library_name)
    subject = _subject(session, spec, key)
    live = {ruling.attribute: ruling for ruling in find(session, library_name, key)}
    fresh = [
        _ruling(spec, key, (name, one.text), grounds)
        for name, one in ruled.items()
        if not _stands(live.get(name), name, one)
    ]
    for ruling in fresh:
        ruling.ruled_at = now
    session.add_all(fresh)
    session.flush()
    if fresh:
        _speak(session, spec, (key, subject), now)
    _see(session, spec, [ruling.id for ruling in fresh], None)
    confirmed = _see(session, spec, [live[name].id for name in ruled if name in live], (grounds, now))
    if fresh or confirmed:
        rejudge(session, library_name, [key], now)
    return [ruling for ruling in find(session, library_name, key) if ruling.attribute in ruled]


def withdraw(session: Session, ruling_id: int, grounds: Grounds) -> Ruling:
    """Take a ruling back: what the sources say counts again. One taken back before is left as it is. Raises Invalid `ruling.unknown`."""
    found = session.get(Ruling, ruling_id)
    if found is None:
        raise Invalid("ruling.unknown", ruling=ruling_id)
    now = hold(session, found.library)
    session.refresh(found, with_for_update=True)
    if found.withdrawn_at is None:
        found.withdrawn_at, found.withdrawn_by, found.withdrawn_reason = now, grounds.by, grounds.reason
        session.flush()
        _speak(session, library(found.library), (found.record_key, None), now, by=found.id)
        rejudge(session, found.library, [found.record_key], now)
    return found


def find(
    session: Session, library_name: str | None = None, key: str | None = None, *, withdrawn: bool = False
) -> list[Ruling]:
    """Return the rulings of a record, a library or all, in the order they were made; `withdrawn` adds those taken back."""
    query = select(Ruling).order_by(Ruling.id).execution_options(populate_existing=True)
    if library_name is not None:
        query = query.where(Ruling.library == library_name)
    if key is not None:
        query = query.where(Ruling.record_key == key)
    return list(session.scalars(query if withdrawn else query.where(Ruling.withdrawn_at.is_(None))))


def _library(name: str) -> Library:
    try:
        return library(name)
    except KeyError:
        raise Invalid("record.unknown_library", library=name, known=", ".join(LIBRARIES)) from None


def _attribute(spec: Library, name: str) -> Any:
    if name not in spec.attribute_ids:
        raise Invalid(
            "ruling.unknown_attribute", library=spec.library, attribute=name, known=", ".join(spec.attribute_ids)
        )
    if spec.entry is not None and name in spec.entry.from_:
        raise Invalid("ruling.key_attribute", library=spec.library, attribute=name)
    return spec.attribute(name)


def _subject(session: Session, spec: Library, key: str) -> str:
    """Return whom a record is about. Raises Invalid `ruling.unknown_record` when no source knows it."""
    claims = claims_table(spec.library).c
    known = select(claims.subject).where(claims[spec.key] == key, claims.source != RULING)
    subject = session.scalar(known.order_by(claims.source).limit(1))
    if subject is None:
        raise Invalid("ruling.unknown_record", library=spec.library)
    return str(subject)


def _stands(live: Ruling | None, name: str, one: Ruled) -> bool:
    if live is not None and live.value != one.text:
        raise Terminal("ruling.stands", ruling=live.id, attribute=name)
    return live is not None


def _ruling(spec: Library, key: str, said: tuple[str, str], grounds: Grounds) -> Ruling:
    attribute, value = said
    return Ruling(
        library=spec.library,
        record_key=key,
        attribute=attribute,
        value=value,
        reason=grounds.reason,
        ruled_by=grounds.by,
    )


def _see(session: Session, spec: Library, ids: Sequence[int], confirmed: tuple[Grounds, datetime] | None) -> list[int]:
    """Write down what is said of the attributes ruled; return the rulings for which that was news."""
    if not ids:
        return []
    values: dict[str, Any] = {}
    if confirmed:
        grounds, now = confirmed
        values = {"confirmed_by": grounds.by, "confirmed_at": now, "confirmed_reason": grounds.reason}
    words = {**sql.words(spec.library), "confirmed": "".join(f", {name} = :{name}" for name in values)}
    return list(sql.run(session, _SEEN, words, ids=list(ids), **values).scalars())


def _speak(session: Session, spec: Library, whom: tuple[str, str | None], now: datetime, by: int | None = None) -> None:
    """Make the claim of source RULING say what is ruled of the record now; what it said before goes to past claims. by: the ruling taken back."""
    key, subject = whom
    claims, past = claims_table(spec.library), past_claims_table(spec.library)
    mine = (claims.c[spec.key] == key, claims.c.source == RULING)
    before = session.execute(select(claims).where(*mine).with_for_update()).mappings().one_or_none()
    rulings = find(session, spec.library, key)
    if before is not None:
        ended = -(by if by is not None else rulings[-1].id)
        session.execute(past.insert().values(**before, superseded_at=now, superseded_by_batch=ended))
        session.execute(claims.delete().where(*mine))
    if not rulings:
        return
    last = select(func.max(past.c.version)).where(past.c[spec.key] == key, past.c.source == RULING)
    said = {ruling.attribute: canonical(spec.attribute(ruling.attribute), ruling.value) for ruling in rulings}
    about = subject if subject is not None or before is None else before["subject"]
    row = {attribute: said[attribute].value if attribute in said else None for attribute in spec.attribute_ids}
    body = row if spec.key == "subject" else {"subject": about, **row}
    session.execute(
        claims.insert().values(
            **{spec.key: key}, **body, source=RULING, row_hash=_hash(said, None if spec.key == "subject" else about),
            version=1 + (session.scalar(last) or 0), batch=-rulings[-1].id, asserted_at=now, recorded_at=now,
        )
    )  # fmt: skip


def _hash(said: Mapping[str, Ruled], subject: str | None) -> int:
    columns = {name: one.column for name, one in said.items()}
    if subject is not None:
        columns["subject"] = pa.array([subject], pa.string())
    return int(hash_rows(columns, 1)[0])
