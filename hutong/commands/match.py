"""Why: an authority tries the matching on a pile of demands, or holds it against labels, without registering anything. Called by `hutong match`.

Files: catalogue CSV with resource_id, resource_name, department, item_code, item_name; demands one JSON object a line with id, purpose,
service_item.name and requested_items[].name; answers one JSON object a line with ranked resources and, per wanted item, ranked matches.
Without a catalogue file: this hub's directory.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from exchange_api.matching import Answer, Candidate, Found, Wanted, candidates, match
from exchange_api.matching.engine import corpus_of
from hutong.commands import match_proposals
from schemas.errors import Invalid

_COLUMNS = ("resource_id", "resource_name", "department", "item_code", "item_name")
Catalogue = Annotated[
    Path | None,
    typer.Option(
        "--catalogue", exists=True, dir_okay=False, help="Catalogue CSV; default: this hub's directory. 目录文件"
    ),
]
Demands = Annotated[
    Path | None, typer.Option("--demands", exists=True, dir_okay=False, help="Demands, a JSON object a line. 需求文件")
]
Out = Annotated[Path | None, typer.Option("--out", help="Where the answers go, a JSON object a line. 结果文件")]
Limit = Annotated[int, typer.Option(min=1, max=50, help="Matches per wanted item at most. 每项最多给出的匹配数")]
Explain = Annotated[bool, typer.Option("--explain", help="Put the reasons of each match beside it. 附匹配理由")]


app = typer.Typer(add_completion=False, invoke_without_command=True)
app.add_typer(match_proposals.app, name="proposals")


@app.callback()
def match_demands(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    demands: Demands = None,
    out: Out = None,
    catalogue: Catalogue = None,
    limit: Limit = 8,
    explain: Explain = False,
) -> None:
    """Match demands in plain words with catalogued items. 需求匹配"""
    if context.invoked_subcommand is not None:
        return
    for name, given in (("--demands", demands), ("--out", out)):
        if given is None:
            raise typer.BadParameter("is missing 缺少", param_hint=name)
    match_files(Path(str(demands)), Path(str(out)), catalogue, (limit, explain))


def match_files(demands: Path, out: Path, catalogue: Path | None, how: tuple[int, bool]) -> None:
    """Write the answers to a file of demands. how: matches per wanted item, and whether reasons stand beside them."""
    limit, explain = how
    known = _read_catalogue(catalogue) if catalogue else _read_directory()
    asked = list(_read_demands(demands))
    corpus, unmatched = corpus_of(known), 0
    lines = []
    for demand in track(asked, "匹配 matching", disable=len(asked) < 20):
        wanted = [Wanted(item["name"], item.get("note")) for item in demand["requested_items"]]
        service = (demand.get("service_item") or {}).get("name") or ""
        answer = match(corpus, wanted, demand.get("purpose") or "", service, limit=limit)
        unmatched += sum(not found for found in answer.items)
        lines.append(json.dumps(_as_line(demand, wanted, answer, explain=explain), ensure_ascii=False))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    typer.echo(
        f"{len(asked)} 件需求 demands, {len(known)} 个信息项 catalogued items; {unmatched} 项无人可供 wanted items that nothing supplies → {out}"
    )


def _as_line(demand: dict[str, Any], wanted: list[Wanted], answer: Answer, *, explain: bool) -> dict[str, Any]:
    items = [
        {"requested": item.name, "matches": [_as_match(one, explain=explain) for one in found]}
        for item, found in zip(wanted, answer.items, strict=True)
    ]
    return {"id": demand["id"], "resources": [resource for resource, _ in answer.resources], "items": items}


def _as_match(one: Found, *, explain: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"resource_id": one.candidate.resource_id, "item_code": one.candidate.item_id}
    if explain:
        reasons = [{"key": reason.key, "points": round(reason.points, 4), **reason.facts} for reason in one.reasons]
        found |= {"item_name": one.candidate.item_name, "score": one.score, "reasons": reasons}
    return found


def _read_directory() -> list[Candidate]:
    from schemas.database import transaction

    with transaction("reader") as session:
        return candidates(session)


def _read_catalogue(path: Path) -> list[Candidate]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise Invalid("match.columns_missing", file=path.name, missing=", ".join(missing))
        return [_candidate(row) for row in reader]


def _candidate(row: dict[str, str]) -> Candidate:
    resource, name, department, item, item_name = (row[column] or "" for column in _COLUMNS)
    return Candidate(resource, resource, name, department, department, item, item_name, sharing_type=2)


def _read_demands(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            wanted = [(item["name"], item.get("note") or "") for item in found["requested_items"]]
            said = [found.get("purpose") or "", (found.get("service_item") or {}).get("name") or ""]
            _ = found["id"], "".join((*said, *(text for item in wanted for text in item)))
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise Invalid("match.demand_unreadable", file=path.name, line=number) from wrong
        yield found
