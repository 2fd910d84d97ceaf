"""Why: whoever uses a resource must know beforehand what a new version takes from him, and must not be bothered with what it adds.
Two versions are compared field by field; what each change means stands in `catalog/review/changes.yml`. Called by reviews, pages and `hutong catalog diff`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from schemas import yaml_data
from schemas.errors import Language
from schemas.resource import Item, ResourceDraft, Sharing, Source

Judge = Callable[[Any, Any], str]
WHOLE = "*"
"""Stands for every item of the resource where a change touches all of them."""

_WIDER = {"I": "NYFB", "N": "FB", "Y": "NFB", "F": "B", "C": "M"}  # type → types that hold all its values
_SENSITIVITY = ("public", "internal", "personal", "sensitive")
_SLOWNESS = (1, 2, 3, 8, 4, 5, 6, 7)  # 更新周期 from real time to irregular


@dataclass(frozen=True)
class Change:
    """One difference: where (`path`), what was and is, which items it touches, and what it means (`code` of changes.yml)."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any
    code: str
    name: str
    item_id: str = WHOLE

    @property
    def is_breaking(self) -> bool:
        """Return whether those who hold the resource lose something they could count on."""
        return bool(_meanings()[self.code]["is_breaking"])

    def why(self, language: Language = "zh") -> str:
        """Return what the change means, in words."""
        facts = {"name": self.name, "before": _plain(self.before), "after": _plain(self.after)}
        return str(_meanings()[self.code][language]).format_map(facts)


@dataclass(frozen=True)
class Diff:
    """All differences of two versions, breaking ones first."""

    changes: tuple[Change, ...]

    @property
    def breaking(self) -> tuple[Change, ...]:
        """Return the breaking changes alone."""
        return tuple(change for change in self.changes if change.is_breaking)

    @property
    def kind(self) -> Literal["none", "compatible", "breaking"]:
        """Return the gravest of what the changes are."""
        if not self.changes:
            return "none"
        return "breaking" if self.breaking else "compatible"

    def of_item(self, item_id: str) -> tuple[Change, ...]:
        """Return the breaking changes that touch one item of the old version, those of the whole resource included."""
        return tuple(change for change in self.breaking if change.item_id in (item_id, WHOLE))


def diff(old: ResourceDraft, new: ResourceDraft) -> Diff:
    """Compare two versions of one resource; items are the same by id, or where the id changed by name, attribute or data element."""
    found = [*_of_resource(old, new), *_of_items(old, new)]
    return Diff(tuple(sorted(found, key=lambda change: not change.is_breaking)))


def _of_resource(old: ResourceDraft, new: ResourceDraft) -> Iterator[Change]:
    for field in type(old).model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before == after or field in ("id", "items"):
            continue
        if isinstance(before, Sharing) and isinstance(after, Sharing):
            yield from _of_sharing(before, after)
        elif isinstance(before, Source) and isinstance(after, Source):
            yield from _of_parts("source", before, after, _SOURCE)
        else:
            yield _change(field, before, after, _RESOURCE.get(field, _otherwise)(before, after))


def _of_sharing(before: Sharing, after: Sharing) -> Iterator[Change]:
    """A condition that falls because sharing is freer now takes nothing from anybody."""
    for change in _of_parts("sharing", before, after, _SHARING):
        if change.code == "condition_changed" and after.type < before.type:
            change = _change(change.path, change.before, change.after, "stated_otherwise")
        yield change


def _of_parts(path: str, before: Any, after: Any, judges: Mapping[str, Judge]) -> Iterator[Change]:
    for field in type(before).model_fields:
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            default = _source_detail if path == "source" else _otherwise
            yield _change(f"{path}.{field}", one, other, judges.get(field, default)(one, other))


def _of_items(old: ResourceDraft, new: ResourceDraft) -> Iterator[Change]:
    before, after = {item.id: item for item in old.items}, {item.id: item for item in new.items}
    gone = [item for item in old.items if item.id not in after]
    fresh = [item for item in new.items if item.id not in before]
    renamed = _renamed(gone, fresh)
    for item in gone:
        if other := renamed.get(item.id):
            yield Change(f"items.{item.id}", "changed", item.id, other.id, "item_renamed", item.name, item.id)
            yield from _of_item(item, other, _types(old, new))
        else:
            yield Change(f"items.{item.id}", "removed", item.name, None, "item_removed", item.name, item.id)
    taken = {item.id for item in renamed.values()}
    for item in fresh:
        if item.id not in taken:
            code = "item_added_required" if item.required else "item_added"
            yield Change(f"items.{item.id}", "added", None, item.name, code, item.name, item.id)
    types = _types(old, new)
    for item_id, item in before.items():
        if item_id in after and item != after[item_id]:
            yield from _of_item(item, after[item_id], types)


def _types(old: ResourceDraft, new: ResourceDraft) -> tuple[int, int]:
    return tuple(one.sharing.type if one.sharing else 0 for one in (old, new))  # type: ignore[return-value]


def _of_item(old: Item, new: Item, types: tuple[int, int]) -> Iterator[Change]:
    for field in Item.model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before == after or field == "id":
            continue
        code = _ITEM.get(field, _otherwise)(before, after)
        if field == "name" and before in new.synonyms:
            code = "item_relabelled_kept"
        if field == "share_type":
            before, after = before or types[0], after or types[1]
            code = _freedom(before, after)
        name = old.name if code != "stated_otherwise" else f"{old.name}.{field}"
        yield _change(f"items.{old.id}.{field}", before, after, code, (name, old.id))


def _renamed(gone: list[Item], fresh: list[Item]) -> dict[str, Item]:
    """An item that left and one that came are the same when name, library attribute or data element say so and nothing else fits as well."""
    found: dict[str, Item] = {}
    for sign in ("name", "attribute", "element"):
        left = _by(sign, [item for item in gone if item.id not in found])
        taken = {item.id for item in found.values()}
        right = _by(sign, [item for item in fresh if item.id not in taken])
        found |= {
            left[value][0].id: right[value][0]
            for value in left.keys() & right.keys()
            if len(left[value]) == len(right[value]) == 1
        }
    return found


def _by(sign: str, items: list[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        if value := getattr(item, sign):
            found.setdefault(value, []).append(item)
    return found


def _change(path: str, before: Any, after: Any, code: str, whose: tuple[str, str] | None = None) -> Change:
    kind: Literal["added", "removed", "changed"] = "changed"
    if before in (None, (), ""):
        kind = "added"
    elif after in (None, (), ""):
        kind = "removed"
    name, item_id = whose or (path, WHOLE)
    return Change(path, kind, before, after, code, name, item_id)


def _otherwise(_before: Any, _after: Any) -> str:
    return "stated_otherwise"


def _source_detail(_before: Any, _after: Any) -> str:
    return "source_changed"


def _type(before: str, after: str) -> str:
    return "type_widened" if after in _WIDER.get(before, "") else "type_changed"


def _limit(narrower: str, wider: str, *, lower: bool = False) -> Judge:
    """Return the judge of a bound: none is widest; `lower` bounds narrow when they rise."""

    def judge(before: float | None, after: float | None) -> str:
        if after is None or before is None:
            return wider if after is None else narrower
        return narrower if (after > before) is lower else wider

    return judge


def _either(gained: str, lost: str, changed: str) -> Judge:
    """Return the judge of something that is there, not there, or another one."""

    def judge(before: Any, after: Any) -> str:
        if before in (None, False):
            return gained
        return lost if after in (None, False) else changed

    return judge


def _along(order: tuple[Any, ...], up: str, down: str) -> Judge:
    """Return the judge of a place on a scale; what is not on it stands lowest."""

    def judge(before: Any, after: Any) -> str:
        places = [order.index(one) if one in order else -1 for one in (before, after)]
        return up if places[1] > places[0] else down

    return judge


def _subset(more: str, less: str) -> Judge:
    return lambda before, after: more if set(before) <= set(after) else less


def _freedom(before: int, after: int) -> str:
    if before == after:
        return "stated_otherwise"
    return "sharing_tightened" if after > before else "sharing_relaxed"


_ITEM: dict[str, Judge] = {
    "name": lambda *_: "item_relabelled",
    "element": _either("element_bound", "element_unbound", "element_changed"),
    "type": _type,
    "length": _limit("length_shortened", "length_extended"),
    "required": _either("now_required", "now_optional", "now_optional"),
    "code_table": lambda *_: "code_table_changed",
    "check": _either("check_tightened", "check_dropped", "check_tightened"),
    "pattern": _either("check_tightened", "check_dropped", "check_tightened"),
    "minimum": _limit("range_narrowed", "range_widened", lower=True),
    "maximum": _limit("range_narrowed", "range_widened"),
    "attribute": _either("attribute_bound", "attribute_unbound", "attribute_rebound"),
    "sensitivity": _along(_SENSITIVITY, "sensitivity_raised", "sensitivity_lowered"),
    "synonyms": _subset("synonym_added", "stated_otherwise"),
}
_SHARING: dict[str, Judge] = {
    "type": _freedom,
    "condition": lambda *_: "condition_changed",
    "uses": _subset("use_added", "use_removed"),
    "mode": lambda *_: "mode_changed",
    "mode_category": lambda *_: "mode_changed",
}
_SOURCE: dict[str, Judge] = {"key": lambda *_: "key_changed"}
_RESOURCE: dict[str, Judge] = {
    "code": _either("stated_otherwise", "code_changed", "code_changed"),
    "format": _either("stated_otherwise", "format_changed", "format_changed"),
    "update_cycle": _along(_SLOWNESS, "cycle_slower", "cycle_faster"),
    "library": _either("library_bound", "library_changed", "library_changed"),
    "is_open": _either("open_begun", "open_ended", "open_ended"),
    "grade": _along(("1", "2", "3", "4"), "grade_raised", "grade_lowered"),
    "source": _either("source_bound", "source_removed", "source_changed"),
    "sharing": _either("stated_otherwise", "sharing_tightened", "stated_otherwise"),
}


@cache
def _meanings() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml_data.parse(
        files("catalog.review").joinpath("changes.yml").read_text("utf-8")
    )
    return found


def _plain(value: Any) -> str:
    """Values as a sentence shows them: lists by commas, documents by their fields, nothing as a dash."""
    if value in (None, "", ()):
        return "—"
    if isinstance(value, list | tuple):
        return "、".join(_plain(one) for one in value)
    if hasattr(value, "model_dump"):
        return ", ".join(f"{key}={one}" for key, one in value.model_dump(exclude_none=True, mode="json").items())
    return str(value)
