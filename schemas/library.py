"""Why: what a base library holds, declared once in `schemas/libraries/*.yml` (and in the operator's own folder beside it); its tables, rules, masks,
matches and pages follow from it (docs/libraries.md). Anyone may read it.
"""

import re
from functools import cache
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from schemas import yaml_data
from schemas.declarations import LibraryName, declarations
from schemas.errors import Terminal
from schemas.resource import Identifier, Sensitivity, Strict

Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
SubjectCheck = Literal["citizen_id", "uscc", "holder_code", "place_code", "pattern"]
OWN_COLUMNS = frozenset(
    (
        *(
            "subject",
            "entry",
            "source",
            "sources",
            "batch",
            "batches",
            "row_hash",
            "version",
            "asserted_at",
            "recorded_at",
        ),
        *("effective_from", "known_from", "known_to", "superseded_at", "superseded_by_batch", "superseded_by"),
    )
)
"""Columns that every library's tables have: no attribute may bear their names."""
MOST_ATTRIBUTES = 62  # the merge tells the ways in which rows lack values by the bits of one number
Mask = Literal["none", "all", "name", "citizen_id", "phone", "address", "division", "year", "tail4"]


class Attribute(Strict):
    """One attribute of a library: a data element in a place, and which departments' word counts most (first wins)."""

    id: Column
    type: Literal["text", "date", "number", "geometry"]
    length: int | None = None
    crs: Literal["EPSG:4490", "EPSG:4326"] = Field(
        default="EPSG:4490", description="Coordinate system of a geometry, in degrees: CGCS2000 unless said otherwise."
    )
    name: str
    element: Identifier
    code_table: str | None = None
    sensitivity: Sensitivity
    mask: Mask
    authority: tuple[Identifier, ...] = Field(
        description="Departments by authority; those not named come after, by recency."
    )

    @model_validator(mode="after")
    def _mask_fits(self) -> Self:
        if self.type == "geometry" and self.mask not in ("none", "all"):
            raise ValueError("half a geometry says nothing: mask none or all / 几何信息只能不遮蔽或全部遮蔽")
        return self


class Subject(Strict):
    """Whom or what a record is about.

    `check: pattern` is for codes that no standard gives a check: the whole code fits the regular expression `pattern`.
    """

    element: Identifier
    name: str
    length: int
    check: SubjectCheck
    pattern: str | None = None

    @model_validator(mode="after")
    def _pattern_where_needed(self) -> Self:
        if (self.check == "pattern") != (self.pattern is not None):
            raise ValueError("pattern goes with check: pattern / check 为 pattern 时须写 pattern，其他情形不写")
        re.compile(self.pattern or "")
        return self

    @property
    def sensitivity(self) -> Sensitivity:
        """Return how closely the code itself is kept: what stands for a person is personal."""
        if self.check in ("citizen_id", "holder_code"):
            return "personal"
        return "internal" if self.check == "pattern" else "public"


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


class Resemblance(Strict):
    """An attribute by which two records are seen to be one: read as a name (how it sounds counts), a date, a place, a telephone number or a code."""

    attribute: Identifier
    as_: Literal["name", "date", "place", "phone", "code"] = Field(alias="as")


class Versions(Strict):
    """Which entries of a register are versions of one another: keys alike but for their last characters, and the later key is the newer version.

    suffix: how many last characters differ; last: the highest suffix; a version in one of `drafts`, or in force only from a later day, does not count.
    """

    suffix: int
    last: str
    state: Identifier
    drafts: tuple[str, ...] = ()
    from_: Identifier = Field(alias="from")


class Library(Strict):
    """基础库: `profile` (one golden record per subject) or `register` (many entries per subject)."""

    library: LibraryName
    kind: Literal["profile", "register"]
    name: dict[Literal["zh", "en"], str]
    subject: Subject
    entry: Entry | None = None
    business_time: BusinessTime | None = None
    serving: Serving | None = None
    versions: Versions | None = None
    further_subjects: Identifier | None = Field(
        default=None,
        description="Attribute that lists whom else an entry is about, joined with ';': found by each of them.",
    )
    lookups: tuple[Identifier, ...] = Field(
        default=(), description="Further attributes records are looked up by; indexed."
    )
    resemblance: tuple[Resemblance, ...] = Field(
        default=(),
        description="Of a profile: by what records are seen to be one though their keys differ; the name first.",
    )
    order: int = Field(
        default=100, description="Where lists show it and when one import after another fills it; then by name."
    )
    attributes: tuple[Attribute, ...] = Field(min_length=1, max_length=MOST_ATTRIBUTES)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ids = self.attribute_ids
        if len(set(ids)) < len(ids):
            raise ValueError("attribute ids repeat / 信息项标识重复")
        if taken := sorted({*ids, self.library} & (OWN_COLUMNS | RESERVED_WORDS)):
            raise ValueError(
                f"words of the hub or of the database, take others / 平台或数据库保留字: {', '.join(taken)}"
            )
        if (self.kind == "register") != (self.entry is not None):
            raise ValueError("a register has an entry, a profile has none / register 须写 entry，profile 不写")
        if missing := sorted(self._named() - set(ids)):
            raise ValueError(f"not an attribute / 不是信息项: {', '.join(missing)}")
        return self

    def _named(self) -> set[str]:
        """Return the attributes that other parts of the declaration name."""
        named: set[str | None] = set(self.entry.from_ if self.entry else ())
        if self.business_time:
            named |= {self.business_time.from_, self.business_time.until}
        if self.serving:
            named |= {self.serving.state, *self.serving.until}
        if self.versions:
            named |= {self.versions.state, self.versions.from_}
        named |= {self.further_subjects, *self.lookups, *(one.attribute for one in self.resemblance)}
        return {name for name in named if name}

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
    """Return the definition of one base library. Raises KeyError for an unknown one, Terminal `library.bad_declaration`."""
    file = declarations()[name]
    try:
        found = Library.model_validate(yaml_data.parse(file.read_text("utf-8")))
    except (yaml.YAMLError, ValidationError, re.error) as error:
        raise Terminal("library.bad_declaration", file=str(file), reason=_reason(error)) from None
    if found.library != name:
        raise Terminal("library.bad_declaration", file=str(file), reason=f"library: {found.library} ≠ {name}.yml")
    return found


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or '-'}: {one['msg']}" for one in error.errors()[:3])


LIBRARIES: tuple[str, ...] = tuple(sorted(declarations(), key=lambda name: (library(name).order, name)))
"""Every declared library, in the order in which they are shown and filled."""
