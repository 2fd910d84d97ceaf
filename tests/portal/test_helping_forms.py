"""Forms that help: a refused step stays at its place with what was written, drafts are kept, consequences and days are said before the step."""

from typing import Any

from exchange_api.demand import demands
from exchange_api.supply import supplies
from schemas.database import transaction


def test_a_refused_small_step_comes_back_at_its_form_with_what_was_written(
    city: Any, dispatched: tuple[str, str]
) -> None:
    case, _ = dispatched
    provider = city.signed_in("weidong")
    page = provider.get(f"{city.address}/portal/demands/{case}").text
    clock = page.partition("/portal/clocks/")[2].partition("/")[0]
    asked = {"days": "999", "why": "须核对三十年档案", "back": f"/portal/demands/{case}"}
    answer = city.post(provider, f"/portal/clocks/{clock}/extend", asked)
    assert answer.status_code == 422
    assert 'id="h-wanted"' in answer.text, "the case itself, not a page of errors"
    assert "须核对三十年档案</textarea>" in answer.text
    assert 'value="999"' in answer.text
    assert f'id="wrong-ask--portal-clocks-{clock}-extend"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_refused_step_leaves_nothing_half_done(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider = city.signed_in("weidong")
    answer = city.post(provider, f"/portal/tasks/{task}/ask/{case}", {"why": " ", "back": f"/portal/tasks/{task}"})
    assert answer.status_code == 422
    assert "逐项答复后一并提交" in answer.text
    with transaction("exchange") as session:
        assert {one.state for one in supplies.shares(session, task)} == {"open"}


def test_what_is_being_written_is_kept_for_its_writer_alone_and_ends_when_it_is_sent(city: Any) -> None:
    writer = city.signed_in("sunhui")
    form = {"service_item_id": "", "purpose": "写到一半的目的", "item_name": "姓名", "item_note": ""}
    assert "自动保存" in city.post(writer, "/portal/demands/keep", form).text
    again = writer.get(f"{city.address}/portal/demands/new").text
    assert 'value="写到一半的目的"' in again
    assert "已恢复" in again
    assert "写到一半的目的" not in city.signed_in("xiaolan").get(f"{city.address}/portal/demands/new").text
    city.post(writer, "/portal/demands/new", {"do": "forget"})
    assert "写到一半的目的" not in writer.get(f"{city.address}/portal/demands/new").text


def test_answers_being_chosen_are_kept_until_the_task_is_answered(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider = city.signed_in("weidong")
    with transaction("exchange") as session:
        first, _ = (item.id for item in demands.items(session, case))
    chosen = {f"own_{first}": "public_security.resident|name", f"decision_{first}": "refuse", f"law_{first}": "斟酌中"}
    assert "自动保存" in city.post(provider, f"/portal/tasks/{task}/keep", chosen).text
    assert "斟酌中" in provider.get(f"{city.address}/portal/tasks/{task}").text
    assert city.post(city.signed_in("wumin"), f"/portal/tasks/{task}/keep", chosen).status_code == 403
    city.post(provider, f"/portal/tasks/{task}", {"do": "forget"})
    assert "斟酌中" not in provider.get(f"{city.address}/portal/tasks/{task}").text


def test_days_and_consequences_stand_before_the_step_with_the_rules_basis(city: Any, submitted: str) -> None:
    form = city.signed_in("xiaolan").get(f"{city.address}/portal/demands/new").text
    assert "政务数据共享条例 第二十一条" in form.partition('id="h-expected"')[2]
    case = city.signed_in("qiming").get(f"{city.address}/portal/demands/{submitted}").text
    told = case.partition('id="h-next"')[2].partition("</section>")[0]
    assert "分派到数源部门" in told
    assert "政务数据共享条例 第二十一条" in told
    own = city.signed_in("xiaolan").get(f"{city.address}/portal/demands/{submitted}").text
    assert "不能恢复" in own.partition('id="h-next"')[2].partition("</section>")[0]
