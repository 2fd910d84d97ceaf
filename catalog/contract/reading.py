"""Why: a contract that keeps to the standard, as the fields of resource drafts. Whatever has no place in a draft is listed by its path, so that a person
sees what was left out. Called by `catalog.contract` alone; the contract must have been held against the schema before.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.contract.standard import DATA_TYPES, DIMENSIONS, ELEMENT_URN, ENGINE, FREQUENCIES, LIMITS, LOGICAL_TYPES
from catalog.yaml_text import Steps
from schemas.resource import Item, ResourceDraft, Source

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_LONGEST = 96
_OURS = frozenset(ResourceDraft.model_fields) - {"id", "name", "department", "items", "source", "checks"}
_OURS_OF_ITEM = frozenset(Item.model_fields) - {"id", "name"}
_OURS_OF_SOURCE = frozenset(Source.model_fields) - {"connection"}
_INDICATORS = {dimension: indicator for indicator, dimension in DIMENSIONS.items()} | {"uniqueness": "consistency"}
_SENSITIVITY = {name: name for name in ("public", "internal", "personal", "sensitive")} | {
    "pii": "personal",
    "restricted": "sensitive",
    "confidential": "sensitive",
}
_CYCLES = {stated: cycle for cycle, stated in FREQUENCIES.items()} | {(1, "w"): 3, ("real-time", None): 1, (24, "h"): 2}
_UNITS = {"day": "d", "days": "d", "week": "w", "weeks": "w", "month": "m", "months": "m", "year": "y", "years": "y"}


@dataclass
class Reading:
    """What one table of a contract says: fields of a draft, where each was read, and what was left out. `wanted_id`: "" when one must be derived."""

    fields: dict[str, Any]
    where: dict[str, Steps]
    table: Steps
    wanted_id: str
    name_for_id: str
    department: str
    left: list[Steps] = field(default_factory=list)

    def path(self, place: tuple[int | str, ...]) -> Steps:
        """Return where in the contract a field of the draft was read; `place` as pydantic names it."""
        if place[:1] == ("items",) and len(place) > 1:
            return (*self.table, "properties", *place[1:2])
        return self.where.get(str(place[0]), ()) if place else self.table


class _Part:
    """One mapping of a contract; what nobody takes from it is left out, and told."""

    def __init__(self, body: Any, path: Steps, left: list[Steps]) -> None:
        self.body: dict[str, Any] = dict(body or {})
        self.path, self.left = path, left

    def take(self, name: str) -> Any:
        return self.body.pop(name, None)

    def close(self) -> None:
        self.left += [(*self.path, name) for name in self.body]

    def custom(self, known: frozenset[str]) -> tuple[dict[str, Any], dict[str, Steps]]:
        """Take those customProperties that are ours; return their values and places."""
        values: dict[str, Any] = {}
        places: dict[str, Steps] = {}
        for number, entry in enumerate(self.take("customProperties") or ()):
            path = (*self.path, "customProperties", number)
            if entry["property"] in known and entry["property"] not in values:
                values[entry["property"]], places[entry["property"]] = entry["value"], path
            else:
                self.left.append(path)
        return values, places


def readings(contract: Mapping[str, Any]) -> list[Reading]:
    """Return one reading for each table of the contract; one without items when it names no table."""
    left: list[Steps] = []
    head = _Part(contract, (), left)
    for expected in ("apiVersion", "kind", "version", "status"):
        head.take(expected)  # the directory counts versions and keeps states itself
    fields, where = head.custom(_OURS)
    _read_head(head, fields, where)
    contract_id, name = str(head.take("id")), head.take("name")
    department = _department(head)
    server = _server(head)
    tables = list(enumerate(head.take("schema") or [{}]))
    head.close()
    found = []
    for number, table in tables:
        mine = Reading(dict(fields), dict(where), ("schema", number), "", "", department)
        part = _Part(table, mine.table, mine.left)
        _read_table(part, mine, server)
        own, title = str(part.take("name") or contract_id), part.take("businessName")
        alone = len(tables) == 1
        mine.fields["name"] = (name or title or own) if alone else (title or own)
        mine.where |= {"name": ("name",) if alone and name else mine.table, "id": ("id",)}
        mine.wanted_id = contract_id if alone and _is_identifier(contract_id) else ""
        mine.name_for_id = own
        part.close()
        found.append(mine)
    found[0].left[:0] = left
    return found


def identifier(text: str, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """Return a name of ours for a foreign one: lower case, Chinese by its pinyin, a number behind when it is taken."""
    from pypinyin import lazy_pinyin  # 50 MB of words, that a worker of the exchange API may never need

    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    words = re.sub(r"[^a-z0-9]+", "_", "_".join(lazy_pinyin(parted)).lower()).strip("_")
    plain = (words if words[:1].isalpha() else f"x_{words}").rstrip("_")[:40]
    numbered = (f"{plain}_{number}" for number in range(2, 100_000))
    return plain if plain not in taken else next(name for name in numbered if name not in taken)


def _is_identifier(text: str) -> bool:
    return len(text) <= _LONGEST and IDENTIFIER.fullmatch(text) is not None


def _read_head(head: _Part, fields: dict[str, Any], where: dict[str, Steps]) -> None:
    description = _Part(head.take("description"), ("description",), head.left)
    if (purpose := description.take("purpose")) is not None:
        fields["abstract"], where["abstract"] = purpose, ("description", "purpose")
    if isinstance(fields.get("sharing"), dict) and "limitations" in description.body:
        fields["sharing"] = fields["sharing"] | {"condition": description.take("limitations")}
    description.close()
    if tags := head.take("tags"):
        fields["keywords"], where["keywords"] = tags, ("tags",)
    for number, level in enumerate(head.take("slaProperties") or ()):
        path = ("slaProperties", number)
        if "update_cycle" not in fields and (cycle := _cycle(level)):
            fields["update_cycle"], where["update_cycle"] = cycle, path
        else:
            head.left.append(path)


def _cycle(level: Mapping[str, Any]) -> int | None:
    if level["property"] not in ("frequency", "updateFrequency"):
        return None
    value, unit = level["value"], level.get("unit")
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    short = _UNITS.get(str(unit).lower(), str(unit).lower()) if unit else None
    return _CYCLES.get((number, short))


def _department(head: _Part) -> str:
    """Return the department as the contract names it: its domain, else its team or tenant; "" when it names none."""
    team = head.take("team")
    members = [] if isinstance(team, dict) else list(team or ())
    part = _Part(team if isinstance(team, dict) else {}, ("team",), head.left)
    names = [head.take("domain"), part.take("name"), head.take("tenant")]
    part.close()
    head.left += [("team", number) for number in range(len(members))]
    return next((str(name).strip() for name in names if name and str(name).strip()), "")


def _server(head: _Part) -> dict[str, Any] | None:
    """Return our source binding; servers of others say nothing that the hub could collect by."""
    found: dict[str, Any] | None = None
    for number, server in enumerate(head.take("servers") or ()):
        names = {entry["property"] for entry in server.get("customProperties") or ()}
        if found is not None or "connector" not in names:
            head.left.append(("servers", number))
            continue
        part = _Part(server, ("servers", number), head.left)
        found, _ = part.custom(_OURS_OF_SOURCE)
        found["connection"] = part.take("server")
        part.take("type")
        part.close()
    return found


def _read_table(part: _Part, mine: Reading, server: dict[str, Any] | None) -> None:
    part.take("logicalType")
    if "abstract" not in mine.fields and (text := part.take("description")):
        mine.fields["abstract"], mine.where["abstract"] = text, (*mine.table, "description")
    items: list[dict[str, Any]] = []
    columns: dict[str, str] = {}
    key: list[tuple[int, str]] = []
    for number, body in enumerate(part.take("properties") or ()):
        entry = _Part(body, (*mine.table, "properties", number), mine.left)
        item = _item(entry, {one["id"] for one in items})
        if server is not None:
            _read_binding(entry, item["id"], columns, key)
        elif (physical := entry.take("physicalName")) and physical != item["id"]:
            item["synonyms"] = [*item.get("synonyms", ()), physical]
        entry.close()
        items.append(item)
    mine.fields["items"] = items
    if server is not None:
        mine.fields["source"] = {
            **server,
            "mapping": columns | (server.get("mapping") or {}),
            "key": server.get("key") or [name for _, name in sorted(key)],
        }
        mine.where["source"] = ("servers",)
    mine.fields["checks"] = list(_checks(part))


def _read_binding(entry: _Part, item_id: str, columns: dict[str, str], key: list[tuple[int, str]]) -> None:
    if (column := entry.take("physicalName")) is not None:
        columns[column] = item_id
    position = entry.take("primaryKeyPosition")
    if entry.take("primaryKey"):
        key.append((-1 if position is None else position, item_id))


def _item(entry: _Part, taken: set[str]) -> dict[str, Any]:
    item, _ = entry.custom(_OURS_OF_ITEM)
    name = str(entry.take("name"))
    item["id"] = name if _is_identifier(name) and name not in taken else identifier(name, taken)
    item["name"] = entry.take("businessName") or name
    if item["id"] != name:
        item["synonyms"] = [*item.get("synonyms", ()), name]
    _read_type(entry, item)
    if entry.take("required"):
        item["required"] = True
    if sensitivity := _SENSITIVITY.get(str(entry.body.get("classification")).lower()):
        item["sensitivity"] = sensitivity
        entry.take("classification")
    definitions = entry.take("authoritativeDefinitions") or []
    for number, definition in enumerate(definitions):
        if "element" not in item and definition["url"].startswith(ELEMENT_URN):
            item["element"] = definition["url"].removeprefix(ELEMENT_URN)
        else:
            entry.left.append((*entry.path, "authoritativeDefinitions", number))
    return item


def _read_type(entry: _Part, item: dict[str, Any]) -> None:
    """A type of ours counts only while it still means the contract's logical type: that is what an editor changes."""
    logical = entry.take("logicalType")
    stated = item.pop("type", None)
    item["type"] = (
        stated if logical and LOGICAL_TYPES.get(str(stated)) == logical else DATA_TYPES.get(str(logical), "C")
    )
    options = _Part(entry.take("logicalTypeOptions"), (*entry.path, "logicalTypeOptions"), entry.left)
    for theirs, ours in LIMITS.get(str(logical), {}).items():
        if theirs in options.body:
            item[ours] = options.take(theirs)
    options.close()


def _checks(part: _Part) -> Iterator[dict[str, Any]]:
    for number, rule in enumerate(part.take("quality") or ()):
        body = rule.get("implementation")
        if rule.get("type") == "custom" and rule.get("engine") == ENGINE and isinstance(body, dict):
            yield {**body, "id": rule.get("name"), "indicator": _INDICATORS.get(rule.get("dimension"), "consistency")}
        else:
            part.left.append((*part.path, "quality", number))
