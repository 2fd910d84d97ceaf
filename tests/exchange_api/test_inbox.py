"""Files brought over HTTP: by an application's signature or a provider's sign-in, signed and recorded like every answer, and refused by name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog import directory
from exchange_api import officers
from exchange_api.signing import Request
from exchange_api.signing.messages import content_digest
from schemas.resource import ResourceDocument

CONTENT = "文书号\n1\n2\n".encode()
NAME = "name=%E4%B8%83%E6%9C%88.csv"
DOCUMENT: dict[str, Any] = {
    "id": "housing.decision", "name": "决定书", "department": "housing", "code": "301001/1", "category": "部门信息资源", "abstract": "决定",
    "format": {"category": "2", "type": "csv"}, "sharing": {"type": 1, "mode": "文件"}, "update_cycle": 2,
    "assessment": {"secrecy": "none", "holds_personal_information": False, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "items": [{"id": "number", "name": "文书号"}],
    "source": {
        "connector": "files", "connection": "inbox", "mode": "incremental", "mapping": {"文书号": "number"}, "key": ["number"],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def place(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """The exchange with an inbox of its own that takes one MiB, and a resource of housing's that is fed by it."""
    import dataclasses

    folder = tmp_path_factory.mktemp("inbox")
    environment = {**exchange_site.environment, "HUTONG_INBOX": str(folder), "HUTONG_INBOX_FILE_MB": "2"}
    with Session(exchange_site.engine) as session, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUTONG_SNAPSHOT", str(folder.parent / "snapshot.json"))
        for document in (
            DOCUMENT,
            {**DOCUMENT, "id": "housing.table", "name": "台账", "code": "301001/2", "source": None},
        ):
            directory.save_draft(session, ResourceDocument.model_validate(document))
            directory.publish(session, str(document["id"]))
        session.commit()
    with serve(environment, folder.parent / "inbox.log") as authority:
        yield (
            dataclasses.replace(exchange_site, url=f"http://{authority}", authority=authority),
            folder / DOCUMENT["id"],
        )


def bring(site: Any, content: bytes = CONTENT, **changes: Any) -> tuple[Request, Any]:
    given = {
        "body": content,
        "query": NAME,
        "headers": {"content-type": "text/csv"} | changes.pop("headers", {}),
        **changes,
    }
    request = site.question(None, given.pop("path", "/v1/inbox/housing.decision"), **given)
    return request, site.send(request)


def test_a_signed_file_lies_in_the_inbox_and_its_receipt_says_so(place: tuple[Any, Path]) -> None:
    site, folder = place
    request, response = bring(site)
    said = json.loads(response.body)
    assert response.status == 200, said
    assert (folder / said["file"]).read_bytes() == CONTENT
    assert (said["size"], said["file"].startswith("七月.")) == (len(CONTENT), True)
    entry = site.check(request, response)
    document = json.loads(entry.document)
    assert (entry.application_id, entry.code, entry.kind) == ("housing.desk", None, "answer")
    assert document["facts"] == {
        "resource": "housing.decision", "department": "housing", "by": "application", "sha256": said["sha256"],
        "size": len(CONTENT), "file": said["file"],
    }  # fmt: skip
    assert document["request"]["headers"]["content-digest"] == content_digest(CONTENT)
    assert CONTENT not in bytes(entry.document)


def test_the_same_file_twice_is_the_same_answer_and_the_same_question_the_same_receipt(place: tuple[Any, Path]) -> None:
    site, folder = place
    first, answer = bring(site)
    _, other = bring(site)
    _, again = bring(site, headers={"x-request-id": first.headers["x-request-id"]})
    said = [json.loads(one.body) for one in (answer, other, again)]
    assert said[0] | {"receipt": ""} == said[1] | {"receipt": ""} == said[2] | {"receipt": ""}
    assert said[2]["receipt"] == said[0]["receipt"] != said[1]["receipt"]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"path": "/v1/inbox/housing.table"}, 409, "inbox.not_taken"),
        ({"path": "/v1/inbox/housing.nothing"}, 404, "directory.unknown_resource"),
        ({"query": "name=a.exe"}, 422, "inbox.bad_name"),
        ({"query": ""}, 422, "request.malformed"),
        ({"query": "name=110101199003070011.csv"}, 400, "url.personal"),
        ({"query": "name=%31%31%30101199003070011.csv"}, 400, "url.personal"),
        ({"content": b""}, 422, "inbox.empty"),
        ({"content": b"x" * ((2 << 20) + 1)}, 422, "inbox.too_large"),
        ({"content": b"x" * (3 << 20)}, 413, "request.too_large"),
        ({"method": "PUT"}, 405, "route.method"),
    ],
)
def test_what_is_no_delivery_is_refused_by_name_and_leaves_nothing(
    place: tuple[Any, Path], changes: Any, status: int, code: str
) -> None:
    site, folder = place
    before = sorted(folder.parent.rglob("*"))
    _, response = bring(site, **changes)
    assert (response.status, json.loads(response.body)["code"]) == (status, code)
    assert sorted(folder.parent.rglob("*")) == before
    assert site.entry(response.headers["x-receipt"]).kind == "refusal"


def test_another_department_and_a_stranger_bring_nothing(place: tuple[Any, Path]) -> None:
    site, _ = place
    _, response = bring(site, signer=site.other_signer)
    assert (response.status, json.loads(response.body)["code"]) == (403, "inbox.not_yours")
    bare = Request("POST", site.authority, "/v1/inbox/housing.decision", NAME, {"content-type": "text/csv"}, CONTENT)
    assert json.loads(site.send(bare).body)["code"] == "inbox.unknown_sender"
    large = Request("POST", site.authority, "/v1/inbox/housing.decision", NAME, {}, b"x" * ((1 << 20) + 1))
    assert json.loads(site.send(large).body)["code"] == "request.too_large", "a stranger's large body is not read"


def test_a_provider_brings_a_file_by_his_sign_in_and_his_forms_token(place: tuple[Any, Path]) -> None:
    site, folder = place
    with Session(site.engine) as session:
        for name, roles in (("brings", ["provider"]), ("asks", ["demander"])):
            password = officers.add(session, name, name, "housing", roles)
            cookie = officers.sign_in(session, name, password)
            assert cookie is not None
            signed_in = officers.current(session, cookie)
            assert signed_in is not None
            token = signed_in.csrf_token
            session.commit()
            headers = {"content-type": "text/csv", "cookie": f"a=b; hutong_session={cookie}", "x-csrf-token": token}
            content = name.encode()
            response = site.send(Request("POST", site.authority, "/v1/inbox/housing.decision", NAME, headers, content))
            said = json.loads(response.body)
            if name == "brings":
                assert (folder / said["file"]).read_bytes() == content
                entry = site.entry(response.headers["x-receipt"])
                assert (entry.code, json.loads(entry.document)["facts"]["by"]) == ("officer", "officer")
                forged = {**headers, "x-csrf-token": "guessed"}
                response = site.send(Request("POST", site.authority, "/v1/inbox/housing.decision", NAME, forged, b"f"))
            assert json.loads(response.body)["code"] == "inbox.unknown_sender"
