"""Why: whoever holds any id — of a receipt, a grant, a demand, a batch — wants to see where it came from and where it went, as a tree. Called by
`hutong trace`; the walk is `exchange_api.tracing`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from exchange_api.tracing.nodes import Node
from exchange_api.tracing.trace import DEPTH, More, Trace, Wish
from hutong.commands.trace_words import kind_of, state_of
from schemas.calendar import CHINA
from schemas.database import transaction

Branches = Mapping[str, list[str]]
_AUTH = {"legacy_hmac": "仅凭共享密钥，未签名 shared secret only, not signed"}


def trace(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="Any id: receipt, grant, demand, batch, resource@1 … 任意编号")
    ],
    up: Annotated[
        bool | None,
        typer.Option("--up/--down", help="Only what it came from, or only what it led to. 只看来源，或只看去向"),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, max=DEPTH, help="Most steps each way. 最多层数")] = DEPTH,
    after: Annotated[str, typer.Option(help="Go on with a long list, as its last line says. 续页")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Walk the chain both ways: demand, task, grant, directory version, batch, quality, answer, receipt; exit code 1 for an unknown id. 全链追溯"""
    from exchange_api.tracing.trace import of
    from exchange_api.tracing.trace_counter import told
    from exchange_api.tracing.viewers import EVERYTHING

    wish = Wish(is_up=up is not False, is_down=up is not True, depth=depth, after=after)
    with transaction("reader") as session:
        found = of(session, id_.strip(), EVERYTHING, wish)
    if as_json:
        typer.echo(json.dumps(told(found), ensure_ascii=False, indent=2))
        return
    for line in _lines(found, wish):
        typer.echo(line)


def _lines(found: Trace, wish: Wish) -> Iterator[str]:
    """Return the tree in words: the start, what it came from, what it led to, and what is not shown."""
    yield _said(found.nodes[found.start])
    ways = (("来源 came from", wish.is_up, "up"), ("去向 led to", wish.is_down, "down"))
    for title, is_wished, direction in ways:
        if is_wished or wish.after:
            branches = _branches(found, direction)
            more: dict[str, list[More]] = {}
            for one in found.more:
                if one.direction == direction:
                    more.setdefault(one.node, []).append(one)
            lines = list(_tree(found, branches, more, found.start, "  "))
            yield from [f"{title}:", *(lines or ["  -"])]
    if found.is_cut:
        yield "… 链条很宽，仅显示一部分；请追溯其中单个编号。The chain is wide and shown in part: trace single ids."
    if found.behind:
        yield f"… 最近 {found.behind} 条存证尚未编入索引。The last {found.behind} entries are not indexed yet: try again in a second."


def _branches(found: Trace, direction: str) -> Branches:
    """Return each node's children, every node once, below the one it was first reached from: whatever is met again is a cycle or a second way."""
    near: dict[str, list[str]] = {}
    for above, below in found.edges:
        here, there = (above, below) if direction == "down" else (below, above)
        near.setdefault(here, []).append(there)
    tree: dict[str, list[str]] = {}
    seen, level = {found.start}, [found.start]
    while level:
        reached: list[str] = []
        for here in level:
            tree[here] = [there for there in dict.fromkeys(near.get(here, [])) if there not in seen]
            seen.update(tree[here])
            reached += tree[here]
        level = reached
    return tree


def _tree(found: Trace, branches: Branches, more: Mapping[str, list[More]], here: str, indent: str) -> Iterator[str]:
    for there in branches.get(here, []):
        yield f"{indent}{_said(found.nodes[there])}"
        yield from _tree(found, branches, more, there, f"{indent}  ")
    for one in more.get(here, []):
        yield (
            f"{indent}… 另有 {one.count:,} 个 and {one.count:,} more {kind_of(one.kind)}: "
            f"hutong trace {one.node} --after '{one.after}'"
        )


def _said(one: Node) -> str:
    when = f"{one.at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}" if one.at else "-"
    title = one.title if one.title != one.id else ""
    parts = [kind_of(one.kind), one.id, title, state_of(one.state), when, _AUTH.get(str(one.facts.get("auth")), "")]
    return "  ".join(part for part in parts if part)
