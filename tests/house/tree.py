"""The house as text: what the architecture tests read."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOREYS = ("hutong", "dags", "exchange_api", "libraries", "catalog", "connectors", "schemas")


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def modules(*folders: str) -> list[Module]:
    found = [file for folder in folders or STOREYS for file in sorted((ROOT / folder).rglob("*.py"))]
    return [
        Module(file.relative_to(ROOT), file.read_text("utf-8")) for file in found if "node_modules" not in file.parts
    ]
