"""Why: evidence knows who was told what. From records that turned out wrong to the applications that received an affected value, and who asked again.
Called by the desk `recall`; it only reads evidence and fills temporary tables of the caller's transaction.

Evidence holds no index by batch or subject, because an index would be paid for at every answer. Entries are narrowed by their ids (UUID version 7, in the
order of time), library and grant; only those whose bytes name the batch are parsed, and everything happens in the database, so memory stays flat.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import subject_hash, subject_secret
from schemas.errors import Transient

MARGIN = timedelta(hours=1)
"""How far an entry's id may lie before the moment its answer became durable: a request under way, and clocks of several machines."""
_CHUNK = 5_000
_NEVER = datetime.max.replace(tzinfo=UTC)

_PREPARE = """
CREATE TEMP TABLE affected (subject_hash text COLLATE "C" NOT NULL, attributes text[] NOT NULL, is_subject boolean NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE received (receipt uuid, application_id text, at timestamptz, subject_hash text COLLATE "C", wrong text[], shown text[])
    ON COMMIT DROP
"""
# what a grant shows now, and what it showed before items lost their base and were taken out of it
_SHOWN = """
    SELECT g.id, g.application_id, array_agg(DISTINCT s.attribute) AS attributes
    FROM exchange.grants g JOIN (
        SELECT grant_id, attribute FROM exchange.grant_items
        UNION ALL SELECT c.facts ->> 'grant', jsonb_array_elements_text(c.facts -> 'items')
            FROM exchange.case_events c WHERE c.action = 'narrow_grant') s ON s.grant_id = g.id
    WHERE g.library = :library GROUP BY g.id
"""
_ANSWERS = """
    SELECT e.id, e.at, s.application_id, s.attributes, d.document
    FROM evidence.entries e JOIN shown s ON s.id = e.grant_id
    CROSS JOIN LATERAL (SELECT convert_from(e.document, 'UTF8')::jsonb AS document OFFSET 0) d
    WHERE e.kind = 'answer' AND (e.code IS NULL OR e.code = 'repeated') AND e.library = :library
      AND e.id >= CAST(:from_id AS uuid)
"""
# read apart and told to the planner, who would otherwise pair every affected subject with every grant
_NAMED = f"""
CREATE TEMP TABLE named ON COMMIT DROP AS
WITH shown AS ({_SHOWN}), answers AS ({_ANSWERS} AND position(CAST(:needle AS bytea) IN e.document) > 0
    AND s.attributes && CAST(:attributes AS text[]) AND e.at < :until)
    SELECT n.id, n.application_id, n.at, n.attributes, jsonb_array_elements_text(n.document -> 'subjects') COLLATE "C" AS subject_hash
    FROM answers n WHERE n.document -> 'batches' ? :batch
"""  # noqa: S608 - parts of this module
_RECEIVED = """
INSERT INTO received
SELECT n.id, n.application_id, n.at, n.subject_hash, a.attributes, n.attributes
FROM named n JOIN affected a ON a.subject_hash = n.subject_hash WHERE a.attributes && n.attributes
"""
# an export's evidence names batches and no subjects: it holds whole libraries, so every affected subject counts, also those that its rules on rows left out
_EXPORTED = """
    SELECT x.manifest_receipt AS receipt, x.application_id, e.at, ARRAY(SELECT jsonb_object_keys(x.items)) AS shown, x.batches, x.known_at
    FROM exchange.exports x JOIN evidence.entries e ON e.id = x.manifest_receipt
    WHERE x.library = :library AND x.manifest_receipt >= CAST(:from_id AS uuid)
"""
_RECEIVED_IN_BULK = f"""
INSERT INTO received
SELECT x.receipt, x.application_id, x.at, a.subject_hash, a.attributes, x.shown
FROM ({_EXPORTED}) x JOIN affected a ON a.attributes && x.shown
WHERE a.is_subject AND :batch = ANY (x.batches) AND x.known_at < :until
"""  # noqa: S608 - parts of this module
_WAITING = """
CREATE TEMP TABLE waiting ON COMMIT DROP AS
    SELECT s.application_id, s.subject_hash, r.notified_at FROM exchange.recall_subjects s
    JOIN exchange.recall_recipients r USING (recall_id, application_id)
    WHERE s.recall_id = :recall AND s.asked_again_at IS NULL AND r.notified_at IS NOT NULL
"""
_ANSWERED = f"""
CREATE TEMP TABLE answered ON COMMIT DROP AS
WITH shown AS ({_SHOWN}), answers AS ({_ANSWERS} AND e.at > :notified_at AND s.attributes && CAST(:attributes AS text[])
    AND s.application_id IN (SELECT DISTINCT application_id FROM waiting))
    SELECT n.application_id, jsonb_array_elements_text(n.document -> 'subjects') COLLATE "C" AS subject_hash, n.at
    FROM answers n WHERE :is_kept OR NOT n.document -> 'batches' ? :batch
"""  # noqa: S608 - parts of this module
_ASKED_AGAIN = """
UPDATE exchange.recall_subjects s SET asked_again_at = again.at FROM (
    SELECT w.application_id, w.subject_hash, min(n.at) AS at
    FROM waiting w JOIN answered n ON n.application_id = w.application_id AND n.subject_hash = w.subject_hash AND n.at > w.notified_at
    GROUP BY 1, 2) again
WHERE s.recall_id = :recall AND s.application_id = again.application_id AND s.subject_hash = again.subject_hash
"""
_ASKED_AGAIN_IN_BULK = f"""
UPDATE exchange.recall_subjects s SET asked_again_at = again.at FROM (
    SELECT w.application_id, w.subject_hash, min(x.at) AS at FROM waiting w JOIN ({_EXPORTED}) x
        ON x.application_id = w.application_id AND x.known_at > w.notified_at
    WHERE x.shown && CAST(:attributes AS text[]) AND (:is_kept OR NOT :batch = ANY (x.batches)) GROUP BY 1, 2) again
WHERE s.recall_id = :recall AND s.application_id = again.application_id AND s.subject_hash = again.subject_hash AND s.asked_again_at IS NULL
"""  # noqa: S608 - parts of this module


@dataclass(frozen=True)
class Wrong:
    """What turned out wrong: values of these attributes from one batch, handed out from `since` on, and until then or as long as the batch is named.

    A retracted batch has no last moment: whoever names it later was told something wrong too. A corrected value has, because its batch stays good otherwise.
    """

    library: str
    batch_id: str
    attributes: tuple[str, ...]
    since: datetime
    until: datetime | None = None


def prepare(session: Session) -> None:
    """Make the temporary tables `affected` and `received`, empty, for this transaction."""
    for statement in _PREPARE.split(";"):
        session.execute(text(statement))


def affect(session: Session, folder: Path, library: str, keys: Iterable[tuple[str, Sequence[str], bool]]) -> None:
    """Fill `affected` from (code of a subject or key of an entry, attributes, whether it is a subject), in chunks.

    Raises Transient `key.none_active` without the hub's secret.
    """
    if not (folder / "subject.key").is_file():  # making a new one here would find nobody, in silence
        raise Transient("key.none_active", folder=str(folder))
    secret = subject_secret(folder)
    statement = text(
        "INSERT INTO affected SELECT h, string_to_array(a, ','), s FROM"
        " unnest(CAST(:hashes AS text[]), CAST(:attributes AS text[]), CAST(:are_subjects AS boolean[])) AS t (h, a, s)"
    )
    rest = iter(keys)
    while chunk := list(islice(rest, _CHUNK)):
        hashes = [subject_hash(secret, library, key) for key, _, _ in chunk]
        names, are_subjects = [",".join(named) for _, named, _ in chunk], [one for _, _, one in chunk]
        session.execute(statement, {"hashes": hashes, "attributes": names, "are_subjects": are_subjects})
    session.execute(text("ANALYZE affected"))


def find(session: Session, wrong: Wrong) -> None:
    """Fill `received` with every answer and every export that handed an affected value out: per receipt and subject what is wrong of it, and what was shown."""
    values = {**_narrowed(wrong), "needle": _needle(wrong.batch_id), "until": wrong.until or _NEVER}
    session.execute(text(_NAMED), values)
    session.execute(text("ANALYZE named"))
    session.execute(text(_RECEIVED))
    session.execute(text(_RECEIVED_IN_BULK), values)


def find_asked_again(session: Session, recall_id: str, wrong: Wrong) -> None:
    """Note which subjects of a recall were asked for anew after the notice, with an answer that holds nothing of the batch any more. Once per transaction."""
    values = {**_narrowed(wrong), "recall": recall_id, "is_kept": wrong.until is not None}
    session.execute(text(_WAITING), values)
    notified = session.scalar(text("SELECT min(notified_at) FROM waiting"))
    if notified is None:
        return
    # tables just filled are unknown to the planner, who would compare everything with everything
    session.execute(text("ANALYZE waiting"))
    session.execute(text(_ANSWERED), values | {"notified_at": notified})
    session.execute(text("ANALYZE answered"))
    session.execute(text(_ASKED_AGAIN), values)
    session.execute(text(_ASKED_AGAIN_IN_BULK), values)


def first_id(moment: datetime) -> str:
    """Return the lowest receipt id an answer of this moment can have (UUID version 7, RFC 9562 §5.7), with the margin taken off."""
    digits = f"{int((moment - MARGIN).timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def _narrowed(wrong: Wrong) -> dict[str, object]:
    return {
        "library": wrong.library, "batch": wrong.batch_id, "attributes": list(wrong.attributes),
        "from_id": first_id(wrong.since),
    }  # fmt: skip


def _needle(batch_id: str) -> bytes:
    """The batch's id as it stands in an entry's canonical JSON: cheap to look for before anything is parsed."""
    return json.dumps(batch_id, ensure_ascii=False).encode()
