"""Why: before anything is wrong, and when something is, one command looks at everything an installation needs, and says what to do. Called by `hutong doctor`;
the checks are in `hutong.doctor`.
"""

import json
from typing import Annotated

import typer

from hutong.doctor.checks import Check, Looked, run

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


def doctor(
    only: Annotated[list[str] | None, typer.Option(help="Only this check; repeatable. 仅检查该项")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check settings, keys, database, log, storage, clock, scheduler and grants; exit code 1 when something must be mended. 配置与环境检查"""
    from hutong.doctor import database, surroundings

    checks = _chosen((database.REACH, *surroundings.CHECKS, *database.CHECKS[1:]), only)
    looked = run(checks, (lambda _: None) if as_json else _show)
    grades = [one.found.grade for one in looked]
    if as_json:
        typer.echo(json.dumps({"checks": [_told(one) for one in looked]}, ensure_ascii=False, indent=1))
    else:
        counts = grades.count("ok"), grades.count("warn"), grades.count("fail")
        typer.echo("正常 {0}，注意 {1}，故障 {2}。{0} well, {1} to look at, {2} to mend.".format(*counts))
    raise typer.Exit(1 if "fail" in grades else 0)


def _chosen(checks: tuple[Check, ...], only: list[str] | None) -> list[Check]:
    known = {check.name for check in checks}
    if unknown := sorted(set(only or ()) - known):
        names = ", ".join(sorted(known))
        raise typer.BadParameter(f"{', '.join(unknown)}: 可用的检查项 / known checks: {names}")
    return [check for check in checks if not only or check.name in only]


def _show(one: Looked) -> None:
    check, found = one.check, one.found
    typer.echo(f"{MARKS[found.grade]} {check.zh} {check.en}: {found.zh} / {found.en}")
    if found.remedy_zh:
        typer.echo(f"    → {found.remedy_zh} {found.remedy_en}")


def _told(one: Looked) -> dict[str, object]:
    found = one.found
    return {
        "check": one.check.name, "grade": found.grade, "found": {"zh": found.zh, "en": found.en},
        "remedy": {"zh": found.remedy_zh, "en": found.remedy_en}, "ms": round(one.seconds * 1000, 1),
    }  # fmt: skip
