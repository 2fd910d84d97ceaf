"""Why: people and firms of the city need names that look like names: frequent surnames by their real weight, rare characters where encodings break.

Only the generator of hutong/demo comes here. Surnames and weights are the most frequent ones of public counts; given names are our own short list.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.object_]

# name and weight
_SURNAMES = (
    "王9520 李9340 张8960 刘6770 陈6130 杨4270 黄3260 吴2680 赵2670 周2520 徐1930 孙1830 马1720 朱1700 胡1550 林1510 "
    "郭1500 何1400 高1330 罗1260 郑1240 梁1130 谢1010 宋932 唐917 许881 邓821 冯818 韩815 曹791 曾772 彭766 肖739 "
    "蔡701 潘687 田685 董677 袁667 于642 余633 蒋632 叶632 杜619 苏606 魏603 程601 吕596 丁576 沈550 任547 姚538 "
    "卢536 钟533 姜523 崔509 谭499 廖487 范485 汪483 陆480 金467 石455 戴449 贾439 韦430 夏426 欧阳91 上官20 诸葛20 "
    "司马15 令狐10 㛃2"
)
_MALE = tuple("伟强磊军洋勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林海峰建国文志远博瀚𬱖")
_FEMALE = tuple("芳娜敏静丽艳娟霞秀英玲桂兰婷雪梅琳莹慧颖洁倩雯欣怡佳悦彤璐瑶晶妍茜薇蕾岚萍红淑珍龑")
_MINORITY = ("阿依古丽·买买提", "迪丽努尔·艾合买提", "古力娜扎·吐尔逊", "扎西·次仁", "卓玛·央金", "巴特尔·孟和")
_TRADES = (
    "科技",
    "贸易",
    "建筑工程",
    "餐饮管理",
    "物流",
    "机械制造",
    "纺织",
    "文化传媒",
    "农业开发",
    "医药",
    "电子",
    "环保",
    "装饰工程",
    "信息技术",
)
_MARKS = (
    "恒",
    "信",
    "达",
    "瑞",
    "丰",
    "泰",
    "盛",
    "宏",
    "鼎",
    "嘉",
    "华",
    "兴",
    "远",
    "诚",
    "德",
    "润",
    "博",
    "睿",
    "安",
    "康",
)
_FORMS = ("有限公司", "有限责任公司", "股份有限公司")
_ROADS = (
    "人民",
    "解放",
    "中山",
    "建设",
    "文化",
    "体育场",
    "延安",
    "滨河",
    "学院",
    "工业",
    "科技",
    "和平",
    "胜利",
    "花园",
    "湖滨",
    "望江",
)


def person_names(draw: np.random.Generator, females: NDArray[np.bool_]) -> Texts:
    """Return one full name per person, by sex; one in 500 is a long name with a middle dot."""
    count = len(females)
    surnames, weights = _weighted()
    given = _pair(draw, _MALE, _FEMALE, females)
    second = _pair(draw, _MALE, _FEMALE, females)
    short: Texts = surnames[draw.choice(len(surnames), count, p=weights)] + given
    names: Texts = np.where(draw.random(count) < 0.72, short + second, short)
    long = draw.random(count) < 0.002
    names[long] = pick(draw, _MINORITY, int(long.sum()))
    return names


def firm_names(draw: np.random.Generator, count: int) -> Texts:
    """Return `count` different names of firms of the city."""
    stems = pick(draw, _MARKS, count) + pick(draw, _MARKS, count) + pick(draw, _MARKS, count)
    serial = np.array([f"{n:04d}" for n in range(count)], object)  # keeps them apart
    names: Texts = "兴和" + stems + pick(draw, _TRADES, count) + "（" + serial + "号）" + pick(draw, _FORMS, count)
    return names


def addresses(draw: np.random.Generator, areas: Texts) -> Texts:
    """Return one street address per area name."""
    count = len(areas)
    road = pick(draw, _ROADS, count) + pick(draw, ("路", "街", "大道", "巷"), count)
    house = numbers(draw, 1, 800, count) + "号" + numbers(draw, 1, 40, count) + "幢"
    found: Texts = "兴和市" + areas + road + house + numbers(draw, 101, 2604, count) + "室"
    return found


def pick(draw: np.random.Generator, words: Any, count: int) -> Texts:
    """Return `count` words drawn from a list."""
    drawn: Texts = np.asarray(words, object)[draw.integers(0, len(words), count)]
    return drawn


def numbers(draw: np.random.Generator, low: int, high: int, count: int) -> Texts:
    """Return `count` whole numbers from `low` up to and without `high`, as text."""
    drawn: Texts = draw.integers(low, high, count).astype("U12").astype(object)
    return drawn


def _weighted() -> tuple[Texts, NDArray[np.float64]]:
    names = [entry.rstrip("0123456789") for entry in _SURNAMES.split()]
    weights = np.array([int(entry[len(name) :]) for entry, name in zip(_SURNAMES.split(), names, strict=True)], float)
    return np.array(names, object), weights / weights.sum()


def _pair(
    draw: np.random.Generator, male: tuple[str, ...], female: tuple[str, ...], females: NDArray[np.bool_]
) -> Texts:
    chosen: Texts = np.where(females, pick(draw, female, len(females)), pick(draw, male, len(females)))
    return chosen
