"""Why: what each kind of a steward's order does: the same functions that the command line calls, with what came of it in figures. Called by `orders` alone."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from exchange_api.objections import objection_cases, objections
from exchange_api.recalls import recall
from exchange_api.steward import consequences, workbooks
from libraries import ingest, rulings
from libraries.comparing import reconcile as comparing
from libraries.correcting import corrections
from libraries.disputing import listing
from libraries.retracting.retract import Report
from libraries.retracting.retract import retract as take_back
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.grounds import Grounds
from schemas.masking import mask_of
from schemas.tables.objections import LIVE_STATES
from schemas.tables.steward import StewardOrder

Tell = Callable[[str], None]
REASONED = ("retract", "settle", "withdraw", "rule_doubt")
"""Kinds that are decisions: who orders them says why."""


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as JSON takes them."""
    known = (int, float, str, type(None))
    return {name: value if isinstance(value, known) else str(value) for name, value in facts.items()}


def _replay(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    tell("replay")
    corrections = {int(row): values for row, values in order.said["rows"].items()}
    ended = ingest.replay_rows(corrections)
    return {
        "rows": {
            str(row): {"end": one.end, "batch": one.batch_id, "reasons": list(one.reasons)}
            for row, one in ended.items()
        }
    }


def _correct(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    tell("replay")
    answers = corrections.fix_lines(workbooks.lines_of(order, "to_send"), order.said["name"])
    taken = {answer.line for answer in answers}
    left = [answer for answer in order.found["answers"] if answer["line"] not in taken]
    return {"answers": sorted([*map(asdict, answers), *left], key=lambda one: one["line"])}


def _preview(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    report = take_back(order.target, reason="", by="", dry_run=True, progress=tell)
    tell("recipients")
    with transaction("exchange") as session:
        told = consequences.find(session, order.target)
    return {**_told(report), **asdict(told)}


def _retract(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    report = take_back(order.target, reason=order.reason, by=order.ordered_by, progress=tell)
    found = _told(report)
    tell("recall")
    try:
        with transaction("exchange") as session:
            found["recall"] = recall.open_recall(session, report.retraction or 0).id
    except HutongError as error:  # the batch is taken back; the hourly task opens the recall
        found["recall_waits"] = error.code
    return found


def _told(report: Report) -> dict[str, Any]:
    hidden = mask_of("tail4")
    examples = [
        {"key": hidden(key), "from": list(own), "changed": list(changed)} for key, own, changed in report.examples
    ]
    return {
        "library": report.library, "counts": report.counts, "examples": examples, "replays": list(report.replays),
        "retraction": report.retraction, "seconds": report.seconds,
    }  # fmt: skip


def _reconcile(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    tell("compare")
    report = comparing.reconcile(order.target, comparing.Limits())
    kinds = {kind: len(getattr(report.found, kind)) for kind in ("missing", "extra", "different", "waiting")}
    return {
        "method": report.method, "batch": report.batch, "source_rows": report.source_rows, "landed_rows": report.landed_rows,
        "held": report.held, "is_same": report.found.is_same, "is_whole": report.found.is_whole, **kinds,
    }  # fmt: skip


def _settle(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    tell("judge")
    with transaction("ingest") as session:
        conflict = listing.get(session, int(order.target))
        take = order.said.get("take")
        word = listing.value_of(session, conflict, take) if take else str(order.said["value"])
        made = rulings.rule(
            session,
            conflict.library,
            conflict.record_key,
            {conflict.attribute: word},
            Grounds(order.reason, order.ordered_by),
        )
        return {"rulings": [one.id for one in made]}


def _withdraw(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    tell("judge")
    with transaction("ingest") as session:
        return {"ruling": rulings.withdraw(session, int(order.target), Grounds(order.reason, order.ordered_by)).id}


def _rule_doubt(order: StewardOrder, tell: Tell) -> dict[str, Any]:
    tell("judge")
    with transaction("exchange") as session:
        doubt = objection_cases.get(session, order.target)
        place, is_live = (doubt.library, doubt.record_key, doubt.attribute), doubt.state in LIVE_STATES
        word = str(doubt.claimed if order.said.get("take") == "claimed" else order.said["value"])
    if not is_live:
        return {"rulings": []}
    with transaction("ingest") as session:
        made = rulings.rule(session, place[0], place[1], {place[2]: word}, Grounds(order.reason, order.ordered_by))
        found = {"rulings": [one.id for one in made]}
    with transaction("exchange") as session:  # left out by a crash, the hourly task does it
        objections.settle(session, objection_cases.get(session, order.target))
    return found


KINDS: Mapping[str, Callable[[StewardOrder, Tell], dict[str, Any]]] = {
    "replay": _replay, "correct": _correct, "preview": _preview, "retract": _retract, "reconcile": _reconcile, "settle": _settle, "withdraw": _withdraw,
    "rule_doubt": _rule_doubt,
}  # fmt: skip
