"""Small rooms: files, functions, DAGs and endpoints keep to their budgets; an exception stands here with its reason."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import Module, modules

FILE, FUNCTION, DAG, ENDPOINT = 300, 40, 60, 10
EXCEPTIONS: dict[str, str] = {}  # path or path:function → reason


def too_long(module: Module) -> list[str]:
    """What of a module is over budget, in words."""
    lines = len(module.text.splitlines())
    limit = DAG if module.path.parts[0] == "dags" else FILE
    found = [f"{module.name}: {lines} lines, budget {limit}"] if lines > limit else []
    for function in module.functions():
        length = (function.end_lineno or 0) - function.lineno + 1
        if length > FUNCTION:
            found.append(f"{module.name}:{function.name}: {length} lines, budget {FUNCTION}")
        if _is_endpoint(function) and _body(function) > ENDPOINT:
            found.append(f"{module.name}:{function.name}: endpoint body of {_body(function)} lines, budget {ENDPOINT}")
    return [line for line in found if line.rsplit(": ", 1)[0] not in EXCEPTIONS]


def _is_endpoint(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    verbs = {"get", "post", "put", "patch", "delete"}
    calls = [d.func for d in function.decorator_list if isinstance(d, ast.Call)]
    routers = {"router", "app"}
    return any(
        isinstance(c, ast.Attribute) and c.attr in verbs and isinstance(c.value, ast.Name) and c.value.id in routers
        for c in calls
    )


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_every_file_and_function_is_within_budget() -> None:
    assert [line for module in modules() for line in too_long(module)] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("catalog/long.py", "x = 1\n" * (FILE + 1)),
        ("dags/long.py", "x = 1\n" * (DAG + 1)),
        ("catalog/deep.py", "def f():\n" + "    x = 1\n" * FUNCTION),
        ("exchange_api/routers/r.py", "@router.get('/')\ndef f():\n" + "    x = 1\n" * (ENDPOINT + 1)),
    ],
)
def test_a_planted_violation_is_caught(path: str, text: str) -> None:
    assert too_long(Module(Path(path), text))
