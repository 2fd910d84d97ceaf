"""Why: who is one with whom is a person's decision, with a name and a reason, and can be taken back. Judged the same, two records are linked as one identity
(nothing moves), and a held row gets the right key proposed, which is put in only when the steward says so. Called by `hutong resolution`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from libraries import batches, identities, quarantine
from libraries.ingest import replay
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.grounds import Grounds
from schemas.tables.landing import QuarantinedRow
from schemas.tables.resolution import VERDICTS, CandidatePair, PairJudgement

SAME = "same"


@dataclass(frozen=True)
class Judged:
    """A pair with the judgement in force, if there is one."""

    pair: CandidatePair
    judgement: PairJudgement | None


@dataclass(frozen=True)
class Wanted:
    """Which pairs: of one library; judged so (`None`: judged by nobody; `"all"`: whatever was judged); at least so probable."""

    library: str | None = None
    verdict: str | None = None
    least: float = 0.0


def find(session: Session, wanted: Wanted, limit: int = 50) -> list[Judged]:
    """Return pairs, most probable first. Those whose held row waits no longer are only shown with their judgement. Raises Invalid `resolution.bad_verdict`."""
    if wanted.verdict not in (None, "all", *VERDICTS):
        raise Invalid("resolution.bad_verdict", given=wanted.verdict, known=", ".join(VERDICTS))
    query = select(CandidatePair, PairJudgement).outerjoin(
        PairJudgement, (PairJudgement.pair_id == CandidatePair.id) & PairJudgement.undone_at.is_(None)
    )
    query = query.outerjoin(QuarantinedRow, QuarantinedRow.id == CandidatePair.row_id)
    query = query.where(CandidatePair.probability >= wanted.least)
    if wanted.library:
        query = query.where(CandidatePair.library == wanted.library)
    if wanted.verdict is None:
        query = query.where(PairJudgement.id.is_(None), *quarantine.WAITING)
    elif wanted.verdict != "all":
        query = query.where(PairJudgement.verdict == wanted.verdict)
    query = query.order_by(CandidatePair.probability.desc(), CandidatePair.id).limit(limit)
    return [Judged(pair, judgement) for pair, judgement in session.execute(query)]


def get(session: Session, pair_id: int, *, lock: bool = False) -> CandidatePair:
    """Return one pair. Raises Invalid `resolution.unknown_pair`."""
    found = session.get(CandidatePair, pair_id, with_for_update=lock)
    if found is None:
        raise Invalid("resolution.unknown_pair", pair=pair_id)
    return found


def judgements(session: Session, pair_id: int) -> list[PairJudgement]:
    """Return all that was ever judged of a pair, undone ones too, in order."""
    query = select(PairJudgement).where(PairJudgement.pair_id == pair_id).order_by(PairJudgement.id)
    return list(session.scalars(query))


def judge(
    session: Session, pair_id: int, verdict: str, grounds: Grounds, former_key: str | None = None
) -> PairJudgement:
    """Judge a pair `same`, `different` or `unsure`; judged so already, nothing changes. Two records judged the same are linked: `former_key` became the other.

    Raises Invalid `resolution.unknown_pair`, `resolution.bad_verdict`, `resolution.no_former_key`; Terminal `resolution.judged`; and as `identities.link`.
    """
    if verdict not in VERDICTS:
        raise Invalid("resolution.bad_verdict", given=verdict, known=", ".join(VERDICTS))
    pair = get(session, pair_id, lock=True)
    standing = _standing(session, pair_id)
    if standing is not None:
        if standing.verdict == verdict:
            return standing
        raise Terminal("resolution.judged", pair=pair_id, verdict=standing.verdict)
    link_id = _linked(session, pair, former_key, grounds) if verdict == SAME and pair.left_key else None
    made = PairJudgement(pair_id=pair_id, verdict=verdict, reason=grounds.reason, judged_by=grounds.by, link_id=link_id)
    session.add(made)
    session.flush()
    return made


def undo(session: Session, pair_id: int, grounds: Grounds) -> PairJudgement:
    """Take back the judgement in force, and the identity link it made; the pair is a candidate again. What a mended row brought is not undone by this:
    its batch is retracted.

    Raises Invalid `resolution.unknown_pair`; Terminal `resolution.not_judged`, `resolution.mended`.
    """
    get(session, pair_id, lock=True)
    standing = _standing(session, pair_id)
    if standing is None:
        raise Terminal("resolution.not_judged", pair=pair_id)
    if standing.batch_id is not None and not _is_retracted(session, standing.batch_id):
        raise Terminal("resolution.mended", pair=pair_id, batch=standing.batch_id)
    if standing.link_id is not None:
        identities.unlink(session, standing.link_id, grounds)
    standing.undone_at = session.scalar(select(func.clock_timestamp()))
    standing.undone_by, standing.undone_reason = grounds.by, grounds.reason
    session.flush()
    return standing


def mend(pair_id: int) -> str:
    """Put the key that was judged right into a held row and send it through check and merge; return the batch. Done before, it changes nothing.

    Raises Invalid `resolution.unknown_pair`; Terminal `resolution.not_same`, `resolution.no_row`; and as `ingest.replay`.
    """
    with transaction("ingest") as session:
        pair, standing = get(session, pair_id), _standing(session, pair_id)
        if pair.row_id is None:
            raise Terminal("resolution.no_row", pair=pair_id)
        if standing is None or standing.verdict != SAME:
            raise Terminal("resolution.not_same", pair=pair_id)
        if standing.batch_id is not None:
            return standing.batch_id
        row_id, correction = pair.row_id, {_key_item(session, pair.row_id): pair.right_key}
    batch_id = replay(row_id, correction)
    with transaction("ingest") as session:
        standing = _standing(session, pair_id)
        if standing is not None:
            standing.batch_id = batch_id
    return batch_id


def _standing(session: Session, pair_id: int) -> PairJudgement | None:
    return session.scalar(
        select(PairJudgement).where(PairJudgement.pair_id == pair_id, PairJudgement.undone_at.is_(None))
    )


def _linked(session: Session, pair: CandidatePair, former_key: str | None, grounds: Grounds) -> int:
    keys = [str(pair.left_key), pair.right_key]
    if former_key not in keys:
        raise Invalid("resolution.no_former_key", pair=pair.id)
    (onward,) = (key for key in keys if key != former_key)
    change = identities.Change(pair.library, former_key, onward, "changed")
    return identities.link(session, change, grounds).id


def _key_item(session: Session, row_id: int) -> str:
    """Return the item of a held row that feeds the library's key."""
    document: Any = batches.get(session, quarantine.get(session, row_id).batch_id).document
    return str(next(item.id for item in document.items if item.attribute == "subject"))


def _is_retracted(session: Session, batch_id: str) -> bool:
    return bool(batches.get(session, batch_id).batch.state == "retracted")
