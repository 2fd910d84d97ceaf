"""Why: what was true on a day is not what the hub believed on it: news come late. Of each source the word is taken that was true on the day, among all it
had said by the moment of knowing, and the words are judged as golden records are. Called by `libraries.record` and the exchange; it only reads.

A word is true from its effective day, or else from the day in China on which it was said, until the source says something that is true by then. A record
left out of a full snapshot is silence from the day of that snapshot. What a retracted batch said or left out counts as never said once it is taken back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import sql
from libraries.claims import RULING
from libraries.golden import rank_of
from schemas.bound import EFFECTIVE_FROM
from schemas.calendar import CHINA
from schemas.library import Attribute, Library, library

Claim = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# ended_by: whose batch ended it; left_out_at: when that batch was said, unless it was taken back by then, for what it ended then goes on. A retraction
# itself (a negative number) ends no word: what is left to say is said anew.
_VERSIONS = """
    SELECT {claim}, NULL::timestamptz AS superseded_at, NULL::integer AS ended_by, NULL::timestamptz AS left_out_at, {taken_back} AS is_taken_back
    FROM {claims} c LEFT JOIN landing.batches b ON b.number = c.batch
    WHERE c.{key} = ANY({keys}) AND c.recorded_at <= {moment}
    UNION ALL
    SELECT {claim}, c.superseded_at, c.superseded_by_batch,
        CASE WHEN e.retracted_at <= {moment} OR (c.source <> {ruling} AND c.superseded_by_batch < 0) THEN NULL
            ELSE COALESCE(e.landed_at, c.superseded_at) END, {taken_back}
    FROM {past_claims} c LEFT JOIN landing.batches b ON b.number = c.batch LEFT JOIN landing.batches e ON e.number = c.superseded_by_batch
    WHERE c.{key} = ANY({keys}) AND c.recorded_at <= {moment}
"""
VOICES = "SELECT number, department_id FROM directory.resources WHERE number = ANY({numbers})"


@dataclass(frozen=True)
class Said:
    """All that the sources had said of some records by a moment, with whose word each is. `moment` None: until now."""

    versions: Sequence[Claim]
    departments: Mapping[int, str]
    moment: datetime | None


def statement(spec: Library, keys: str, moment: str) -> str:
    """Return the SQL for every version of the claims on records that the hub had taken in by `moment`: SQL of types text[] and timestamptz."""
    words = sql.words(spec.library)
    own = {
        "keys": keys,
        "moment": moment,
        "ruling": str(RULING),
        "taken_back": f"COALESCE(b.retracted_at <= {moment}, false)",
    }
    listed = ", ".join(f"c.{column}" for column in words["claim"].split(", "))
    return _VERSIONS.format_map({**words, **own, "claim": listed})


def read_said(session: Session, name: str, keys: Sequence[str], moment: datetime | None) -> Said:
    """Read what the sources had said of these records by a moment, now by default."""
    query = statement(library(name), "CAST(:keys AS text[])", "CAST(:moment AS timestamptz)")
    given = {"keys": list(keys), "moment": moment.isoformat() if moment else "infinity"}
    versions = list(session.execute(text(query), given).mappings())
    numbers = sorted({claim["source"] for claim in versions})
    voices = session.execute(text(VOICES.format(numbers="CAST(:numbers AS integer[])")), {"numbers": numbers})
    return Said(versions, {row.number: row.department_id for row in voices}, moment)  # type: ignore[arg-type]


def held(said: Said) -> list[Claim]:
    """Return each source's current word on each record as the hub held it at the moment, whatever became of it."""
    latest: dict[tuple[str, int], Claim] = {}
    for claim in _in_order(said.versions):
        if _has_ended(claim, said.moment):
            continue
        latest[_place(claim)] = claim
    return list(latest.values())


def true_on(said: Said, day: date) -> list[Claim]:
    """Return each source's word on each record that was true on a day, as far as known at the moment."""
    known = [claim for claim in _in_order(said.versions) if not claim["is_taken_back"]]
    followed = {(*_place(claim), claim["batch"]) for claim in known}
    true: dict[tuple[str, int], Claim] = {}
    for claim in known:
        if starts_on(claim) <= day:
            true[_place(claim)] = claim
        left_out = _left_out_on(claim, said.moment)
        if left_out and left_out <= day and (*_place(claim), claim["ended_by"]) not in followed:
            true.pop(_place(claim), None)
    return list(true.values())


def silences(spec: Library, said: Said, words: Iterable[Claim], day: date | None = None) -> list[dict[str, Any]]:
    """Return what sources said once and say no more: key, attribute, the last claim that said it, since when not, and whether by an explicit null.

    words: what they say now, of `held`, or of `true_on` the day. What was taken back by a retraction is no silence.
    """
    saying = {_place(claim): claim for claim in words}
    by_place: dict[tuple[str, int], list[Claim]] = {}
    for claim in _in_order(said.versions):
        if not claim["is_taken_back"] and (day is None or starts_on(claim) <= day):
            by_place.setdefault(_place(claim), []).append(claim)
    return [
        {"key": place[0], "attribute": attribute, **silence}
        for place, versions in by_place.items()
        for attribute in spec.attribute_ids
        if (silence := _silence(attribute, saying.get(place), versions))
    ]


def judge(spec: Library, words: Iterable[Claim], departments: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the records that these words make, in golden's columns and key order; `recorded_at`: when the hub had learned all of them."""
    by_key: dict[str, list[Claim]] = {}
    for claim in words:
        by_key.setdefault(claim[spec.key], []).append(claim)
    return [_judged(spec, key, by_key[key], departments) for key in sorted(by_key)]


def ranked(words: Iterable[Claim], attribute: Attribute, departments: Mapping[int, str]) -> list[Claim]:
    """Return the words that have a value for an attribute, the winner first: ruling, authority, recency, lower source number."""
    return sorted(
        (claim for claim in words if claim[attribute.id] is not None),
        key=lambda claim: order(claim, attribute, departments),
    )


def order(claim: Claim, attribute: Attribute, departments: Mapping[int, str]) -> tuple[int, int, int]:
    """Return the place of a word among those on one attribute, as `golden.order_of` has it: smallest first."""
    source = claim["source"]
    rank = -1 if source == RULING else rank_of(departments.get(source, ""), attribute.authority)
    return rank, (_EPOCH - claim["asserted_at"]) // timedelta(milliseconds=1), source


def starts_on(claim: Claim) -> date:
    """Return the day from which a word is true."""
    effective: date | None = claim[EFFECTIVE_FROM]
    return effective or day_of(claim["asserted_at"])


def day_of(moment: datetime) -> date:
    """Return the day in China of a moment."""
    return moment.astimezone(CHINA).date()


def _judged(spec: Library, key: str, words: Sequence[Claim], departments: Mapping[int, str]) -> dict[str, Any]:
    won = {attribute.id: next(iter(ranked(words, attribute, departments)), None) for attribute in spec.attributes}
    return {
        spec.key: key,
        "subject": max(words, key=lambda claim: claim["asserted_at"])["subject"],
        **{name: claim and claim[name] for name, claim in won.items()},
        "sources": [claim and claim["source"] for claim in won.values()],
        "batches": [claim and claim["batch"] for claim in won.values()],
        "version": None,
        "recorded_at": max(claim["recorded_at"] for claim in words),
    }


def _in_order(versions: Iterable[Claim]) -> list[Claim]:
    """Order what each source said as it said it; of one version held twice (taken up again after a retraction) the one that goes on comes last."""
    return sorted(versions, key=lambda claim: (claim["version"], claim["recorded_at"], claim["superseded_at"] is None))


def _place(claim: Claim) -> tuple[str, int]:
    return claim.get("entry") or claim["subject"], claim["source"]


def _has_ended(claim: Claim, moment: datetime | None) -> bool:
    ended = claim["superseded_at"]
    return ended is not None and (moment is None or ended <= moment)


def _left_out_on(claim: Claim, moment: datetime | None) -> date | None:
    """Return the day from which a source says nothing more of a record, if what ended its word is known at the moment and stands."""
    if not _has_ended(claim, moment) or claim["left_out_at"] is None:
        return None
    return day_of(claim["left_out_at"])


def _silence(attribute: str, word: Claim | None, versions: Sequence[Claim]) -> dict[str, Any] | None:
    """Return the last of a source's versions with a value for an attribute, when its current word (None: it says nothing of the record) has none."""
    if word is not None and word[attribute] is not None:
        return None
    place = max((n for n, claim in enumerate(versions) if claim[attribute] is not None), default=None)
    if place is None:
        return None
    last, after = versions[place], versions[place + 1 :]
    return {"claim": last, "since": after[0]["asserted_at"] if after else last["left_out_at"], "is_null": bool(after)}
