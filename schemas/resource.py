"""Why: what a catalogued information resource looks like, written once.
The directory stores it, the workbook fills it, rules, tables, matches and pages follow from it.

Fields are the 13 core metadata elements of 政务信息资源目录编制指南（试行）2017 (national guide, clause 核心元数据), plus what the hub needs to collect it.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$", max_length=96)]
DataType = Literal["C", "N", "Y", "D", "T", "L", "M", "I", "F", "B", "G"]
Sensitivity = Literal["public", "internal", "personal", "sensitive"]
Indicator = Literal["normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility"]


class Strict(BaseModel):
    """A frozen document part that refuses unknown keys: a misspelt key is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(Strict):
    """信息项: one field of a resource, bound to a data element. `id` is its column name from landing to library."""

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    element: Identifier | None = None
    type: DataType = "C"
    length: int | None = Field(default=None, gt=0)
    required: bool = False
    code_table: str | None = None
    check: Literal["citizen_id", "uscc", "organisation_code", "certificate_identifier", "holder_code"] | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    attribute: Identifier | None = Field(
        default=None, description="Library attribute it feeds; None: kept in landing only."
    )
    normalise: tuple[str, ...] = Field(
        default=(),
        description="Declared repairs, in order: trim, half_width, upper, citizen_id_18, date, nfc, code:<table>.",
    )
    share_type: Literal[1, 2, 3] | None = Field(
        default=None, description="Own sharing attribute; None inherits the resource's."
    )
    sensitivity: Sensitivity = "internal"
    synonyms: tuple[str, ...] = ()


class Sharing(Strict):
    """共享属性 (element 9): 1 unconditional, 2 conditional (condition named), 3 refused (legal basis named)."""

    type: Literal[1, 2, 3]
    condition: str | None = Field(default=None, max_length=500)
    mode: Literal["数据库", "文件", "接口"] = "接口"

    @model_validator(mode="after")
    def _condition_named(self) -> "Sharing":
        if self.type != 1 and not self.condition:
            raise ValueError(
                "sharing type 2 needs its condition, type 3 its legal basis / 有条件共享须写明条件，不予共享须写明依据"
            )
        return self


class Format(Strict):
    """信息资源格式 (element 7)."""

    category: str
    type: str
    note: str | None = None


class Check(Strict):
    """A rule beyond those that follow from the items: cross-field, reference, volume, or a steward's own."""

    id: Identifier
    kind: Literal[
        "birth_date_matches_id",
        "sex_matches_id",
        "not_after",
        "not_in_future",
        "reference",
        "one_of",
        "state_matches_validity",
        "volume",
    ]
    items: tuple[Identifier, ...]
    indicator: Indicator = "consistency"
    scope: Literal["row", "batch", "library"] = "row"
    options: dict[str, Any] = Field(default_factory=dict)


class Source(Strict):
    """Source binding: where and how to collect. Names a connection, never holds a secret."""

    connector: Literal["database", "rest", "files"]
    connection: Identifier
    options: dict[str, Any] = Field(
        default_factory=dict, description="The connector's own: table, path, endpoint, paging, encoding, sheet …"
    )
    mapping: dict[str, Identifier] = Field(
        description="Source column → item id. Every source column is mapped or ignored by name."
    )
    ignore: tuple[str, ...] = ()
    key: tuple[Identifier, ...] = Field(min_length=1)
    watermark: Identifier | None = None
    mode: Literal["snapshot", "incremental"] = "snapshot"
    schedule: str | None = Field(default=None, description="Cron; None follows the update cycle.")


class Quality(Strict):
    """Thresholds of one resource."""

    reject_above: float = Field(
        default=0.3, ge=0, le=1, description="Share of bad rows above which the whole batch is rejected."
    )
    volume_drop: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the last batch's rows that may be missing before the batch is rejected.",
    )


class ResourceDocument(Strict):
    """One version of a catalogued resource."""

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    department: Identifier
    code: str = Field(pattern=r"^[123]\d{2}\d{3}[0-9A-Za-z]*/[0-9A-Za-z]{1,20}$")
    category: str
    abstract: str = Field(min_length=1, max_length=4000)
    format: Format
    sharing: Sharing
    is_open: bool = False
    open_condition: str | None = None
    update_cycle: Literal[1, 2, 3, 4, 5, 6]
    publish_date: date | None = None
    related_codes: tuple[str, ...] = ()
    library: Literal["population", "legal_entity", "credit", "certificate"] | None = None
    items: tuple[Item, ...] = Field(min_length=1)
    source: Source | None = None
    checks: tuple[Check, ...] = ()
    quality: Quality = Quality()

    @model_validator(mode="after")
    def _bound_together(self) -> "ResourceDocument":
        ids = [item.id for item in self.items]
        if len(ids) != len(set(ids)):
            raise ValueError("item ids repeat / 信息项标识重复")
        wanted = {*self.source.mapping.values(), *self.source.key} if self.source else set()
        wanted |= {item for check in self.checks for item in check.items}
        if missing := sorted(wanted - set(ids)):
            raise ValueError(f"not an item of this resource / 不是本资源的信息项: {', '.join(missing)}")
        return self

    def item(self, item_id: str) -> Item:
        """Return the item with this id. Raises KeyError."""
        return next(item for item in self.items if item.id == item_id)
