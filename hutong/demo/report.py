"""Why: what the demonstration showed has to be readable by a program (var/demo/report.json) and by a person (the summary at its end).

Called by hutong/demo/story.py and hutong/commands/demo.py. The report's keys are a promise: tests and other tools read them.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import departments, directory
from hutong.demo import accounts
from hutong.demo.compare import latest_batches
from hutong.demo.exchange_story import Told
from hutong.embedded.home import Home, read_json, read_secrets, write_json
from schemas.database import transaction
from schemas.library import LIBRARIES
from schemas.tables.library import claims_table, golden_table


@dataclass(frozen=True)
class Outcome:
    """How one run of the demonstration went."""

    runs: dict[str, str]
    dirt: dict[str, Any]
    told: Told
    seconds: dict[str, float]
    passwords: dict[str, str]

    @property
    def is_good(self) -> bool:
        """Whether everything went as promised."""
        runs = all(state == "success" for state in self.runs.values())
        proofs = self.told.query.verified and self.told.refusal.verified
        answers = self.told.query.status == 200 and self.told.refusal.status == 403
        return runs and proofs and answers and not self.dirt["missed"] and not self.dirt["false"]


def write_report(folder: Path, outcome: Outcome) -> None:
    """Write report.json, and comparison.json with every kind of fault and the golden values compared."""
    with transaction("reader") as session:
        report = {
            "departments": len(departments.find(session)),
            "resources": len(directory.published(session)),
            "airflow_runs": {
                state: sum(found == state for found in outcome.runs.values()) for state in ("success", "failed")
            },
            "libraries": _libraries(session),
        }
    query, refusal = outcome.told.query, outcome.told.refusal
    report |= {
        "dirt": {name: outcome.dirt[name] for name in ("seeded", "found", "missed", "false")},
        "query": {"status": query.status, "receipt": query.receipt, "verified": query.verified},
        "refusal": {
            "status": refusal.status,
            "code": refusal.code,
            "receipt": refusal.receipt,
            "verified": refusal.verified,
        },
        "seconds": outcome.seconds,
    }
    write_json(folder / "report.json", report)
    write_json(folder / "comparison.json", outcome.dirt)


def print_summary(console: Console, home: Home, outcome: Outcome) -> None:
    """Say what happened, where to look and how to stop."""
    report = read_json(home.var / "demo" / "report.json") or {}
    table = Table(box=None, header_style="dim")
    for column in ("library 库", "records 记录", "claims 主张", "quarantined 隔离"):
        table.add_column(column)
    for name, counts in report["libraries"].items():
        table.add_row(name, *(f"{counts[key]:,}" for key in ("records", "claims", "quarantined")))
    console.print(table)
    dirt, told = report["dirt"], outcome.told
    console.print(
        f"dirt 脏数据: {dirt['seeded']} seeded, {dirt['found']} found, {dirt['missed']} missed, {dirt['false']} false"
    )
    console.print(f"demand 需求 {told.demand} → grant 授权 {told.grant}")
    console.print(
        f"answer 应答: {told.query.status}, receipt 回执 var/demo/receipt.json, verified {told.query.verified}"
    )
    console.print(
        f"refusal 拒绝: {told.refusal.status} {told.refusal.code}, receipt var/demo/refusal.json, verified {told.refusal.verified}"
    )
    _print_places(console, home, outcome)


def _print_places(console: Console, home: Home, outcome: Outcome) -> None:
    addresses = (read_json(home.run / "status.json") or {}).get("addresses", {})
    for name, address in addresses.items():
        console.print(f"  {name:<14} {address}")
    _print_accounts(console, addresses.get("portal", ""), outcome.passwords)
    console.print(f"  {'airflow login':<14} admin / {read_secrets(home)['airflow_admin']}")
    console.print("Try 试试:")
    console.print("  hutong verify var/demo/receipt.json --json")
    console.print(f"  hutong record show population {outcome.told.subject} --explain")
    console.print(f"Took 用时 {outcome.seconds['total']} s. Stop with `hutong down`. 停止：`hutong down`")


def _print_accounts(console: Console, portal: str, passwords: dict[str, str]) -> None:
    """Say where the portal is and who may sign in there as what."""
    console.print(f"Portal 门户: {portal}  (help 帮助: {portal}portal/help)")
    table = Table(box=None, header_style="dim")
    for column in ("role 角色", "officer 经办人", "login 登录名", "password 口令"):
        table.add_column(column, no_wrap=True)
    for row in accounts.told(passwords):
        table.add_row(*map(escape, row))
    console.print(table)


def _libraries(session: Session) -> dict[str, dict[str, int]]:
    quarantined: Counter[str] = Counter()
    libraries = {version.document.id: version.document.library for version in directory.published(session)}
    for resource, batch in latest_batches(session).items():
        quarantined[str(libraries.get(resource))] += batch.rows_quarantined or 0
    return {
        name: {
            "records": session.scalar(select(func.count()).select_from(golden_table(name))) or 0,
            "claims": session.scalar(select(func.count()).select_from(claims_table(name))) or 0,
            "quarantined": quarantined[name],
        }
        for name in LIBRARIES
        if name in libraries.values()
    }
