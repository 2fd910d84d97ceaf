"""Why: how good a resource's data is, where it is going and what is worst must be seen on one screen, and a steward must be able to add a rule of their own.
Called by `hutong quality`; what is counted and judged is libraries' work.
"""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from hutong.commands import steward_rules
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.judging import quality, references
from libraries.judging.quality import Rated, ResourceQuality
from libraries.landing import folder_of
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Scores, grades, trends, rules. 数据质量")
app.add_typer(steward_rules.app, name="rule")
NAMES = {
    "normativity": "规范性", "completeness": "完整性", "accuracy": "准确性",
    "consistency": "一致性", "timeliness": "时效性", "accessibility": "可访问性",
}  # fmt: skip
DIRECTIONS = {"rising": "↗ 上升", "falling": "↘ 下降", "steady": "→ 平稳"}
BARS = "▁▂▃▄▅▆▇█"
_LOWEST = 80.0  # the sparkline's foot, unless a score lies below it
Resource = Annotated[str, typer.Argument(help="Resource id, e.g. civil_affairs.marriage")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every published resource that has a source, worst first. 按得分列出全部资源"""
    with transaction("reader") as session:
        found = quality.every(session)
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in found], ensure_ascii=False, indent=1, default=str))
        return
    table = plain_table("resource 资源", "grade 等级", "score 得分", "trend 趋势", "worst 主要问题")
    for one in found:
        worst = one.worst[0] if one.worst else None
        told = f"{worst.rule} {worst.failed:,}" if worst else (one.drifts[0][0] if one.drifts else "")
        score = "-" if one.score is None else f"{one.score:.2f}"
        table.add_row(one.resource, _grade(one), score, sparkline([p.score for p in one.trend]), told)
    print_table(table)


@app.command()
def show(resource: Resource, as_json: AsJson = False) -> None:
    """Show one resource: score, grade, indicators, trend, last batches, worst rules, what moved, and its report. 查看一个资源的质量"""
    with transaction("reader") as session:
        found = quality.of(session, resource)
    if as_json:
        typer.echo(json.dumps(_facts(found), ensure_ascii=False, indent=1, default=str))
        return
    score = "-" if found.score is None else f"{found.score:.2f}"
    typer.echo(f"{found.resource}  {found.name}\n  grade 等级 {_grade(found)}   score 得分 {score}")
    if found.score is None:
        typer.echo("  no batch was checked yet 尚无已检查的批次")
        return
    line = sparkline([point.score for point in found.trend])
    typer.echo(f"  trend 趋势 {line} {DIRECTIONS[found.direction]}   GB/T 36344-2018:")
    for name, value in found.indicators.items():
        typer.echo(f"    {name} {NAMES[name]}  {value:.2f}")
    _show_batches(found)
    _show_rules(found.worst)
    _show_drifts(found)
    typer.echo(f"  report 报告 {report_of(found)}")


@app.command()
def orphans(
    resource: Resource, limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most keys to show.")] = 50
) -> None:
    """List merged records whose reference the libraries no longer hold, by reference rule. 列出引用落空的记录"""
    with transaction("reader") as session:
        found = references.orphans(session, resource, limit)
    for one in found:
        typer.echo(f"{one.rule}: {one.count:,}")
        for key in one.keys:
            typer.echo(f"  {key}")
    if not found:
        typer.echo("no reference rule 没有引用规则")


def sparkline(scores: list[float]) -> str:
    """Return the scores as bars, one a batch: full at 100, empty at the lowest or at 80."""
    foot = min([_LOWEST, *scores])
    steps = len(BARS) - 1
    return "".join(BARS[round((score - foot) / (100 - foot) * steps)] for score in scores)


def report_of(found: ResourceQuality) -> str:
    """Return where the Data Docs page of the last checked batch lies."""
    folder = folder_of(found.path or "")
    base = getattr(folder.filesystem, "base_path", "")
    return "/".join(part.rstrip("/") for part in (base, folder.at("quality", "index.html")) if part)


def _grade(found: ResourceQuality) -> str:
    return f"{found.grade.grade} {found.grade.zh} {found.grade.en}" if found.grade else "-"


def _show_batches(found: ResourceQuality) -> None:
    typer.echo("  last batches 近期批次")
    for point in reversed(found.trend[-5:]):
        held = f"{point.quarantined:,} held 隔离" if point.quarantined else ""
        typer.echo(
            f"    {point.at:%Y-%m-%d %H:%M} {point.score:6.2f} {point.rows:>12,} rows 行 {point.state} {held}".rstrip()
        )


def _show_rules(worst: list[Rated]) -> None:
    if not worst:
        return
    typer.echo("  worst rules 主要问题")
    for rule in worst[:8]:
        typer.echo(f"    {rule.rule}  {rule.failed:,} / {rule.evaluated:,} ({rule.indicator} {NAMES[rule.indicator]})")


def _show_drifts(found: ResourceQuality) -> None:
    if not found.drifts:
        return
    typer.echo("  unlike the batches before 与近期批次相比异常")
    for guard, figure in found.drifts:
        whose = " ".join(str(figure[name]) for name in ("item", "code") if name in figure)
        ends = ["" if figure.get(end) is None else f"{figure[end]:.4g}" for end in ("low", "high")]
        typer.echo(f"    {guard} {whose} {figure['value']:.4g} (allowed 允许 {' – '.join(ends)})")


def _facts(found: ResourceQuality) -> dict[str, Any]:
    facts = asdict(found)
    return facts | {
        "report": report_of(found) if found.path else None,
        "worst": [rule.rule for rule in found.worst],
        "drifts": [{"guard": guard, **figure} for guard, figure in found.drifts],
    }
