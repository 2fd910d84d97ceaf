"""Why: an application system installs the SDK alone. This build hook puts into the wheel `hutong-client` what the SDK is made of, under one module name,
`hutong_client`, so that nothing collides with a program's own packages (`schemas` is a common name) or with the hub's.

Signing and receipts are the very files of the hub, with their imports renamed: there are no twins to keep alike. Called by hatchling only; fails the build
when the SDK imports anything heavier.
"""

import ast
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RENAMED = {
    "exchange_api.client": "hutong_client",
    "exchange_api.signing": "hutong_client.signing",
    "exchange_api.evidence": "hutong_client.evidence",
    "schemas.errors": "hutong_client.errors",
}
_OURS = ("exchange_api", "schemas", "libraries", "catalog", "connectors", "dags", "hutong")
_NAME = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in RENAMED))


class ClientWheel(BuildHookInterface[Any]):
    """Writes the renamed modules to a folder of its own and has them included."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 — hatchling's signature
        """Gather the modules and the words of the errors they raise."""
        self.folder = Path(tempfile.mkdtemp(prefix="hutong-client-"))
        write_modules(Path(self.root).parents[1], self.folder)
        build_data["force_include"] = {str(self.folder / "hutong_client"): "hutong_client"}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write_modules(repository: Path, folder: Path) -> None:
    """Write the SDK as `hutong_client` below `folder`; ValueError when it imports what an application system does not have."""
    texts = {path: path.read_text("utf-8") for path in sorted(_closure(repository))}
    for path, text in texts.items():
        name = _renamed(".".join(path.relative_to(repository).with_suffix("").parts)).replace(".", "/")
        place = folder / f"{name}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_renamed(text), "utf-8")
    (folder / "hutong_client" / "py.typed").write_text("", "utf-8")
    words = folder / "hutong_client" / "error_codes" / "client.json"
    words.parent.mkdir()
    words.write_text(json.dumps(_words("".join(texts.values())), ensure_ascii=False, indent=1), "utf-8")


def _closure(repository: Path) -> set[Path]:
    """Return the files of the SDK and of all it imports of ours when it is loaded."""
    found: set[Path] = set()
    waiting = [path for path in (repository / "exchange_api" / "client").glob("*.py") if path != Path(__file__)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [one for name in _imports(path) for one in _files(repository, name)]
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in _OURS:
            if not node.module.startswith(tuple(RENAMED)):
                raise ValueError(f"{path}: the SDK cannot carry {node.module}")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(repository: Path, name: str) -> Iterator[Path]:
    place = repository.joinpath(*name.split("."))
    yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())
    if (
        place.with_suffix(".py").is_file()
        and (place.parent / "__init__.py").is_file()
        and place.parent.name != "schemas"
    ):
        yield place.parent / "__init__.py"


def _renamed(text: str) -> str:
    return _NAME.sub(lambda found: RENAMED[found[0]], text)


def _words(text: str) -> dict[str, Any]:
    from schemas.errors import error_codes

    raised = set(re.findall(r"\"([a-z_]+\.[a-z_]+)\"", text))
    return {
        code: {"status": entry.status, "title": entry.title, "remedy": entry.remedy}
        for code, entry in error_codes().items()
        if code in raised
    }
