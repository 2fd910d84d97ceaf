"""Why: a whole directory as a folder of YAML is how a city is set up, reviewed and carried from one hub to another. In one transaction: all of it or nothing.

departments.yml  elements.yml  service_items.yml  resources/<resource id>.yml
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from catalog import deadlines, departments, directory, elements, services
from schemas.errors import Invalid
from schemas.resource import ResourceDocument

_Document = TypeVar("_Document", bound=BaseModel)


@dataclass
class Imported:
    """What an import did: how many of each kind, and which resources got a draft."""

    departments: int = 0
    elements: int = 0
    service_items: int = 0
    resources: int = 0
    drafts: list[str] = field(default_factory=list)


def import_folder(session: Session, folder: Path) -> Imported:
    """Read every document of `folder` and keep it; resources become drafts. Importing twice changes nothing.

    Raises Invalid `directory.bad_document` with file and place, and what the desks raise.
    """
    if not folder.is_dir():
        raise Invalid("directory.bad_document", file=str(folder), problem="not a folder / 不是文件夹")
    done = Imported()
    deadlines.seed_rules(session)
    for department in _in_order(list(_read_list(folder / "departments.yml", departments.DepartmentDocument))):
        departments.save(session, department)
        done.departments += 1
    for element in _read_list(folder / "elements.yml", elements.ElementDocument):
        elements.save(session, element)
        done.elements += 1
    for item in _read_list(folder / "service_items.yml", services.ServiceItemDocument):
        services.save(session, item)
        done.service_items += 1
    for file in sorted((folder / "resources").glob("*.yml")):
        if draft := directory.save_draft(session, _read(file, ResourceDocument)):
            done.drafts.append(draft.resource_id)
        done.resources += 1
    return done


def _in_order(found: list[departments.DepartmentDocument]) -> Iterator[departments.DepartmentDocument]:
    """Parents before children; a parent that is not in the file must be in the directory already."""
    waiting = {department.id: department for department in found}
    while waiting:
        ready = [d for d in waiting.values() if d.parent_id not in waiting]
        if not ready:
            raise Invalid(
                "directory.bad_document", file="departments.yml", problem=f"parent_id in a circle: {', '.join(waiting)}"
            )
        for department in ready:
            yield waiting.pop(department.id)


def _read_list(file: Path, kind: type[_Document]) -> Iterator[_Document]:
    for number, entry in enumerate(_load(file) or [], start=1):
        yield _validated(f"{file.name} #{number}", entry, kind)


def _read(file: Path, kind: type[_Document]) -> _Document:
    return _validated(file.name, _load(file), kind)


def _load(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Invalid("directory.bad_document", file=file.name, problem=" ".join(str(error).split())) from error


def _validated(where: str, entry: Any, kind: type[_Document]) -> _Document:
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise Invalid("directory.bad_document", file=where, problem=problems) from error
