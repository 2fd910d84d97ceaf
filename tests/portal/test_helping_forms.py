"""Forms that help: a refused step stays at its place with what was written, drafts are kept, consequences and days are said before the step."""

from typing import Any

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
