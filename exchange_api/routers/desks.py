"""Why: the API reference must show the questions to desks, which the answering layer takes itself. Nobody calls these functions; `app` reads the routes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from exchange_api.routers.machine import REFUSALS, SIGNED
from schemas.messages.exchange import (
    Acknowledged,
    Acknowledgement,
    ObjectionAnswer,
    ObjectionForm,
    ObjectionList,
    Problem,
    RecallAnswer,
    RecallList,
)
from schemas.messages.tracing import TraceAnswer

_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "Unknown, or another application's. 不存在或不属于本应用系统"}
}
described = APIRouter(responses=REFUSALS | _UNKNOWN, dependencies=SIGNED)
RecallId = Annotated[str, Path(description="Recall 召回编号", pattern=r"^ZH-\d{4}-\d{6}$", examples=["ZH-2026-000001"])]
ObjectionId = Annotated[
    str, Path(description="Objection 异议编号", pattern=r"^YY-\d{4}-\d{6}$", examples=["YY-2026-000001"])
]
After = Annotated[str, Query(description="Where a list goes on: `next` of the page before. 续页")]


@described.get("/v1/recalls", response_model=RecallList, tags=["recalls"], summary="List recalls 召回列表")
def recalls(after: After = "") -> None:
    """List what was called back of the values this application received, newest first."""


@described.get("/v1/recalls/{recall}", response_model=RecallAnswer, tags=["recalls"], summary="Read a recall 召回通知")
def recall(recall: RecallId, after: After = "") -> None:
    """Read the signed notice, and page through the affected receipts of this application."""


@described.post(
    "/v1/recalls/{recall}/acknowledgement",
    response_model=Acknowledged,
    tags=["recalls"],
    summary="Acknowledge a recall 确认召回",
)
def acknowledge(recall: RecallId, said: Acknowledgement) -> None:
    """Say that the notice was taken in, and what is done about it; saying it again changes nothing."""


@described.get("/v1/objections", response_model=ObjectionList, tags=["objections"], summary="List objections 异议列表")
def objections(after: After = "") -> None:
    """List this application's objections, newest first."""


@described.post(
    "/v1/objections", response_model=ObjectionAnswer, tags=["objections"], summary="Object to a value 提出异议"
)
def object_to(form: ObjectionForm) -> None:
    """Doubt one value of one receipt of this application; its source answers within the legal days. While one is open over it, that one is returned."""


@described.get(
    "/v1/objections/{objection}",
    response_model=ObjectionAnswer,
    tags=["objections"],
    summary="Read an objection 异议进度",
)
def objection(objection: ObjectionId) -> None:
    """Read where an objection stands."""


@described.post(
    "/v1/objections/{objection}/withdrawal",
    response_model=ObjectionAnswer,
    tags=["objections"],
    summary="Withdraw an objection 撤回异议",
)
def withdraw(objection: ObjectionId) -> None:
    """Take an objection back while it is open."""


@described.get(
    "/v1/trace/{id}",
    response_model=TraceAnswer,
    tags=["trace"],
    summary="Walk the chain 全链追溯",
)
def trace(
    id: Annotated[
        str, Path(description="Any id: receipt, grant, demand, batch, resource version … 任意编号", max_length=200)
    ],
    after: After = "",
) -> None:
    """Walk from any id to everything it came from and led to: demand, match, supply task, grant, directory version, batch, quality, record versions,
    answer, receipt. The chain of one's own receipts, grants and demands; never an identifier of a person.
    """
