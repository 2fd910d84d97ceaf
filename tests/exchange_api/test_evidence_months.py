"""Entries lie by the month; the guards against replays and repetitions hold where two months meet, and nothing is lost where there is no month."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import Entry, SignedAnswer, entry_document, new_receipt_id, record
from exchange_api.evidence.months import keep_months
from schemas.errors import Denied
from schemas.migrations import upgrade

BORDER = datetime(2031, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], URL]) -> Iterator[Engine]:
    """A database with the months of February to April 2031."""
    url = new_database()
    upgrade(url)
    found = create_engine(url)
    with found.begin() as connection:
        assert connection.scalar(text("SELECT evidence.keep_months('2031-02-10', 2)")) == 3
        assert connection.scalar(text("SELECT evidence.keep_months('2031-02-10', 2)")) == 0
    yield found
    found.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


def id_at(moment: datetime) -> str:
    """Return a receipt id as one made at that moment is."""
    stamp = int(moment.timestamp() * 1_000)
    return str(UUID(int=stamp << 80 | UUID(new_receipt_id()).int & (1 << 80) - 1))


def answered(moment: datetime, nonce: str, request_id: str, keyid: str = "k") -> Entry:
    return Entry(
        id=id_at(moment),
        at=moment,
        kind="answer",
        keyid=keyid,
        nonce=nonce,
        request_id=request_id,
        response=SignedAnswer(200, {}),
    )


def month_of(session: Session, entry: Entry) -> str:
    return str(session.scalar(text("SELECT tableoid::regclass FROM evidence.entries WHERE id = :id"), {"id": entry.id}))


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("first", "then"),
    [(-SECOND, SECOND), (-600 * SECOND, SECOND), (SECOND, -SECOND), (-5 * SECOND, -SECOND), (SECOND, 5 * SECOND), (-SECOND, timedelta(hours=23))],
)  # fmt: skip
def test_a_replay_is_refused_where_two_months_meet(session: Session, first: timedelta, then: timedelta) -> None:
    record(session, [answered(BORDER + first, "n", "r1")])
    with pytest.raises(Denied) as refused:
        record(session, [answered(BORDER + then, "n", "r2")])
    assert refused.value.code == "nonce.replayed"
    record(session, [answered(BORDER + then, "n", "r2", "another key")])


def test_a_request_id_answered_before_the_month_began_is_not_answered_again(session: Session) -> None:
    record(session, [answered(BORDER - timedelta(hours=20), "n1", "r")])
    with pytest.raises(Denied):
        record(session, [answered(BORDER + timedelta(hours=20), "n2", "r")])
    refusal = Entry(
        id=id_at(BORDER + SECOND),
        at=BORDER,
        kind="refusal",
        keyid="k",
        nonce="n3",
        request_id="r",
        code="grant.missing",
    )
    record(session, [refusal])


def test_a_day_later_the_month_before_is_not_asked(session: Session) -> None:
    record(session, [answered(BORDER - SECOND, "n", "r")])
    late = answered(BORDER + timedelta(days=2), "n", "r")
    record(session, [late])
    assert month_of(session, late) == "evidence_months.entries_2031_03"


def test_what_fits_no_month_is_kept_and_its_month_is_not_made_over_it(session: Session) -> None:
    lonely = answered(BORDER + timedelta(days=700), "n", "r")
    record(session, [lonely])
    with pytest.raises(Denied):
        record(session, [answered(BORDER + timedelta(days=701), "n", "r2")])
    assert month_of(session, lonely) == "evidence_months.entries_rest"
    assert (
        session.scalar(text("SELECT evidence.keep_months('2033-01-01', 1)")) == 1
    )  # January is taken, February is not


def test_the_sequencer_makes_months_and_nobody_else(engine: Engine) -> None:
    for role, is_allowed in (("sequencer", True), ("exchange", False), ("reader", False)):
        with Session(engine) as session:
            session.execute(text(f"SET LOCAL ROLE hutong_{role}"))
            if is_allowed:
                assert keep_months(session, BORDER + timedelta(days=900)) == 3
            else:
                with pytest.raises(DBAPIError, match="permission denied"):
                    keep_months(session)


@pytest.mark.parametrize("month", ["entries_2031_03", "entries_rest"])
def test_a_month_is_insert_only_for_the_owner_too(session: Session, month: str) -> None:
    with pytest.raises(DBAPIError, match="insert-only"):
        session.execute(text(f"DELETE FROM evidence_months.{month}"))


def test_the_exchange_records_through_the_one_table_alone(session: Session) -> None:
    session.execute(text("SET LOCAL ROLE hutong_exchange"))
    entry = answered(BORDER + SECOND, "n", "r")
    record(session, [entry])
    assert session.scalar(
        text("SELECT document FROM evidence.entries WHERE id = :id"), {"id": entry.id}
    ) == entry_document(entry)
    with pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text("SELECT * FROM evidence_months.entries_2031_03"))
