"""Why: every command of the family names a demand, gives a reason and tells where the case stands now in the same words. Called by `hutong demand` alone."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from exchange_api.demand.findings import Finding
from schemas import yaml_data
from schemas.errors import Invalid
from schemas.tables.exchange import Demand

STATES = {
    "draft": "草稿 draft", "submitted": "待分派 submitted", "returned": "已退回补正 returned", "dispatched": "待数源确认 dispatched",
    "needs_information": "待补充说明 needs information", "offered": "待回复替代方案 offered", "answered": "已答复 answered",
    "provided": "待验收 provided", "accepted": "已验收 accepted", "closed": "已办结 closed", "withdrawn": "已撤回 withdrawn",
    "refused": "不予提供 refused",
}  # fmt: skip
SEVERITIES = {"error": "错误 error", "warning": "提醒 warning", "suggestion": "建议 suggestion"}
LARGEST_FORM = 2**20

DemandId = Annotated[str, typer.Argument(metavar="DEMAND", help="Number, e.g. XQ-2026-000001. 需求编号")]
Why = Annotated[str | None, typer.Option("--why", help="The reason, in words. 理由")]
FormFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The demand as YAML or JSON. 需求文件"),
]


def read_file(path: Path) -> Any:
    """Return what a YAML or JSON file says. Raises Invalid `demand.malformed`."""
    if path.stat().st_size > LARGEST_FORM:
        raise Invalid("demand.malformed", problems=f"{path.name}: > {LARGEST_FORM} bytes")
    try:
        return yaml_data.parse(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "not UTF-8 text"
        raise Invalid("demand.malformed", problems=f"{path.name}: {place}") from error


def tell_state(demand: Demand) -> None:
    """Print where a demand stands now."""
    typer.echo(f"{demand.id}  {STATES[demand.state]}")


def tell_findings(found: list[Finding]) -> None:
    """Print what the conformity check said, with the remedies."""
    for one in found:
        typer.echo(f"  {SEVERITIES[one.severity]}  {one.where}  {one.title('zh')} {one.title('en')}")
        typer.echo(f"    → {one.remedy('zh')} {one.remedy('en')}")
