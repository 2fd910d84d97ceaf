"""Why: a verdict must survive the task that failed on it: quarantine, rule results, score and state are committed together, before anything is raised.
Only `libraries.ingest` comes here.
"""

import json
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from catalog.rules import Rule, rules_of
from libraries import batches, landing, quarantine
from libraries.batches import Task
from libraries.checking import Guarded, Verdict, judge, judge_guards, keep_report, open_door
from libraries.frames import Frame, require_checkable
from libraries.judging import guards, profiles, screening, sql_rules, steward_rules
from libraries.judging.quality import score_of
from libraries.judging.screening import Look, Screened
from schemas.calendar import CHINA
from schemas.errors import Terminal
from schemas.tables.landing import Batch, ItemProfile, RuleResult

log = logging.getLogger(__name__)
VOLUME = "batch.volume"


@dataclass(frozen=True)
class Known:
    """What the database says before a batch is looked at: rows a snapshot must have, what the last batches were like, stewards' rules."""

    least_rows: int
    before: guards.Before
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Checked:
    """A batch as checked, not yet written down: how it was looked at, what was found, how many rows stayed good."""

    look: Look
    screened: Screened
    verdict: Verdict
    good: int
    least_rows: int
    guarded: Guarded | None
    profile: list[ItemProfile]


def known_of(session: Session, task: Task) -> Known:
    """Return what a batch is to be held against, and the stewards' rules in force for it."""
    return Known(least_rows_of(session, task), guards.before(session, task), steward_rules.active(session, task.batch))


def look_of(task: Task, more: tuple[Rule, ...] = ()) -> Look:
    """Return how the batch is to be looked at, `more` rules after those of its version.

    Raises Terminal `quality.unknown_normalisation`, `quality.bad_attribute`, `landing.damaged`.
    """
    require_checkable(task.document)
    folder = landing.folder_of(task.batch.path or "")
    landing.require_undamaged(folder, task.batch.id)
    rules = tuple(rule for rule in (*rules_of(task.document), *more) if rule.kind != "volume")
    landed_at = task.batch.landed_at or batches.now()
    manifest = None if batches.is_partial(task.batch) else landing.read_manifest(folder)
    return Look(folder, task.document, rules, landed_at.astimezone(CHINA).date(), rows=manifest.rows if manifest else 0)


def examine(task: Task, known: Known) -> Checked:
    """Screen a landed batch, let it be judged, and leave the good rows in checked/. Nothing is written to the database.

    Raises what `look_of` raises and Terminal `quality.bad_rule`.
    """
    look = look_of(task, known.rules)
    look = replace(look, failing=sql_rules.failing_keys(look, look.rules))
    with ThreadPoolExecutor(1) as aside:  # the import takes seconds, in which Arrow can screen a million rows
        opening = aside.submit(open_door)
        screened = screening.screen(look)
        opening.result()
    verdict = judge(task.batch.id, look.rules, screened.bits, screened.repeated, known.least_rows)
    good = ~verdict.bad(screened.rows)
    good[screened.repeated - 1] = False
    kept = screening.keep_only(look, screened, good)
    if kept != int(good.sum()):
        raise RuntimeError(f"{task.batch.id}: {int(good.sum())} rows judged good, {kept} written")
    profile = profiles.rows_of(task.batch.id, screened.profile)
    guarded = None
    if not batches.is_partial(task.batch):
        guarded = judge_guards(task.batch.id, guards.hold(task, screened.rows, profile, known.before), verdict)
    keep_report(look.folder, verdict)
    return Checked(look, screened, verdict, kept, known.least_rows, guarded, profile)


def least_rows_of(session: Session, task: Task) -> int:
    """Return how many rows a whole snapshot must have, from the last merged one and the declared drop; 0 where there is nothing to hold against."""
    last = batches.latest(session, task.batch.resource_id, before=task.batch)
    if task.source.mode != "snapshot" or batches.is_partial(task.batch) or last is None or not last.rows_in:
        return 0
    declared = [check.options.get("drop") for check in task.document.checks if check.kind == "volume"]
    drop = next((float(value) for value in declared if value is not None), task.document.quality.volume_drop)
    return math.ceil(last.rows_in * (1 - drop))


def record(session: Session, batch_id: str, checked: Checked) -> Terminal | None:
    """Write the verdict down; return why the batch is rejected, None when it may merge. What an unfinished check wrote is replaced."""
    batch = batches.get(session, batch_id, lock=True).batch
    for table in (RuleResult, ItemProfile):
        session.execute(delete(table).where(table.batch_id == batch_id))
    held = _hold(session, batch_id, checked)
    results = _results(batch_id, checked)
    session.add_all([*results, *checked.profile])
    batch.rows_in = checked.screened.rows + held - _bad(checked)
    batch.rows_good, batch.rows_quarantined = checked.good, held
    batch.repairs, batch.score = checked.screened.repairs, score_of(results)
    batch.state, batch.checked_at = "checked", batches.now()
    batch.error_code, batch.error_facts = None, None
    error = _rejection(batch, checked)
    if error is not None:
        batches.reject(session, batch_id, error)
    return error


def _bad(checked: Checked) -> int:
    return int(checked.verdict.bad(checked.screened.rows).sum())


def _hold(session: Session, batch_id: str, checked: Checked) -> int:
    look = checked.look
    rows = np.flatnonzero(checked.verdict.bad(checked.screened.rows)) + 1
    reasons, first = quarantine.reasons_of(checked.verdict, rows), 0
    for table in screening.landed_rows(look.folder, rows):
        frame = Frame(table, look.document, look.today)
        quarantine.hold(session, batch_id, table, frame, reasons.slice(first, frame.rows))
        first += frame.rows
    malformed = json.loads(look.folder.read("malformed.json") or b"[]")
    quarantine.hold_malformed(session, batch_id, malformed)
    return len(rows) + len(malformed)


def _results(batch_id: str, checked: Checked) -> list[RuleResult]:
    found = [
        RuleResult(
            batch_id=batch_id, rule=of.rule.id, indicator=of.rule.indicator, scope=of.rule.scope,
            evaluated=of.evaluated, failed=of.failed,
        )
        for of in checked.verdict.rules
    ]  # fmt: skip
    if checked.least_rows:
        failed = int(not checked.verdict.is_volume_right)
        found.append(
            RuleResult(
                batch_id=batch_id, rule=VOLUME, indicator="completeness", scope="batch", evaluated=1, failed=failed
            )
        )
    return found + (_guard_results(batch_id, checked.guarded) if checked.guarded else [])


def _guard_results(batch_id: str, guarded: Guarded) -> list[RuleResult]:
    found = []
    for guard, outside in guarded.outside.items():
        looked_at = sum(figure.guard == guard for figure in guarded.figures)
        facts = {"outside": [figure.facts() for figure in outside]} if outside else None
        if outside:
            log.warning("batch %s: %s outside what the last batches allow: %s", batch_id, guard, facts)
        found.append(
            RuleResult(
                batch_id=batch_id, rule=f"batch.{guard}", indicator=guards.INDICATORS[guard], scope="batch",
                evaluated=looked_at, failed=len(outside), facts=facts,
            )
        )  # fmt: skip
    return found


def _rejection(batch: Batch, checked: Checked) -> Terminal | None:
    rows, bad = batch.rows_in or 0, batch.rows_quarantined or 0
    if not checked.verdict.is_volume_right:
        return Terminal("quality.volume", batch=batch.id, rows=rows, least=checked.least_rows)
    if guarded := _guard_rejection(batch, checked):
        return guarded
    allowed = checked.look.document.quality.reject_above
    if batches.is_replay(batch):  # mended rows are judged each on its own: those that are right go in
        allowed = 1 if checked.good else 0
    if not rows or bad / rows <= allowed:
        return None
    worst = sorted(checked.verdict.rules, key=lambda found: -found.failed)[:3]
    named = ", ".join(f"{found.rule.id} {found.failed}" for found in worst if found.failed)
    return Terminal(
        "quality.rejected", batch=batch.id, bad=bad, rows=rows, allowed=round(100 * allowed, 2), worst=named or "-"
    )


def _guard_rejection(batch: Batch, checked: Checked) -> Terminal | None:
    outside = checked.guarded.outside if checked.guarded else {}
    for guard in checked.look.document.quality.reject_on:
        for figure in outside.get(guard, ()):
            whose = " ".join(part for part in (figure.item, figure.code) if part) or "-"
            facts = {"low": "-", "high": "-", **figure.facts()}
            told = {name: facts[name] for name in ("value", "low", "high")}
            return Terminal("quality.guard", batch=batch.id, guard=guard, whose=whose, **told)
    return None
