"""Rules of the house that a reader of the text can judge: one commit, names, no promises, heavy tools behind one door."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Module, modules

COMMITS_ELSEWHERE: dict[str, str] = {}  # module → why it must commit by itself
FORBIDDEN_NAMES = re.compile(
    r"(?:^|_)(?:utils?|helpers?|common|managers?|handlers?|processors?|misc|core|base_service|data2)(?:_|$)"
)
_HOMES = "|".join(("work/", "root/", "home/[a-z]+/"))
_REGISTRIES = "|".join(
    name + r"\." for name in ("py" + "pi", "files.python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian")
)
MACHINE = re.compile(rf"(?<![A-Za-z0-9_.])(/(?:{_HOMES})|(?:{_REGISTRIES})(?:org|com))")


def commits(module: Module) -> list[int]:
    """Lines on which a module ends a transaction by itself."""
    return [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def test_only_the_door_to_the_database_commits() -> None:
    allowed = {"schemas/database.py", *COMMITS_ELSEWHERE}
    assert {m.name: commits(m) for m in modules() if commits(m) and m.name not in allowed} == {}


def test_a_planted_commit_is_caught() -> None:
    assert commits(Module(Path("catalog/x.py"), "def f(session):\n    session.commit()\n")) == [2]


def test_names_say_what_a_module_is() -> None:
    stems = [(module.name, part) for module in modules() for part in (*module.path.parts[:-1], module.path.stem)]
    assert [name for name, part in stems if FORBIDDEN_NAMES.search(part)] == []


def test_a_planted_name_is_caught() -> None:
    assert all(FORBIDDEN_NAMES.search(name) for name in ("utils", "date_helpers", "core", "grant_manager"))
    assert not any(FORBIDDEN_NAMES.search(name) for name in ("scored", "commons", "grants", "handling"))


def test_every_module_says_first_why_it_is_there() -> None:
    assert [m.name for m in modules() if m.text.strip() and not ast.get_docstring(m.tree)] == []


def _ours() -> Iterator[Path]:
    """Every file of ours; folders that running processes fill and empty meanwhile are not entered."""
    for folder, below, files in os.walk(ROOT):
        below[:] = set(below) - {".venv", "var", "node_modules", ".git", "vendor"}
        yield from (Path(folder, one) for one in files)


def test_no_machine_and_no_registry_is_named() -> None:
    ours = [
        p
        for p in _ours()
        if p.suffix in {".py", ".md", ".yml", ".toml", ".lock", ".json", ".cfg", ".sh", ".html"} or p.name == "Makefile"
    ]
    named = [str(p.relative_to(ROOT)) for p in ours if MACHINE.search(p.read_text("utf-8"))]
    assert named == []


@pytest.mark.parametrize("text", ["see " + "/ro" + "ot/x", "index-url https://py" + "pi.org/simple"])
def test_a_planted_machine_path_is_caught(text: str) -> None:
    assert MACHINE.search(text)


def test_there_is_no_init_below_tests() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []  # tests/catalog/__init__.py would shadow catalog
