"""Why: which base libraries there are follows from declaration files: those of this package, and those of a folder an operator names beside them.
Asked by `schemas.library` (what they hold) and `schemas.resource` (whether a name is one); nobody else lists libraries.
"""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.errors import Terminal
from schemas.settings import HutongSettings


class LibrarySettings(HutongSettings):
    """Where more base libraries are declared."""

    libraries: Path | None = Field(default=None, description="Folder of further library declarations (*.yml).")


@cache
def declarations() -> dict[str, Traversable]:
    """Return the file that declares each library, by name. Raises Terminal `library.bad_declaration`: no such folder, or a name declared twice."""
    found = {_stem(file): file for file in _files(files("schemas").joinpath("libraries"))}
    own = LibrarySettings().libraries
    if own is None:
        return found
    if not own.is_dir():
        raise Terminal("library.bad_declaration", file=str(own), reason="HUTONG_LIBRARIES: no such folder / 没有该目录")
    more = {_stem(file): file for file in _files(own)}
    if twice := sorted(found.keys() & more.keys()):
        raise Terminal("library.bad_declaration", file=str(more[twice[0]]), reason="declared already / 已有同名基础库")
    return found | more


def is_shipped(name: str) -> bool:
    """Tell whether a library comes with the hub and not from an operator's folder."""
    return files("schemas").joinpath("libraries", f"{name}.yml").is_file()


def _declared(name: str) -> str:
    if name not in declarations():
        raise ValueError(f"{name}: no such library, known are / 没有该基础库，可用: {', '.join(declarations())}")
    return name


LibraryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32), AfterValidator(_declared)]
"""The name of a declared library."""


def _files(folder: Traversable) -> list[Traversable]:
    return sorted((file for file in folder.iterdir() if file.name.endswith(".yml")), key=lambda file: file.name)


def _stem(file: Traversable) -> str:
    return file.name.removesuffix(".yml")
