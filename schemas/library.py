"""Why: what a base library holds, defined once in `schemas/libraries/*.yml`; its tables, rules, masks, matches and pages follow from it. Anyone may read it."""

from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from schemas import yaml_data
from schemas.resource import Identifier, Sensitivity, Strict

LibraryName = Literal["population", "legal_entity", "credit", "certificate"]
LIBRARIES: tuple[LibraryName, ...] = ("population", "legal_entity", "credit", "certificate")
Mask = Literal["none", "all", "name", "citizen_id", "phone", "address", "division", "year", "tail4"]


class Attribute(Strict):
    """One attribute of a library: a data element in a place, and which departments' word counts most (first wins)."""

    id: Identifier
    type: Literal["text", "date", "number"]
    length: int | None = None
    name: str
    element: Identifier
    code_table: str | None = None
    sensitivity: Sensitivity
    mask: Mask
    authority: tuple[Identifier, ...] = Field(
        description="Departments by authority; those not named come after, by recency."
    )


class Subject(Strict):
    """Whom a record is about."""

    element: Identifier
    name: str
    length: int
    check: Literal["citizen_id", "uscc", "holder_code"]


class Entry(Strict):
    """The key of a register's entry: the named attributes joined with '/'."""

    name: str
    from_: tuple[Identifier, ...] = Field(alias="from")


class BusinessTime(Strict):
    """The attributes that say from when until when an entry holds in the world; without `until` until further notice."""

    from_: Identifier = Field(alias="from")
    until: Identifier | None = None


class Serving(Strict):
    """Which entries of a register may be handed out at all: those in one of these states whose last days have not passed.

    states: values of the attribute `state` that are served; an entry without a state counts as served when `None` is not excluded by `is_state_required`.
    until: date attributes; an entry is not served after the earliest of them.
    """

    state: Identifier
    states: tuple[str, ...]
    is_state_required: bool = False
    until: tuple[Identifier, ...] = ()


class Library(Strict):
    """基础库: `profile` (one golden record per subject) or `register` (many entries per subject)."""

    library: LibraryName
    kind: Literal["profile", "register"]
    name: dict[Literal["zh", "en"], str]
    subject: Subject
    entry: Entry | None = None
    business_time: BusinessTime | None = None
    serving: Serving | None = None
    attributes: tuple[Attribute, ...]

    @property
    def key(self) -> str:
        """Return the name of the column that identifies one record: `subject` of a profile, `entry` of a register."""
        return "entry" if self.kind == "register" else "subject"

    @property
    def attribute_ids(self) -> tuple[str, ...]:
        """Return the attributes' ids, in the order that `sources` and `batches` of a golden record follow."""
        return tuple(attribute.id for attribute in self.attributes)

    def attribute(self, attribute_id: str) -> Attribute:
        """Return the attribute with this id. Raises KeyError."""
        for attribute in self.attributes:
            if attribute.id == attribute_id:
                return attribute
        raise KeyError(attribute_id)


@cache
def library(name: str) -> Library:
    """Return the definition of one base library. Raises KeyError for an unknown one."""
    if name not in LIBRARIES:
        raise KeyError(name)
    return Library.model_validate(
        yaml_data.parse(files("schemas").joinpath("libraries", f"{name}.yml").read_text("utf-8"))
    )
