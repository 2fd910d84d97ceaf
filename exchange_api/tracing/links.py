"""Why: the chain is a table of links, each told once as the pairs it joins (`up` came before `down`) and walked from either end. Called by `walking` alone.

demand → match → supply task → grant → directory version → batch → quality → record versions → answer → receipt, with what stands beside it. What an
answer is linked to follows from its evidence; the other way goes over the paths that `evidence.paths` notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from exchange_api.tracing.viewers import PATH, RECIPIENT, Viewer

Direction = Literal["up", "down"]
COUNTED = 100_000
"""More neighbours than this are not counted one by one."""
KEYS = {"match": "bigint", "ruling": "bigint", "records": "uuid", "answer": "uuid", "receipt": "uuid"}
"""How the database holds the ids of a kind of node; the others are texts."""
_NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


@dataclass(frozen=True)
class Look:
    """How one looks along a link: who, how many per node, after which place, under which grants alone (none: all), after how many on earlier pages."""

    viewer: Viewer
    most: int
    after: str | None = None
    grants: tuple[str, ...] | None = None
    shown: int = 0


class Pair(NamedTuple):
    """One neighbour, and the place a list goes on after."""

    source: str
    target: str
    place: str


@dataclass(frozen=True)
class Link:
    """Pairs of ids. `pairs`: SQL giving `up` and `down`; `rank`: a number of the pairs by which what is below is listed, newest first; `streams`: how the
    neighbours are found and counted where a node has more than can be sorted; `is_scoped`: its pairs have `grant_id`, by which a walk stays within its own.
    """

    up: str
    down: str
    pairs: str
    rank: str | None = None
    streams: tuple[str, str] | None = None
    is_scoped: bool = False

    def find(self, session: Session, direction: Direction, ids: Sequence[str], look: Look) -> list[Pair]:
        """Return up to `most` neighbours of each node, newest first."""
        if self.streams is not None and direction == self._streamed:
            sql, after = self.streams[0].format(**_narrowed(look)), look.after or _NEWEST
        else:
            sql, after = self._select(direction, look), look.after or ""
        facts = {"ids": list(ids), "most": look.most, "after": after, "grants": list(look.grants or ())}
        return [Pair(*row) for row in session.execute(_statement(sql), facts | look.viewer.facts)]

    def count(self, session: Session, direction: Direction, ids: Sequence[str], look: Look) -> dict[str, int]:
        """Return how many neighbours each node has that way, at most `COUNTED` where they must be counted one by one."""
        if self.streams is not None and direction == self._streamed:
            counted = self.streams[1].format(**_narrowed(look))
        else:
            near = self._near(direction, look)
            counted = f"SELECT count(*) FROM (SELECT FROM {near} LIMIT {COUNTED}) c"  # noqa: S608 - our own
        sql = f"SELECT s.id, ({counted}) FROM unnest(CAST(:ids AS text[])) AS s (id)"  # noqa: S608 - our own
        facts = {"ids": list(ids), "grants": list(look.grants or ())}
        return {node: int(count or 0) for node, count in session.execute(_statement(sql), facts | look.viewer.facts)}

    @property
    def _streamed(self) -> Direction:
        return "up" if self.down == "recall" else "down"

    def _select(self, direction: Direction, look: Look) -> str:
        far, place = direction, self.rank if self.rank and direction == "down" else direction
        kind = "bigint" if place == self.rank else KEYS.get(self.down if far == "down" else self.up, "text")
        after = f"AND p.{place} < CAST(:after AS {kind})" if look.after else ""
        near = self._near(direction, look)
        return (
            f"SELECT s.id, t.id, t.place FROM unnest(CAST(:ids AS text[])) AS s (id) CROSS JOIN LATERAL (SELECT p.{far}::text AS id,"  # noqa: S608
            f" p.{place}::text AS place FROM {near} {after} ORDER BY p.{place} DESC LIMIT :most) t"
        )

    def _near(self, direction: Direction, look: Look) -> str:
        near, here, there = ("up", self.up, self.down) if direction == "down" else ("down", self.down, self.up)
        shown = look.viewer.condition(there, f"p.{direction}")
        scope = _scope(look) if self.is_scoped else "true"
        return f"({self.pairs}) p WHERE p.{near} = CAST(s.id AS {KEYS.get(here, 'text')}) AND {shown} AND {scope}"


@lru_cache(1_000)
def _statement(sql: str) -> TextClause:
    """Return a statement whose names need not be looked for again."""
    return text(sql)


def _narrowed(look: Look) -> dict[str, str]:
    shown = ("true", "true") if look.viewer.is_all else (f"({PATH})", f"({RECIPIENT})")
    return {"shown": shown[0], "shown_recipients": shown[1], "scope": _scope(look)}


def _scope(look: Look) -> str:
    return "true" if look.grants is None else "p.grant_id = ANY(CAST(:grants AS text[]))"


def _over_paths(chosen_by: str) -> tuple[str, str]:
    """Return the way down over paths: each path is a list in order, of which only the newest are read."""
    chosen = f"FROM evidence.paths p {{of}} WHERE {chosen_by} AND {{shown}} AND {{scope}}"
    stream = f"""SELECT s.id, t.entry_id::text, t.entry_id::text FROM unnest(CAST(:ids AS text[])) AS s (id) CROSS JOIN LATERAL (
        SELECT x.entry_id {chosen} ORDER BY x.entry_id DESC LIMIT :most) t"""  # noqa: S608 - our own
    newest = """CROSS JOIN LATERAL (SELECT e.entry_id FROM evidence.path_entries e WHERE e.path_id = p.id
        AND e.entry_id < CAST(:after AS uuid) ORDER BY e.entry_id DESC LIMIT :most) x"""
    counted = f"SELECT sum(p.entries) {chosen}"
    return stream.replace("{of}", newest), counted.replace("{of}", "")


_NAMED = "FROM evidence.entries e CROSS JOIN LATERAL jsonb_array_elements_text(convert_from(e.document, 'UTF8')::jsonb -> 'batches') b (id)"
_TOLD = (
    "e.kind = 'answer' AND (e.code IS NULL OR e.code = 'repeated') AND e.library IS NOT NULL AND e.grant_id IS NOT NULL"
)
_TASK_OF_MATCH = """exchange.supply_answers a JOIN exchange.supply_tasks t ON t.id = a.task_id
    JOIN exchange.matches m ON m.demand_item_id = a.demand_item_id JOIN directory.resource_versions v ON v.id = m.resource_version_id
    JOIN directory.resources r ON r.id = v.resource_id AND r.department_id = t.department_id"""
_AFFECTED = (
    """SELECT s.id, t.receipt::text, t.receipt::text FROM unnest(CAST(:ids AS text[])) AS s (id) CROSS JOIN LATERAL (
        SELECT x.receipt FROM exchange.recall_recipients p CROSS JOIN LATERAL (SELECT c.receipt FROM exchange.recall_receipts c
        WHERE c.recall_id = p.recall_id AND c.application_id = p.application_id AND c.receipt < CAST(:after AS uuid)
        ORDER BY c.receipt DESC LIMIT :most) x WHERE p.recall_id = s.id AND {shown_recipients} ORDER BY x.receipt DESC LIMIT :most) t""",
    "SELECT sum(p.receipts) FROM exchange.recall_recipients p WHERE p.recall_id = s.id AND {shown_recipients}",
)

LINKS = (
    Link("service_item", "demand", "SELECT service_item_id AS up, id AS down FROM exchange.demands"),
    Link(
        "demand", "match",
        "SELECT i.demand_id AS up, m.id AS down FROM exchange.matches m JOIN exchange.demand_items i ON i.id = m.demand_item_id",
    ),
    Link("match", "supply_task", f"SELECT DISTINCT m.id AS up, t.id AS down FROM {_TASK_OF_MATCH}"),  # noqa: S608
    Link(
        "demand", "supply_task",
        f"""SELECT d.demand_id AS up, d.task_id AS down FROM exchange.task_demands d WHERE NOT EXISTS (SELECT FROM {_TASK_OF_MATCH}
        JOIN exchange.demand_items i ON i.id = m.demand_item_id WHERE t.id = d.task_id AND i.demand_id = d.demand_id)""",  # noqa: S608
    ),
    Link("demand", "dispute", "SELECT demand_id AS up, id AS down FROM exchange.disputes"),
    Link(
        "supply_task", "grant",
        """SELECT DISTINCT a.task_id AS up, g.id AS down FROM exchange.supply_answers a
        JOIN exchange.demand_items i ON i.id = a.demand_item_id JOIN exchange.grants g ON g.demand_id = i.demand_id
        JOIN exchange.grant_items t ON t.grant_id = g.id AND t.supply_answer_id = a.id""",
    ),
    Link(
        "demand", "grant",
        """SELECT g.demand_id AS up, g.id AS down FROM exchange.grants g WHERE NOT EXISTS (SELECT FROM exchange.grant_items i
        WHERE i.grant_id = g.id AND i.supply_answer_id IS NOT NULL)""",
    ),
    Link("application", "grant", "SELECT application_id AS up, id AS down FROM exchange.grants"),
    Link(
        "grant", "version",
        "SELECT DISTINCT grant_id AS up, resource_version_id AS down, grant_id FROM exchange.grant_items", is_scoped=True,
    ),
    Link("resource", "version", "SELECT resource_id AS up, id AS down, version FROM directory.resource_versions", "version"),
    Link(
        "version", "batch",
        """SELECT v.id AS up, b.id AS down, b.number FROM directory.resource_versions v
        JOIN landing.batches b ON b.resource_id = v.resource_id AND b.resource_version_id = v.id""",
        "number",
    ),
    Link("batch", "quality", "SELECT id AS up, id AS down FROM landing.batches"),
    Link(
        "quality", "records",
        f"SELECT b.id AS up, e.id AS down {_NAMED} WHERE {_TOLD} AND EXISTS (SELECT FROM landing.batches l WHERE l.id = b.id)",  # noqa: S608
        streams=_over_paths("p.batch = s.id"),
    ),
    Link(
        "ruling", "records",
        f"""SELECT l.id AS up, e.id AS down {_NAMED} JOIN library.rulings l ON 'ruling:' || l.id = b.id WHERE {_TOLD}""",
        streams=_over_paths("p.batch = 'ruling:' || s.id"),
    ),
    Link("records", "answer", f"SELECT e.id AS up, e.id AS down FROM evidence.entries e WHERE {_TOLD}"),  # noqa: S608
    Link(
        "grant", "answer",
        "SELECT g.id AS up, e.id AS down FROM evidence.entries e JOIN exchange.grants g ON g.id = e.grant_id WHERE e.kind <> 'action'",
        streams=_over_paths("p.grant_id = s.id AND p.batch = ''"),
    ),
    Link("answer", "receipt", "SELECT id AS up, id AS down FROM evidence.entries WHERE kind IN ('answer', 'refusal', 'error')"),
    Link("receipt", "objection", "SELECT receipt AS up, id AS down FROM exchange.objections WHERE receipt IS NOT NULL"),
    Link(
        "receipt", "recall",
        """SELECT e.id AS up, c.recall_id AS down FROM evidence.entries e
        JOIN exchange.recall_receipts c ON c.application_id = e.application_id AND c.receipt = e.id""",
        streams=_AFFECTED,
    ),
    Link("batch", "recall", "SELECT batch_id AS up, id AS down FROM exchange.recalls"),
    Link("objection", "recall", "SELECT objection_id AS up, id AS down FROM exchange.recalls WHERE objection_id IS NOT NULL"),
)  # fmt: skip
