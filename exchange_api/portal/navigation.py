"""Why: where each role's work is, in one table: a page that is not in it is found by nobody. Read by `rendering` for the menu beside every page."""

from dataclasses import dataclass

from exchange_api.portal.language import N_

DESK = ("demander", "provider", "authority")


@dataclass(frozen=True)
class Entry:
    """One line of the menu: address, words, and the roles that see it (none named: every officer). is_exact: the pages below are not its."""

    address: str
    title: str
    roles: tuple[str, ...] = ()
    is_exact: bool = False

    def is_at(self, path: str) -> bool:
        """Return whether a page belongs to this line."""
        return path == self.address or (not self.is_exact and path.startswith(f"{self.address}/"))


@dataclass(frozen=True)
class Group:
    """Lines that belong together, with their heading (empty: none)."""

    title: str
    entries: tuple[Entry, ...]


MENU = (
    Group(
        "",
        (
            Entry("/portal/", N_("工作台"), is_exact=True),
            Entry("/portal/demands/new", N_("登记需求"), ("demander",)),
            Entry("/portal/demands", N_("需求与对接单")),
            Entry("/portal/tasks", N_("供给任务"), ("provider",)),
            Entry("/portal/grants", N_("授权")),
            Entry(
                "/portal/objections",
                N_("数据异议"),
                ("demander", "provider", "application", "steward", "authority", "auditor"),
            ),
            Entry("/portal/resources", N_("资源目录")),
            Entry("/portal/reviews", N_("目录审核")),
        ),
    ),
    Group(
        N_("数据管家"),
        (
            Entry("/portal/pipelines", N_("汇聚"), ("steward", "provider")),
            Entry("/portal/quarantine", N_("隔离"), ("steward", "provider")),
            Entry("/portal/quality", N_("质量"), ("steward", "provider")),
            Entry("/portal/conflicts", N_("来源不一致"), ("steward",)),
            Entry("/portal/recalls", N_("召回"), ("steward",)),
            Entry("/portal/records", N_("档案"), ("steward",)),
        ),
    ),
    Group(
        N_("账号与审计"),
        (
            Entry("/portal/accounts", N_("账号管理"), ("system_admin", "security_admin")),
            Entry("/portal/trail", N_("操作记录"), ("auditor",)),
        ),
    ),
    Group(
        N_("监察考核"),
        (
            Entry("/portal/supervision", N_("监察"), ("authority", "auditor")),
            Entry("/portal/supervision/own", N_("本部门考核"), ("demander", "provider")),
            Entry("/portal/supervision/objections", N_("考核异议"), ("authority", "auditor", "demander", "provider")),
            Entry("/portal/reports", N_("监察周报"), ("authority", "auditor")),
        ),
    ),
    Group(
        N_("应用接入"),
        (
            Entry("/portal/applications", N_("应用系统"), ("application", "authority")),
            Entry("/portal/reference/try", N_("在线试用"), ("application",)),
        ),
    ),
    Group(
        N_("工具"),
        (
            Entry("/portal/account", N_("我的账号")),
            Entry("/portal/verify", N_("回执验真")),
            Entry("/portal/reference", N_("接口文档")),
        ),
    ),
)


def menu(roles: frozenset[str]) -> list[Group]:
    """Return the groups and lines that these roles see."""
    seen = [
        Group(group.title, tuple(one for one in group.entries if not one.roles or roles & set(one.roles)))
        for group in MENU
    ]
    return [group for group in seen if group.entries]


def current(groups: list[Group], path: str) -> str:
    """Return the address of the line a page belongs to: the longest that fits."""
    return max((one.address for group in groups for one in group.entries if one.is_at(path)), key=len, default="")
