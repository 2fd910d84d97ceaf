"""Why: a steward looks at who may be one person or entity under two keys, and says whether they are. Values are masked unless asked for in clear.
Called by `hutong resolution`; the finding and judging are `libraries.resolution`'s.
"""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import Session

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import batches, quarantine
from libraries.holding import concealing
from libraries.resolution import judging
from libraries.resolution.find import THRESHOLD
from libraries.resolution.find import find as search
from libraries.resolution.judging import Wanted
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.grounds import Grounds
from schemas.library import library
from schemas.masking import mask_of
from schemas.tables.library import golden_table
from schemas.tables.resolution import CandidatePair, PairJudgement

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Who may be one under two keys. 实体解析：疑似同一主体"
)
AGREES = {"exact": "相同 exact", "close": "相近 close", "differs": "不同 differs", "missing": "缺失 missing"}
STEPS = {"records": "records 记录", "claims": "claims 断言", "rows": "held rows 隔离行", "learn": "learning 估计", "compare": "comparing 比对"}  # fmt: skip
PairId = Annotated[int, typer.Argument(metavar="PAIR", help="Pair as hutong resolution list numbers it. 编号")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Print values in clear; they may be personal data. 明文显示")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words that others can check. 理由")]
By = Annotated[str, typer.Option("--by", help="Who decides. 研判人")]


class Verdict(StrEnum):
    """What a pair may be judged."""

    SAME, DIFFERENT, UNSURE = "same", "different", "unsure"


class Side(StrEnum):
    """One side of a pair."""

    LEFT, RIGHT = "left", "right"


@app.command()
def find(
    library_name: Annotated[str, typer.Argument(metavar="LIBRARY", help="population | legal_entity 基础库")],
    threshold: Annotated[float, typer.Option(help="Least probability of a candidate. 最低概率")] = THRESHOLD,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")] = False,
) -> None:
    """Find records, and held rows without a right key, that may be one; nothing but candidates is written. 查找疑似同一主体"""
    console = Console(stderr=True, highlight=False)
    with console.status("") as status:
        counts: dict[str, int] = {}

        def tell(step: str, count: int) -> None:
            counts[step] = counts.get(step, 0) + count
            status.update(f"{STEPS[step]} {counts[step]:,}")

        report = search(library_name, threshold, tell)
    if as_json:
        typer.echo(json.dumps(report.__dict__, ensure_ascii=False))
        return
    typer.echo(
        f"{report.library}: 记录 records {report.records:,}, 隔离行 held rows {report.rows:,},"
        f" 疑似对 pairs {report.pairs:,}, 新增 new {report.fresh:,}, 模型 model {report.model}"
    )


@app.command("list")
def list_(
    library_name: Annotated[str | None, typer.Argument(metavar="[LIBRARY]", help="Only this library. 基础库")] = None,
    verdict: Annotated[
        str | None, typer.Option("--judged", help="same | different | unsure | all; without: not yet judged. 研判结果")
    ] = None,
    least: Annotated[float, typer.Option("--least", min=0, max=1, help="Least probability. 最低概率")] = 0.0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most pairs to show.")] = 50,
) -> None:
    """List candidate pairs, most probable first, keys masked. 列出疑似对"""
    table = plain_table(
        "pair 编号", "library 库", "left 左", "right 右", "probability 概率", "agrees 一致", "judged 研判"
    )
    with transaction("reader") as session:
        for found in judging.find(session, Wanted(library_name, verdict, least), limit):
            pair = found.pair
            agreeing = ", ".join(one["field"] for one in pair.evidence if one["agrees"] in ("exact", "close"))
            left = f"row {pair.row_id}" if pair.row_id else _masked(pair, pair.left_key)
            judged = found.judgement.verdict if found.judgement else "—"
            table.add_row(
                str(pair.id), pair.library, left, _masked(pair, pair.right_key), f"{pair.probability:.4f}", agreeing, judged
            )  # fmt: skip
    print_table(table)


@app.command()
def show(pair_id: PairId, reveal: Reveal = False) -> None:
    """Show both sides of a pair, why it is a candidate, and all that was judged of it. 查看疑似对"""
    with transaction("reader") as session:
        pair = judging.get(session, pair_id)
        left, right = _left(session, pair, reveal), _record(session, pair, pair.right_key, reveal)
        past = judging.judgements(session, pair_id)
    typer.echo(f"{pair.id} {pair.library} {pair.probability:.4f} 模型 model {pair.model}")
    table = plain_table("attribute 信息项", "left 左", "right 右", "agrees 一致", "bits 权重")
    told = {one["field"]: one for one in pair.evidence}
    for name in ("key", *(one.attribute for one in library(pair.library).resemblance)):
        one = told.get(name)
        how, bits = (AGREES[one["agrees"]], f"{one['bits']:+}") if one else ("—", "")
        table.add_row(name, left.get(name) or "", right.get(name) or "", how, bits)
    print_table(table)
    for judgement in past:
        typer.echo(_told(judgement))


@app.command()
def judge(
    pair_id: PairId,
    verdict: Annotated[Verdict, typer.Argument(help="same | different | unsure 同一、不同、存疑")],
    reason: Reason,
    by: By,
    former: Annotated[
        Side | None, typer.Option(help="Of two records judged the same: whose key is the former one. 原标识所在侧")
    ] = None,
) -> None:
    """Judge a pair; two records judged the same are linked, a held row gets its key proposed. Judged different, it is not proposed again. 研判"""
    with transaction("ingest") as session:
        pair = judging.get(session, pair_id)
        key = {Side.LEFT: pair.left_key, Side.RIGHT: pair.right_key}[former] if former else None
        made = judging.judge(session, pair_id, verdict.value, Grounds(reason, by), key)
        typer.echo(f"{pair_id} {made.verdict}" + (f" · identity link 身份关联 {made.link_id}" if made.link_id else ""))
    if verdict is Verdict.SAME and pair.row_id is not None:
        typer.echo(
            f"  proposed key 建议标识 {_masked(pair, pair.right_key)}; put it in 执行更正: hutong resolution mend {pair_id}"
        )


@app.command()
def mend(pair_id: PairId) -> None:
    """Put the key judged right into the held row and send it through check and merge. 按研判更正隔离行并重放"""
    typer.echo(f"{pair_id} → {judging.mend(pair_id)}")


@app.command()
def undo(pair_id: PairId, reason: Reason, by: By) -> None:
    """Take a judgement back, and the identity link it made; the pair is a candidate again. 撤销研判"""
    with transaction("ingest") as session:
        typer.echo(_told(judging.undo(session, pair_id, Grounds(reason, by))))


def _masked(pair: CandidatePair, key: str | None) -> str:
    check = library(pair.library).subject.check
    return mask_of("citizen_id" if check in ("citizen_id", "holder_code") else "none")(key or "")


def _left(session: Session, pair: CandidatePair, reveal: bool) -> dict[str, str | None]:
    if pair.row_id is None:
        return _record(session, pair, str(pair.left_key), reveal)
    row = quarantine.get(session, pair.row_id)
    document = batches.get(session, row.batch_id).document
    shown: Any = row.values if reveal else concealing.conceal(document, row.values)
    fed = {item.attribute: shown.get(item.id) for item in document.items if item.attribute}
    return {"key": fed.pop("subject", None), **fed}


def _record(session: Session, pair: CandidatePair, key: str, reveal: bool) -> dict[str, str | None]:
    spec, table = library(pair.library), golden_table(pair.library)
    found = session.execute(select(table).where(table.c[spec.key] == key)).mappings().one_or_none()
    shown: dict[str, str | None] = {"key": key if reveal else _masked(pair, key)}
    for one in spec.resemblance:
        value = None if found is None or found[one.attribute] is None else str(found[one.attribute])
        mask = mask_of(spec.attribute(one.attribute).mask)
        shown[one.attribute] = value if reveal or value is None else mask(value)
    return shown


def _told(one: PairJudgement) -> str:
    text = f"  {one.judged_at.astimezone(CHINA):%Y-%m-%d %H:%M} {one.verdict} · {one.judged_by}: {one.reason}"
    if one.batch_id:
        text += f" · mended 已更正 {one.batch_id}"
    if one.undone_at:
        text += (
            f" · undone 已撤销 {one.undone_at.astimezone(CHINA):%Y-%m-%d %H:%M} {one.undone_by}: {one.undone_reason}"
        )
    return text
