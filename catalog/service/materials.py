"""Why: a material is what a citizen is made to bring; how it could be obtained instead decides whether he still must. Its shape, by the national list of
service items (事项要素) and the hub's links to resources, certificates and departments.

Used by `catalog.service.services` (stored with its service item) and `catalog.service.obtainable` (which of them need no longer be asked for).
"""

from typing import Literal

from pydantic import Field, model_validator

from schemas.resource import Identifier, Strict

Need = Literal["1", "2", "3"]  # 必要性: necessary, not necessary, may follow later (容缺后补)
Kind = Literal["1", "2", "3"]  # 材料类型: original, copy, either
Channel = Literal["10", "20", "99"]  # 来源渠道: applicant, issued by government, other
ObtainMode = Literal[0, 1, 2, 3, 4, 5]
Status = Literal["candidate", "linked", "tested", "in_use", "suspended"]
Otherwise = Literal["ask_applicant", "commitment", "inter_department", "manual_review"]
APPLICANT, CHECK, FETCH, CERTIFICATE, COMMITMENT, INTER_DEPARTMENT = 0, 1, 2, 3, 4, 5
LINKED = ("linked", "tested", "in_use")


class Target(Strict):
    """Where a material is obtained: items of a resource, a type of certificate, or a department that is asked."""

    resource: Identifier | None = None
    items: tuple[Identifier, ...] = Field(
        default=(), description="Items of the resource; of a certificate, its attributes."
    )
    certificate_type: str | None = Field(default=None, description="证照类型名称")
    department: Identifier | None = None


class Condition(Strict):
    """One condition of sufficiency: what must hold of an item, so that the material is not needed."""

    item: Identifier
    holds: Literal["present", "equals_form", "one_of", "not_expired"] = "present"
    field: str | None = Field(
        default=None, description="equals_form: the field of the application form it is held against."
    )
    values: tuple[str, ...] = Field(default=(), description="one_of: the values that suffice.")

    @model_validator(mode="after")
    def _complete(self) -> "Condition":
        if (self.holds == "equals_form") != bool(self.field) or (self.holds == "one_of") != bool(self.values):
            raise ValueError(
                "equals_form needs `field`, one_of needs `values` / equals_form 须写 field，one_of 须写 values"
            )
        return self


class Fallback(Strict):
    """What happens when the hub cannot answer; the reason is always recorded with the case."""

    not_found: Otherwise = "ask_applicant"
    mismatch: Otherwise = "ask_applicant"
    timeout: Otherwise = "ask_applicant"


class Material(Strict):
    """材料: one thing a citizen is asked for, the items that would replace it in the demander's words, and the link by which they do."""

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    kind: Kind = "3"
    form: str | None = Field(default=None, description="材料形式")
    need: Need = "1"
    source: Channel = "10"
    source_note: str | None = None
    copies: int = Field(default=1, ge=0)
    specification: str | None = Field(default=None, description="规格")
    instructions: str | None = Field(default=None, description="填报须知")
    acceptance: str | None = Field(default=None, description="受理标准")
    basis: str | None = Field(default=None, description="要求依据")
    items: tuple[str, ...] = ()
    obtain_mode: ObtainMode = Field(
        default=0,
        description="0 applicant submits, 1 data check, 2 data fetch, 3 e-certificate, 4 written commitment, 5 another department is asked.",
    )
    target: Target = Target()
    match_keys: dict[str, Identifier] = Field(
        default_factory=dict, description="Field of the application form → item that the question is asked by."
    )
    sufficient: tuple[Condition, ...] = ()
    fallback: Fallback = Fallback()
    status: Status = "candidate"

    @model_validator(mode="after")
    def _linked_wholly(self) -> "Material":
        if self.status == "candidate":
            return self
        wanted = {
            APPLICANT: ("obtain_mode",),
            CHECK: ("target.resource", "target.items", "match_keys"),
            FETCH: ("target.resource", "target.items", "match_keys"),
            CERTIFICATE: ("target.certificate_type", "match_keys"),
            COMMITMENT: ("basis",),
            INTER_DEPARTMENT: ("target.department",),
        }[self.obtain_mode]
        if missing := [name for name in wanted if not self._value(name)]:
            raise ValueError(f"a {self.status} material needs / 已关联的材料须写明: {', '.join(missing)}")
        return self

    def _value(self, name: str) -> object:
        first, _, second = name.partition(".")
        return getattr(getattr(self, first), second) if second else getattr(self, first)
