"""Whole lists of drafts are kept in sets; what the directory fills in counts as said, and what may not be catalogued never gets in."""

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import departments, directory
from catalog.elements import ElementDocument
from catalog.elements import save as save_element
from schemas import calendar
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.directory import Resource, ResourceEvent, ResourceVersion
from tests.catalog.conftest import resource

RESIDENT = "public_security.resident"
CATEGORY = "基础信息资源/人口/流动人口"


def draft(name: str, **more: Any) -> ResourceDraft:
    return ResourceDraft.model_validate(
        {"id": f"public_security.{name}", "name": f"{name}登记信息", "department": "public_security"} | more
    )


def whole(**changes: Any) -> ResourceDocument:
    return ResourceDocument.model_validate(resource(**changes))


def test_drafts_with_gaps_are_kept_and_say_what_they_lack(directory_session: Session) -> None:
    saved = directory.save_drafts(directory_session, [draft("visitor"), draft("permit", category=CATEGORY)])
    assert (saved.created, saved.changed, saved.unchanged) == (
        ["public_security.visitor", "public_security.permit"], [], 0,
    )  # fmt: skip
    assert directory.draft(directory_session, "public_security.visitor") == draft("visitor")
    lacking = {gap.field for gap in directory.gaps_of(directory_session, "public_security.visitor")}
    assert {"category", "code", "assessment"} <= lacking
    everyone = directory.gaps_of_drafts(directory_session, department_id="public_security")
    assert list(everyone) == ["public_security.permit", RESIDENT, "public_security.visitor"]


def test_codes_are_given_once_and_stay(directory_session: Session) -> None:
    wanted = [draft(name, category=CATEGORY) for name in ("a", "b")]
    directory.save_drafts(directory_session, wanted)
    codes = [directory.draft(directory_session, one.id).code for one in wanted]
    assert codes == ["101002/000001", "101002/000002"]  # 101001 is the resident's 目
    assert directory.save_drafts(directory_session, wanted).unchanged == 2
    renamed = wanted[0].model_copy(update={"abstract": "别的"})
    assert directory.save_drafts(directory_session, [renamed]).changed == [renamed.id]
    assert directory.draft(directory_session, renamed.id).code == codes[0]


def test_a_code_written_in_the_same_list_is_not_given_to_another(directory_session: Session) -> None:
    wanted = [draft("a", category=CATEGORY), draft("b", category=CATEGORY, code="101002/000001")]
    directory.save_drafts(directory_session, wanted)
    assert directory.draft(directory_session, "public_security.a").code == "101002/000002"


def test_many_drafts_at_once_are_all_kept(directory_session: Session) -> None:
    wanted = [draft(f"r{n}", category=CATEGORY) for n in range(1203)]
    assert len(directory.save_drafts(directory_session, wanted).created) == 1203
    assert directory.save_drafts(directory_session, wanted).unchanged == 1203
    numbers = directory_session.scalars(select(Resource.number)).all()
    assert len(set(numbers)) == 1204


def test_a_list_that_fails_uses_up_no_numbers(directory_session: Session) -> None:
    for name in ("a", "b"):
        attempt = directory_session.begin_nested()
        directory.save_drafts(directory_session, [draft(name), draft(f"{name}2")])
        attempt.rollback()
    directory.save_drafts(directory_session, [draft("c")])
    numbers = sorted(directory_session.scalars(select(Resource.number)))
    assert numbers[1] == numbers[0] + 1


@pytest.mark.parametrize("secrecy", ["work_secret", "state_secret"])
def test_a_declared_secret_is_not_even_a_draft(directory_session: Session, secrecy: str) -> None:
    secret = draft("secret", assessment=resource()["assessment"] | {"secrecy": secrecy})
    with pytest.raises(Invalid, match=r"directory\.holds_secret"):
        directory.save_drafts(directory_session, [draft("harmless"), secret])
    assert directory_session.get(Resource, "public_security.harmless") is None


def test_the_same_resource_twice_is_refused(directory_session: Session) -> None:
    with pytest.raises(Invalid, match=r"directory\.repeated_resource"):
        directory.save_drafts(directory_session, [draft("a"), draft("a")])


def test_a_version_in_review_is_not_edited_behind_its_reviewers(directory_session: Session) -> None:
    directory.newest(directory_session, RESIDENT).state = "office_review"
    assert directory.save_drafts(directory_session, [whole()]).unchanged == 1
    for act in (
        lambda: directory.save_drafts(directory_session, [whole(abstract="别的")]),
        lambda: directory.publish(directory_session, RESIDENT),
    ):
        with pytest.raises(Invalid) as refused:
            act()
        assert refused.value.code == "directory.in_review"


def test_publication_names_every_gap_that_keeps_it_back(directory_session: Session) -> None:
    directory.save_draft(directory_session, whole(assessment=None, name="户籍系统"))
    with pytest.raises(Invalid) as refused:
        directory.publish(directory_session, RESIDENT)
    assert refused.value.code == "directory.has_gaps"
    assert "评估" in refused.value.title("zh")
    assert "name of a system" in refused.value.title("en")
    assert refused.value.facts["count"] == 2


def test_another_resources_code_keeps_a_draft_back(directory_session: Session) -> None:
    directory.publish(directory_session, RESIDENT)
    twin = whole(id="public_security.twin", name="暂住人口登记信息")
    directory.save_draft(directory_session, twin)
    with pytest.raises(Invalid, match=RESIDENT):
        directory.publish(directory_session, twin.id)
    directory.save_draft(
        directory_session, twin.model_copy(update={"code": "101001/0002", "more_codes": ("101001/0001",)})
    )
    with pytest.raises(Invalid, match=RESIDENT):
        directory.publish(directory_session, twin.id)


def test_what_publication_fills_in_is_no_change_when_the_list_comes_again(directory_session: Session) -> None:
    save_element(
        directory_session,
        ElementDocument(id="sex_code", name="性别", type="C", length=1, code_table="sex", sensitivity="personal"),
    )
    items = resource()["items"]
    items[2] = {"id": "sex", "name": "性别", "element": "sex_code", "attribute": "sex"}
    said = whole(items=items)
    directory.save_draft(directory_session, said)
    published = directory.publish(directory_session, RESIDENT)
    document = directory.document(directory_session, RESIDENT)
    assert (document.item("sex").code_table, document.item("sex").sensitivity) == ("sex", "personal")
    assert document.publish_date == calendar.today()
    assert directory.save_drafts(directory_session, [said, draft("new")]).unchanged == 1
    assert directory.save_drafts(directory_session, [document]).unchanged == 1  # as exported
    assert directory.newest(directory_session, RESIDENT).id == published.id


def test_a_draft_held_in_the_session_shows_what_was_saved_in_sets(directory_session: Session) -> None:
    held = directory.newest(directory_session, RESIDENT)
    directory.save_drafts(directory_session, [whole(abstract="别的")])
    assert held.document["abstract"] == "别的"


def test_who_wrote_a_draft_is_remembered(directory_session: Session) -> None:
    directory.save_drafts(directory_session, [draft("a")], by="li")
    directory.save_drafts(directory_session, [draft("a", abstract="别的")], by="wang")
    events = directory_session.execute(
        select(ResourceEvent.actor, ResourceEvent.from_state, ResourceEvent.to_state).order_by(ResourceEvent.id)
    )
    assert [tuple(event) for event in events] == [("li", None, "draft"), ("wang", "draft", "draft")]
    assert directory.newest(directory_session, "public_security.a").created_by == "li"


def test_a_resource_moves_with_the_department_its_new_version_names(directory_session: Session) -> None:
    departments.save(
        directory_session, departments.DepartmentDocument(id="civil_affairs", name="民政局", short_name="民政局")
    )
    directory.publish(directory_session, RESIDENT)
    directory.save_draft(directory_session, whole(department="civil_affairs"))
    assert directory_session.get_one(Resource, RESIDENT).department_id == "public_security"
    assert directory.draft(directory_session, RESIDENT).department == "civil_affairs"
    assert directory.save_drafts(directory_session, [whole(department="civil_affairs")]).unchanged == 1
    assert directory.save_drafts(directory_session, [whole()]).changed == [RESIDENT]  # as it was
    directory.save_draft(directory_session, whole(department="civil_affairs"))
    directory.publish(directory_session, RESIDENT)
    directory_session.expire_all()
    assert directory_session.get_one(Resource, RESIDENT).department_id == "civil_affairs"


def test_a_resource_given_away_by_reform_does_not_come_back_with_a_version_under_way(
    directory_session: Session,
) -> None:
    departments.save(
        directory_session, departments.DepartmentDocument(id="civil_affairs", name="民政局", short_name="民政局")
    )
    directory.publish(directory_session, RESIDENT)
    directory.save_draft(directory_session, whole(abstract="别的"))
    directory_session.execute(text("UPDATE directory.resources SET department_id = 'civil_affairs'"))
    directory_session.expire_all()
    directory.publish(directory_session, RESIDENT)
    directory_session.expire_all()
    assert directory_session.get_one(Resource, RESIDENT).department_id == "civil_affairs"


def test_a_withdrawn_resource_may_be_drafted_again(directory_session: Session) -> None:
    directory.publish(directory_session, RESIDENT)
    directory.withdraw(directory_session, RESIDENT)
    assert directory.save_drafts(directory_session, [whole()]).changed == [RESIDENT]
    assert directory_session.get_one(ResourceVersion, f"{RESIDENT}@2").state == "draft"
