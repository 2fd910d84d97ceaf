"""Why: the API reference must show the change feed and bulk exports, which the answering layer takes itself. Nobody calls these functions; `app` reads the
routes.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response

from exchange_api.feeds.changes import MOST
from exchange_api.feeds.feed_desk import LIMIT
from exchange_api.routers.machine import REFUSALS, SIGNED
from schemas.messages.exchange import Problem
from schemas.messages.exports import ChangesAnswer, ExportAnswer, ExportList, ExportQuestion

_FURTHER: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "Unknown, or another application's. 不存在或不属于本应用系统"},
    410: {"model": Problem, "description": "Expired, or history no longer reaches back. 已过期或历史不足"},
}
described = APIRouter(responses=REFUSALS | _FURTHER, dependencies=SIGNED)
GrantId = Annotated[
    str, Path(description="Grant 授权编号", pattern=r"^[A-Za-z0-9._-]{1,64}$", examples=["SQ-2026-000001"])
]
ExportId = Annotated[str, Path(description="Export 导出编号", pattern=r"^DC-\d{4}-\d{6}$", examples=["DC-2026-000001"])]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/vnd.apache.parquet": {}, "application/x-ndjson": {}},
        "description": "The file. 文件",
    },
    206: {"description": "The piece asked for. 文件片段"},
    416: {"model": Problem, "description": "A range outside the file. 范围超出"},
}


@described.get(
    "/v1/grants/{grant}/changes", response_model=ChangesAnswer, tags=["feed"], summary="Follow changes 变更订阅"
)
def changes(
    grant: GrantId,
    after: Annotated[
        str, Query(description="`next` of the page before; without it the feed begins with what holds now. 游标")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most changes of the page. 每页条数")] = LIMIT,
    case: Annotated[
        str | None, Query(max_length=128, description="Number of the case, where the grant requires one. 办件编号")
    ] = None,
) -> None:
    """Page through what was granted and what changes of it: additions, changes, tombstones, in one settled order in which nothing is skipped."""


@described.post(
    "/v1/grants/{grant}/exports",
    response_model=ExportAnswer,
    status_code=202,
    tags=["exports"],
    summary="Ask for files 申请批量导出",
)
def ask(grant: GrantId, question: ExportQuestion) -> None:
    """Have the granted items of all granted rows written into files; the same request id is the same export."""


@described.get(
    "/v1/grants/{grant}/exports", response_model=ExportList, tags=["exports"], summary="List exports 导出列表"
)
def exports(grant: GrantId) -> None:
    """List the grant's newest exports."""


@described.get(
    "/v1/grants/{grant}/exports/{export}",
    response_model=ExportAnswer,
    tags=["exports"],
    summary="Read an export 导出进度",
)
def export(grant: GrantId, export: ExportId) -> None:
    """Read how far an export is; once it is ready, its files and its signed manifest."""


@described.delete(
    "/v1/grants/{grant}/exports/{export}",
    response_model=ExportAnswer,
    tags=["exports"],
    summary="Cancel an export 取消导出",
)
def cancel(grant: GrantId, export: ExportId) -> None:
    """Stop building and delete the files; saying it again changes nothing."""


@described.get(
    "/v1/grants/{grant}/exports/{export}/files/{number}",
    response_class=Response,
    responses=_FILE,
    tags=["exports"],
    summary="Fetch a file 下载文件",
)
def fetch(
    grant: GrantId,
    export: ExportId,
    number: Annotated[int, Path(ge=1, le=99_999, description="Number of the file. 文件序号")],
    range: Annotated[
        str | None, Header(alias="Range", description="bytes=…: go on where a download broke off. 断点续传")
    ] = None,
    if_range: Annotated[str | None, Header(alias="If-Range", description="The file's ETag. 文件标识")] = None,
) -> None:
    """Fetch a file, or a piece of it; its ETag is its SHA-256, which the signed manifest holds."""
