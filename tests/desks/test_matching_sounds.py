"""What is typed by sound is read by sound: homophones and pinyin find the item that is spoken so, the reason says it, and nothing else changes."""

import numpy as np
import pytest

from exchange_api.matching import Wanted, match
from exchange_api.matching.engine import corpus_of
from exchange_api.matching.sounds import Sounds
from tests.desks.test_matching_engine import KNOWN, best


@pytest.mark.parametrize(
    ("purpose", "wanted", "item"),
    [
        ("核对企业登记情况", "注测资本", "企业基本信息/注册资本"),
        ("核对企业登记情况", "jingyingfanwei", "企业基本信息/经营范围"),
        ("核对营运车辆", "年俭日期", "道路运输车辆信息/年检日期"),
        ("核验护士资格", "zhengshubianhao", "护士执业资格证信息/证书编号"),
    ],
)
def test_what_sounds_alike_is_meant(purpose: str, wanted: str, item: str) -> None:
    assert best(purpose, wanted) == [item]


def test_the_reason_says_that_it_was_read_by_its_sound() -> None:
    ((found, *_),) = match(corpus_of(KNOWN), [Wanted("注测资本")], "核对企业登记情况").items
    assert ("sounds_like", {"written": "注测资本", "name": "注册资本"}) in [
        (one.key, one.facts) for one in found.reasons
    ]
    ((found, *_),) = match(corpus_of(KNOWN), [Wanted("注册资本")], "核对企业登记情况").items
    assert "sounds_like" not in {one.key for one in found.reasons}


def test_what_several_names_may_sound_like_is_the_most_used_one_and_initials_must_be_clear() -> None:
    sounds = Sounds(["期限", "启线", "婚姻状况", "户籍地址", "姓名", "项目"], np.array([2, 7, 1, 1, 1, 1]))
    assert sounds.meant("qixian") == "启线"
    assert sounds.meant("气线") == "启线"
    assert sounds.meant("hyzk") == "婚姻状况"
    for unclear in ("xm", "hunyin", "婚姻", "姓", "", "abc", "年龄", "hunyinzhuangkuangbiao"):
        assert sounds.meant(unclear) is None, unclear
