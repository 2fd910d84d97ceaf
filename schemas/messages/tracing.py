"""Why: what a question for the chain gets, as models: the API reference is made from them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class TraceNode(BaseModel):
    """One link of the chain; no subject and no value ever stands in it."""

    ref: str = Field(description="The name by which edges mean it; ask for it to go on from there.")
    kind: str = Field(
        description="service_item, application, demand, match, supply_task, dispute, grant, resource, version, batch, quality, ruling, records "
        "(the record versions an answer was made of), answer, receipt, objection, recall."
    )
    id: str
    title: str
    state: str
    at: str | None = Field(description="Since when it is there, in UTC.")
    facts: dict[str, Any] = Field(description="Ids, counts, states.")


class TraceEdge(BaseModel):
    """What came of what."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: str = Field(alias="from", description="What came before.")
    to: str = Field(description="What came of it.")


class TraceMore(BaseModel):
    """Neighbours that are not shown."""

    node: str = Field(description="Whose neighbours: ask for this ref.")
    kind: str
    direction: Literal["up", "down"]
    count: int = Field(
        description="How many are not shown; counted up to 100,000 where they must be counted one by one."
    )
    after: str = Field(description="Where the list goes on: `?after=` with this ref.")


class TraceAnswer(BaseModel):
    """The chain around one id, both ways."""

    receipt: str
    start: str
    nodes: list[TraceNode]
    edges: list[TraceEdge]
    more: list[TraceMore]
    is_cut: bool = Field(description="The walk met more than it may show: ask for single nodes.")
    behind: int = Field(description="Answers just given, to which no batch or grant leads yet; their receipts do.")
