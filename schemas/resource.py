"""Why: what a catalogued information resource looks like, written once.
The directory stores it, the workbook fills it, rules, tables, matches and pages follow from it.

Fields are the 13 core metadata elements of 政务信息资源目录编制指南（试行）2017 (national guide, clause 核心元数据), plus what the hub needs to collect it.
A `ResourceDraft` may still have gaps, as departments' spreadsheets do; a `ResourceDocument` is whole, and only that can be reviewed and published.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.declarations import LibraryName

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$", max_length=96)]
DataType = Literal["C", "N", "Y", "D", "T", "L", "M", "I", "F", "B", "G"]
Sensitivity = Literal["public", "internal", "personal", "sensitive"]
ResourceCode = Annotated[str, Field(pattern=r"^[123]\d{2}\d{3}[0-9A-Za-z]*/[0-9A-Za-z]{1,20}$", max_length=64)]
UpdateCycle = Literal[1, 2, 3, 4, 5, 6, 7, 8]
STRUCTURED = ("2", "3", "7")  # format categories whose items must be listed: spreadsheet, database, service interface
Guard = Literal["volume_growth", "null_share", "code_share", "distinct_share", "mean_length", "mean_number"]
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
    check: (
        Literal["citizen_id", "uscc", "organisation_code", "certificate_identifier", "holder_code", "place_code"] | None
    ) = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    attribute: Identifier | None = Field(
        default=None, description="Library attribute it feeds; None: kept in landing only."
    )
    normalise: tuple[str, ...] = Field(
        default=(),
        description="Declared repairs, in order: trim, half_width, upper, nfc, citizen_id_18, date, date:dmy, date:mdy, date:excel, "
        "code:<table>, map:<name>, uscc:<authority>,<kind>,<division>, or:<item>, else:<value>.",
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
    uses: tuple[Literal["行政依据", "工作参考", "数据校核", "业务协同"], ...] = ()
    mode_category: Literal["共享平台方式", "其他方式"] = "共享平台方式"
    mode: Literal["数据库", "文件", "接口", "邮件", "拷盘", "介质交换"] = "接口"

    @model_validator(mode="after")
    def _condition_named(self) -> "Sharing":
        if self.type != 1 and not self.condition:
            raise ValueError(
                "sharing type 2 needs its condition, type 3 its legal basis / 有条件共享须写明条件，不予共享须写明依据"
            )
        return self


class Format(Strict):
    """信息资源格式 (element 7): code of `format_category`, type of `format_type`; a self-described one needs its note."""

    category: str
    type: str
    note: str | None = None


class Assessment(Strict):
    """发布前评估: secrecy risk and protection of personal information (政务数据共享条例 art. 13). What holds a secret is never catalogued (art. 3)."""

    secrecy: Literal["none", "work_secret", "state_secret"]
    holds_personal_information: bool
    conclusion: str = Field(default="", max_length=2000)
    assessed_on: date
    assessed_by: str = Field(min_length=1)


class Survey(Strict):
    """资源大普查: six figures some provinces ask for; gigabytes and ten thousand records."""

    stored_gb: float = Field(default=0, ge=0)
    records_10k: float = Field(default=0, ge=0)
    shared_gb: float = Field(default=0, ge=0)
    shared_records_10k: float = Field(default=0, ge=0)
    open_gb: float = Field(default=0, ge=0)
    open_records_10k: float = Field(default=0, ge=0)


class Check(Strict):
    """A rule beyond those that follow from the items: cross-field, reference, volume, or a steward's own.

    options by kind: range `minimum`, `maximum`; pattern `pattern`; code_table `table`; length `maximum`; one_of `values`; reference `libraries`;
    sql `sql`, one SELECT of the keys that fail; any row rule `when` ({item: value or values}). Ids that begin with "batch." or "steward." are the hub's.
    """

    id: Identifier
    kind: Literal[
        "birth_date_matches_id",
        "sex_matches_id",
        "not_after",
        "not_in_future",
        "reference",
        "one_of",
        "state_matches_validity",
        "state_moves",
        "volume",
        "required",
        "range",
        "pattern",
        "length",
        "code_table",
        "sql",
    ]
    items: tuple[Identifier, ...]
    indicator: Indicator = "consistency"
    scope: Literal["row", "batch", "library"] = "row"
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _id_is_free(self) -> "Check":
        if self.kind != "volume" and self.id.startswith("batch."):
            raise ValueError(f"{self.id}: ids that begin with batch. are the hub's / batch. 开头的标识由平台使用")
        return self


class Limits(Strict):
    """How hard a source system may be asked, so that it is never overrun: over all processes and machines of the hub."""

    at_once: int = Field(default=2, ge=1, le=16, description="Readers of the connection at the same time.")
    rows_per_second: int | None = Field(
        default=None, gt=0, description="Rows a second all readers together may take; None: as many as come."
    )
    wait_seconds: int = Field(
        default=3600, ge=0, description="How long a reader waits for its turn before it gives up."
    )


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
    overlap_seconds: float = Field(
        default=0, ge=0, description="How far before the last watermark (a time) collecting begins: for late commits."
    )
    overlap_rows: int = Field(default=0, ge=0, description="The same for a growing number, in its units.")
    slices: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        default="auto", description="Key ranges read side by side; auto: as many as the source's statistics suggest."
    )
    mapped: bool = Field(default=False, description="Each slice is a task of its own in Airflow.")
    limits: Limits = Limits()
    schedule: str | None = Field(default=None, description="Cron; None follows the update cycle.")
    codes: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="The source's own codes by item (or by the name that an item's map:<name> gives): {item: {from: to}}.",
    )

    @model_validator(mode="after")
    def _sliced_where_possible(self) -> Self:
        if self.connector == "files" and (self.mapped or self.slices not in ("auto", 1)):
            raise ValueError("files are their own slices: neither slices nor mapped / 文件来源不分片")
        if self.overlap_seconds and self.overlap_rows:
            raise ValueError("overlap_seconds or overlap_rows, not both / 重叠时间与重叠行数只能填一项")
        return self


class Quality(Strict):
    """Thresholds of one resource. Guards hold a batch against the last ones: a figure may leave their range by so much; None: not looked at."""

    reject_above: float = Field(
        default=0.3, ge=0, le=1, description="Share of bad rows above which the whole batch is rejected."
    )
    volume_drop: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the last batch's rows that may be missing before the batch is rejected.",
    )
    volume_growth: float | None = Field(
        default=1.0, ge=0, description="Share of the last batch's rows by which a whole snapshot may grow."
    )
    null_share: float | None = Field(
        default=0.1, ge=0, le=1, description="By how much an item's share of missing values may move (0.1: ten points)."
    )
    code_share: float | None = Field(
        default=0.2, ge=0, le=1, description="By how much the share of any one code of an item may move."
    )
    distinct_share: float | None = Field(
        default=0.5, ge=0, description="By what part of itself an item's share of different values may move."
    )
    mean_length: float | None = Field(
        default=0.5, ge=0, description="By what part of itself an item's mean length may move."
    )
    mean_number: float | None = Field(
        default=0.5, ge=0, description="By what part of itself, or of its spread, a number's mean may move."
    )
    compared_batches: int = Field(default=5, ge=1, le=50, description="How many last merged batches guards look at.")
    late_days: float = Field(
        default=0.5, ge=0, description="Days by which a delivery may come after its update cycle and still be in time."
    )
    reject_on: tuple[Guard, ...] = Field(
        default=(), description="Guards that reject the batch; the others warn and count against the score."
    )


class ResourceDraft(Strict):
    """One version of a resource while it is being written: only its name and department must be there."""

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    department: Identifier
    inner_department: str | None = Field(default=None, description="下设机构")
    code: ResourceCode | None = Field(default=None, description="Element 3; None: the directory gives the next one.")
    more_codes: tuple[ResourceCode, ...] = Field(default=(), description="One more for each further category.")
    category: str | None = None
    abstract: str | None = Field(default=None, max_length=4000)
    keywords: tuple[str, ...] = ()
    format: Format | None = None
    sharing: Sharing | None = None
    is_open: bool = False
    open_condition: str | None = None
    open_theme: str | None = Field(default=None, description="开放主题分类")
    update_cycle: UpdateCycle | None = None
    publish_date: date | None = None
    related_codes: tuple[str, ...] = ()
    duty: str | None = Field(default=None, description="Duty that the data comes from (关联职责).")
    service_items: tuple[str, ...] = Field(default=(), description="Linked service items (关联业务事项), by id.")
    system: str | None = Field(default=None, description="Owning system (所属信息系统).")
    grade: Literal["1", "2", "3", "4"] | None = Field(default=None, description="数据分级, 1 lowest.")
    assessment: Assessment | None = None
    survey: Survey | None = None
    library: LibraryName | None = None
    items: tuple[Item, ...] = ()
    source: Source | None = None
    checks: tuple[Check, ...] = ()
    quality: Quality = Quality()

    @model_validator(mode="after")
    def _bound_together(self) -> Self:
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


class ResourceDocument(ResourceDraft):
    """One whole version of a catalogued resource: what a draft must be before anyone reviews it."""

    code: ResourceCode
    category: str = Field(min_length=1)
    abstract: str = Field(min_length=1, max_length=4000)
    format: Format
    sharing: Sharing
    update_cycle: UpdateCycle

    @model_validator(mode="after")
    def _items_where_structured(self) -> "ResourceDocument":
        if not self.items and self.format.category in STRUCTURED:
            raise ValueError("a structured resource needs its items / 结构化资源须列出信息项")
        return self
