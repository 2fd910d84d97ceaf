"""Why: a city's whole directory of any size, the same for the same seed: departments, data elements, and resources with names, items and codes as real
lists have them. Used by `benchmarks.directory`.
"""

import random
from collections.abc import Iterator
from datetime import date

from sqlalchemy.orm import Session

from catalog import elements
from schemas.resource import Assessment, Format, Item, ResourceDraft, Sharing
from schemas.tables.departments import Department


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DEPARTMENTS = _words(
    "公安 民政 教育 卫生健康 人力资源和社会保障 市场监督管理 住房和城乡建设 自然资源和规划 生态环境 交通运输 水利 农业农村 商务 文化和旅游 应急管理 审计 "
    "统计 医疗保障 城市管理 林业 司法 财政 税务 气象 体育 信访 退役军人事务 科技 工业和信息化 发展和改革 粮食和物资储备 民族宗教事务 广播电视 数据 档案 "
    "残疾人联合会 消防救援 邮政管理 烟草专卖 公积金管理"
)
_MATTERS = _words(
    "婚姻登记 殡葬服务 养老机构 低保对象 社会组织 户籍人口 居住证 驾驶证 机动车 出入境证件 企业登记 食品经营许可 药品经营许可 特种设备 建筑工程 房屋产权 "
    "公租房 不动产抵押 排污许可 危险废物 道路运输 船舶检验 取水许可 河湖岸线 农机具 种子经营"
)
_KINDS = _words("基本信息 许可 处罚 检查 年报 注销 变更 备案 公示 统计 明细")
_THINGS = _words("申请人 经营者 法定代表人 负责人 监护人 车辆 房屋 设施 项目 机构 证件 许可证 账户 合同 地块 设备")
_FACTS = _words("姓名 证件号码 名称 编号 地址 联系电话 登记日期 有效期 状态 类型 面积 金额")
_TYPES = {"登记日期": "D", "有效期": "D", "面积": "N", "金额": "N"}
_LIBRARIES = ("人口", "法人单位", "自然资源和空间地理", "社会信用", "电子证照")
_ASSESSED = Assessment(
    secrecy="none", holds_personal_information=True, conclusion="不含秘密；个人信息按授权提供。", assessed_on=date(2026, 1, 4), assessed_by="共享工作机构",
)  # fmt: skip


def settle(session: Session) -> None:
    """Register the departments and one data element for each thing and fact."""
    for number, name in enumerate(DEPARTMENTS):
        session.add(Department(id=f"d{number}", name=f"兴和市{name}局", short_name=f"{name}局"))
    session.flush()
    for thing_at, thing in enumerate(_THINGS):
        for fact_at, fact in enumerate(_FACTS):
            elements.save(session, elements.ElementDocument.model_validate(_element(thing_at, fact_at, thing + fact)))


def drafts(resources: int, items: int, seed: int = 1) -> Iterator[ResourceDraft]:
    """Yield that many resources with that many items each, without gaps; half of the items are bound to data elements."""
    chance = random.Random(seed)
    for number in range(resources):
        department, nth = number % len(DEPARTMENTS), number // len(DEPARTMENTS)
        matter, kind = _MATTERS[nth % len(_MATTERS)], _KINDS[nth // len(_MATTERS) % len(_KINDS)]
        part = nth // (len(_MATTERS) * len(_KINDS))
        name = f"{matter}{kind}{f'（第{part + 1}部分）' if part else ''}"
        yield ResourceDraft(
            id=f"d{department}.r{number}",
            name=name,
            department=f"d{department}",
            category=f"基础信息资源/{_LIBRARIES[number % len(_LIBRARIES)]}/{matter}",
            abstract=f"兴和市{DEPARTMENTS[department]}局办理{matter}业务形成的{kind}数据，按登记、变更、注销全过程记录，供各部门核验使用。",
            keywords=(matter, kind),
            format=Format(category="3", type="oracle"),
            sharing=Sharing(type=2, condition="用于政务服务事项办理中核验", mode="数据库"),
            update_cycle=2,
            duty=f"负责{matter}管理工作",
            system=f"{matter}业务系统",
            grade="3",
            assessment=_ASSESSED,
            items=tuple(_items(chance, items)),
        )


def questions(count: int, seed: int = 2) -> list[str]:
    """Return what officers type: Chinese, two words, pinyin initials, misplaced words, codes."""
    chance = random.Random(seed)
    initials = ("hydj", "gzf", "bdc", "jsz", "hunyin", "qiye", "paiwu xuke")
    found = []
    for _ in range(count):
        matter, kind, thing, fact = (chance.choice(words) for words in (_MATTERS, _KINDS, _THINGS, _FACTS))
        asked = (
            matter, kind, thing + fact, f"{matter} {kind}", f"{kind}{matter}", chance.choice(initials),
            f"{chance.choice(DEPARTMENTS)} {matter}", f"101{chance.randrange(1, 27):03d}/", f"{matter[:2]} {fact}",
        )  # fmt: skip
        found.append(chance.choice(asked))
    return found


def _items(chance: random.Random, count: int) -> Iterator[Item]:
    pairs = len(_THINGS) * len(_FACTS)
    for place in range(count):
        at = chance.randrange(pairs) if place else 0
        thing, fact = divmod((at + place * 7) % pairs, len(_FACTS))
        name = _THINGS[thing] + _FACTS[fact]
        kind = _TYPES.get(_FACTS[fact], "C")
        yield Item.model_validate(
            {"id": f"i{place}", "name": f"{name}{place}", "type": kind, "length": 100 if kind == "C" else None, "required": place < 3,
             "element": f"e{thing}_{fact}" if place % 2 else None, "sensitivity": "internal"}
        )  # fmt: skip


def _element(thing: int, fact: int, name: str) -> dict[str, object]:
    kind = _TYPES.get(_FACTS[fact], "C")
    return {"id": f"e{thing}_{fact}", "name": name, "type": kind, "length": 100 if kind == "C" else None}
