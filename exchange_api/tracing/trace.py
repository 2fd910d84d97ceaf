"""Why: from any id to everything it came from and everything it led to, both ways, bounded. Called by `trace_counter` (application systems), `hutong trace`
and the officers' interface; it only reads, and shows a viewer what is theirs.

A walk goes level by level with a few questions each, so that it takes milliseconds however long the lists are. It stays within its own grants: from an
answer up to the grant it was given under and no other on the same resource; from a demand down to the answers under its grants and to nobody else's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from exchange_api.evidence.paths import behind
from exchange_api.tracing.kinds import recognise
from exchange_api.tracing.links import LINKS, Direction, Link, Look
from exchange_api.tracing.nodes import Node, describe
from exchange_api.tracing.viewers import Viewer
from schemas.errors import Invalid

Name = tuple[str, str]
DEPTH = 12
"""The chain has nine links, with what stands beside it eleven."""
PER_NODE, PAGE, MOST_NODES, MOST_WIDE = 10, 100, 400, 50
_OF_GRANTS = {"service_item", "application", "demand", "match", "supply_task", "grant"}
_OF_ANSWERS = {"records", "answer", "receipt", "objection"}
_PLACE = re.compile(
    r"(?P<direction>up|down)/(?P<kind>[a-z_]+)/(?P<shown>\d{1,9})/(?P<grants>[\w.,-]*)/(?P<place>[^\x00]{1,200})"
)
_THROUGH = {"resource": "version", "application": "grant", "records": "answer"}
"""What has nothing before it but belongs to a thing that has: the way up begins there."""


@dataclass(frozen=True)
class Wish:
    """How far to walk: up (to what it came from), down (to what it led to), how many steps, how many neighbours of one node per kind."""

    is_up: bool = True
    is_down: bool = True
    depth: int = DEPTH
    per_node: int = PER_NODE
    after: str = ""


@dataclass(frozen=True)
class More:
    """Neighbours of a node that are not shown: how many (at least, when they were too many to count), and where the list goes on (`Wish.after`)."""

    node: str
    kind: str
    direction: Direction
    count: int
    after: str


@dataclass
class Trace:
    """A start, the nodes around it by ref, edges (from what came before to what came of it), and what was left out. `behind`: answers just given to which
    no batch leads yet.
    """

    start: str
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    more: list[More] = field(default_factory=list)
    is_cut: bool = False
    behind: int = 0


def of(session: Session, words: str, viewer: Viewer, wish: Wish | None = None) -> Trace:
    """Return the chain around any id (`viewers.EVERYTHING`, `viewers.of_officer(session, actor)` or `Viewer(applications=(id,))` say who looks).

    `wish.after` as told in `More.after` gives the next page of one list instead. Raises Invalid `url.personal`, `trace.ambiguous`, `trace.page_unknown`;
    Denied `trace.unknown`.
    """
    wished = wish or Wish()
    start = recognise(session, words, viewer)
    walk = _Walk(session, viewer, wished, start)
    if wished.after:
        walk.page(wished.after)
    else:
        walk.all()
    return walk.told()


class _Walk:
    """One walk under way: what was found, and between what."""

    def __init__(self, session: Session, viewer: Viewer, wish: Wish, start: Name) -> None:
        self._session, self._viewer, self._wish, self._start = session, viewer, wish, start
        self._found: dict[Name, None] = {start: None}
        self._edges: dict[tuple[Name, Name], None] = {}
        self._more: list[More] = []
        self._is_cut = False

    def all(self) -> None:
        """Walk as wished."""
        if self._wish.is_down:
            self._way("down", [self._start])
        if self._wish.is_up:
            self._way("up", [self._start, *self._beside()])

    def page(self, after: str) -> None:
        """Read one page of one list of the start's neighbours. Raises Invalid `trace.page_unknown`."""
        found = _PLACE.fullmatch(after)
        direction: Direction = "up" if found and found["direction"] == "up" else "down"
        links = [link for link in LINKS if found and self._is_way(link, direction, found["kind"])]
        if not found or not links:
            raise Invalid("trace.page_unknown")
        grants = tuple(found["grants"].split(",")) if found["grants"] else None
        look = Look(self._viewer, PAGE, found["place"], grants, int(found["shown"]))
        try:
            self._along(links[0], direction, [self._start], look)
        except DataError as wrong:  # a place that is no place in this list
            raise Invalid("trace.page_unknown") from wrong

    def told(self) -> Trace:
        """Return what was found, described."""
        trace = Trace(_ref(self._start), more=self._more, is_cut=self._is_cut, behind=behind(self._session))
        nodes = describe(self._session, self._found)
        trace.nodes = {_ref(name): nodes[name] for name in self._found if name in nodes}
        trace.edges = [(_ref(above), _ref(below)) for above, below in self._edges if above in nodes and below in nodes]
        return trace

    def _is_way(self, link: Link, direction: str, kind: str) -> bool:
        ends = {"down": (link.up, link.down), "up": (link.down, link.up)}
        return ends.get(direction) == (self._start[0], kind)

    def _beside(self) -> list[Name]:
        kind = _THROUGH.get(self._start[0])
        return [name for name in self._found if name[0] == kind] if kind else []

    def _way(self, direction: Direction, begin: list[Name]) -> None:
        level, seen = begin, set(begin)
        for _ in range(self._wish.depth):
            level = [name for name in dict.fromkeys(self._step(direction, level, seen)) if name not in seen]
            seen.update(level)
            if not level:
                return

    def _step(self, direction: Direction, level: list[Name], seen: set[Name]) -> list[Name]:
        found: list[Name] = []
        for link in LINKS:
            here = [name for name in level if name[0] == (link.up if direction == "down" else link.down)]
            if here[MOST_WIDE:] or (here and len(self._found) >= MOST_NODES):
                self._is_cut = True
            if here and len(self._found) < MOST_NODES:
                look = Look(self._viewer, self._wish.per_node, grants=self._grants(direction, seen))
                found += self._along(link, direction, here[:MOST_WIDE], look)
        return found

    def _grants(self, direction: Direction, seen: Iterable[Name]) -> tuple[str, ...] | None:
        """Return the grants within which the walk stays, None for any."""
        bound = _OF_GRANTS if direction == "down" else _OF_ANSWERS
        return tuple(node for kind, node in seen if kind == "grant") if self._start[0] in bound else None

    def _along(self, link: Link, direction: Direction, here: list[Name], look: Look) -> list[Name]:
        far = link.down if direction == "down" else link.up
        lists: dict[str, list[tuple[str, str]]] = {}
        wide = replace(look, most=look.most + 1)
        for source, target, place in link.find(self._session, direction, [node for _, node in here], wide):
            lists.setdefault(source, []).append((target, place))
        for source, targets in lists.items():
            for target, _ in targets[: look.most]:
                self._join(direction, (here[0][0], source), (far, target))
        self._leave_out(link, direction, {source: found for source, found in lists.items() if found[look.most :]}, look)
        return [(far, target) for targets in lists.values() for target, _ in targets[: look.most]]

    def _join(self, direction: Direction, near: Name, far: Name) -> None:
        self._found[far] = None
        self._edges[(near, far) if direction == "down" else (far, near)] = None

    def _leave_out(self, link: Link, direction: Direction, lists: dict[str, list[tuple[str, str]]], look: Look) -> None:
        near, far = (link.up, link.down) if direction == "down" else (link.down, link.up)
        counts = link.count(self._session, direction, list(lists), look) if lists else {}
        shown, grants = look.shown + look.most, ",".join(look.grants or ())
        for source, found in lists.items():
            after = f"{direction}/{far}/{shown}/{grants}/{found[look.most - 1][1]}"
            self._more.append(More(_ref((near, source)), far, direction, max(1, counts[source] - shown), after))


def _ref(name: Name) -> str:
    return f"{name[0]}:{name[1]}"
