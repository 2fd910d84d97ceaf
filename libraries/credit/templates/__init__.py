"""Why: the national template of 双公示 is the same for every department, so its columns are mapped once; a department's declaration follows by two names.
Called by `hutong credit template`.
"""

from importlib.resources import files

from pydantic import TypeAdapter, ValidationError

from schemas.errors import Invalid
from schemas.resource import Identifier

KINDS = ("permit", "penalty")
_NAME: TypeAdapter[str] = TypeAdapter(Identifier)


def declaration(kind: str, department: str, connection: str) -> str:
    """Return the YAML of a resource that takes the national template as it comes. Raises Invalid `credit.unknown_template`, `credit.bad_name`."""
    if kind not in KINDS:
        raise Invalid("credit.unknown_template", kind=kind, known=", ".join(KINDS))
    for name in (department, connection):
        try:
            _NAME.validate_python(name)
        except ValidationError:
            raise Invalid("credit.bad_name", name=name) from None
    text = files(__package__).joinpath(f"{kind}.yml").read_text("utf-8")
    head, _, body = text.partition("id: DEPARTMENT")
    note = head.split(" DEPARTMENT and CONNECTION")[0]
    return f"{note}\nid: DEPARTMENT{body}".replace("DEPARTMENT", department).replace("CONNECTION", connection)
