"""Why: people mend YAML by the line, so every value read here can be found again in its file; and a file made to break its reader is refused.

Called by the importers that read YAML (folder, contract). Dates stay text, as JSON has them: what a document means must not depend on who reads it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import Invalid

MAX_BYTES = 32 * 1024 * 1024
MAX_VALUES = 2_000_000  # after aliases are spelled out: a kilobyte of aliases can stand for a billion values
Steps = tuple[str | int, ...]  # from the root of a document to one of its parts
_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_C_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(_C_LOADER):  # type: ignore[misc]  # which of the two parsers it is depends on the machine
    yaml_implicit_resolvers = {  # noqa: RUF012 - the parser's own way of saying it
        first: [(tag, pattern) for tag, pattern in known if tag != _TIMESTAMP]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True)
class YamlText:
    """A document as read: its value, and where each part of it stands."""

    value: Any
    node: yaml.Node | None

    def line(self, path: Iterable[str | int]) -> int | None:
        """Return the line, from 1, of what stands at `path`; of the nearest part around it when there is no such thing."""
        node, found = self.node, self.node
        for step in path:
            node = _inside(node, step)
            if node is None:
                break
            found = node
        return found.start_mark.line + 1 if found else None


def json_path(path: Iterable[str | int]) -> str:
    """Return the steps as a JSON path: `$.schema[0].properties[3].name`."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def read_yaml(file: Path) -> YamlText:
    """Return the one document in `file`, None when there is none. Raises as `read_documents`, and when there are several."""
    found = read_documents(file)
    if len(found) > 1:
        raise _refused(file, f"{len(found)} documents where one is wanted / 应只有一个文档，实有 {len(found)} 个")
    return found[0] if found else YamlText(None, None)


def read_documents(file: Path) -> list[YamlText]:
    """Return the documents in `file`, which lines of dashes part.

    Raises Invalid `directory.bad_document`: not readable, not YAML, a key twice, larger than 32 MiB, aliases that stand for too much.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _refused(file, f"larger than {MAX_BYTES >> 20} MiB / 超过 {MAX_BYTES >> 20} MiB")
        loader = _Loader(file.read_text("utf-8-sig"))
        try:
            return list(_documents(file, loader))
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, OSError) as error:
        raise _refused(file, " ".join(str(error).split())) from error
    except RecursionError as error:
        raise _refused(file, "nested too deeply / 嵌套过深") from error


def write_yaml(value: Any) -> str:
    """Return the value as YAML, in its own order, Chinese as it is."""
    text: str = yaml.dump(value, Dumper=_C_DUMPER, allow_unicode=True, sort_keys=False, width=160)
    return text


def _documents(file: Path, loader: Any) -> Iterator[YamlText]:
    while loader.check_node():
        node = loader.get_node()
        if problem := _problem(node):
            raise _refused(file, problem)
        yield YamlText(loader.construct_document(node), node)


def _refused(file: Path, problem: str) -> Invalid:
    return Invalid("directory.bad_document", file=file.name, problem=problem)


def _problem(root: yaml.Node) -> str | None:
    """Name what makes the tree unfit: a key twice in one mapping, or more values than a document of ours can have."""
    for node in _nodes(root, set()):
        if isinstance(node, yaml.MappingNode) and (twice := _repeated(node)):
            return (
                f"line {twice.start_mark.line + 1}: key {twice.value} twice / 第 {twice.start_mark.line + 1} 行：键重复"
            )
    if _weight(root, {}) > MAX_VALUES:
        return f"more than {MAX_VALUES} values / 超过 {MAX_VALUES} 个值"
    return None


def _nodes(root: yaml.Node, seen: set[int]) -> Iterator[yaml.Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += _children(node)


def _weight(node: yaml.Node, known: dict[int, int]) -> int:
    """Count values with every alias spelled out; an alias to what contains it counts as too many."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MAX_VALUES + 1  # while it is open: met again inside itself
        known[id(node)] = 1 + sum(_weight(child, known) for child in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _repeated(node: yaml.MappingNode) -> yaml.Node | None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                return key
            seen.add(key.value)
    return None


def _inside(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None
