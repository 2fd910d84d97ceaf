"""What a browser makes of the directory's desk: accessible, in both languages, and pictures of every page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog import directory
from schemas.database import transaction

MARRIAGE = "civil_affairs.marriage"
PAGES = {
    "resource": "/resources/public_security.resident",
    "workbook": "/directory-workbook",
    "reviews": "/reviews",
    "review": f"/reviews/{MARRIAGE}",
    "services": "/services",
    "service": "/services/public_rental_housing",
    "elements": "/elements",
    "element": "/elements/person_name",
    "proposals": "/element-proposals",
    "departments": "/departments",
}


@pytest.fixture
def shortened(city: Any) -> Iterator[None]:  # noqa: ARG001 - its directory must be there
    """A draft of the marriage register that keeps shorter names."""
    with transaction() as session:
        draft = directory.draft(session, MARRIAGE)
        items = tuple(one.model_copy(update={"length": 12} if one.id == "name" else {}) for one in draft.items)
        version = directory.save_draft(session, draft.model_copy(update={"items": items}))
        assert version
        number = version.version
    yield
    with transaction() as session:
        session.delete(directory.get(session, MARRIAGE, number))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_on_the_directorys_pages(studio: Any, shortened: None, language: str) -> None:  # noqa: ARG001 - one version waits
    page, found = studio.desk(bypass_csp=True), []
    studio.sign_in(page, "qiming")
    page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/")
    for name, path in PAGES.items():
        answer = page.goto(f"{studio.city.address}/portal{path}")
        assert answer.status == 200, path
        found += studio.violations(page)
        studio.picture(page, f"80-directory-{name}-{language}")
    assert not found, "\n".join(found)


def test_errors_of_a_workbook_are_seen_at_their_cells(studio: Any, tmp_path: Path) -> None:
    foreign = studio.city.signed_in("sunhui").get(f"{studio.city.address}/portal/directory-workbook/file")
    file = tmp_path / "directory.xlsx"
    file.write_bytes(foreign.content)
    page = studio.desk(bypass_csp=True)
    studio.sign_in(page, "weidong")
    page.goto(f"{studio.city.address}/portal/directory-workbook")
    page.set_input_files("#file", file)
    page.click("text=上传并导入")
    page.wait_for_selector("#outcome")
    assert "是其他部门的信息资源" in page.inner_text("main")
    studio.picture(page, "81-directory-workbook-errors")
    assert not studio.violations(page)
