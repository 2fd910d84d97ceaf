"""Why: one shape for everything the doctor looks at, and a limit of time for each, because what is ill often does not answer at all. Called by
`hutong.commands.doctor`; the checks are in the modules beside.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.errors import HutongError

Grade = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found, in Chinese and English, and the remedy; no secret and no personal data stand in it."""

    grade: Grade
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at: its name for machines, its title for people, the look itself, the seconds it may take, and the check without which it
    says nothing.
    """

    name: str
    zh: str
    en: str
    look: Callable[[], Found]
    seconds: float = 10.0
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A check with what it found and the seconds it took."""

    check: Check
    found: Found
    seconds: float


def ok(zh: str, en: str) -> Found:
    """Return that something is well."""
    return Found("ok", zh, en)


def run(checks: Sequence[Check], told: Callable[[Looked], None] = lambda _: None) -> list[Looked]:
    """Look at everything in order, each within its time; `told` hears of each at once. A check that breaks is a finding, never an end."""
    looked: list[Looked] = []
    for check in checks:
        ill = {one.check.name for one in looked if one.found.grade == "fail"}
        looked.append(Looked(check, _MISSED, 0.0) if check.needs in ill else _look(check))
        told(looked[-1])
    return looked


_MISSED = Found("warn", "未检查：数据库有故障", "not looked at: the database is ill")


def _look(check: Check) -> Looked:
    found: list[Found] = []
    started = time.monotonic()
    # a daemon: what hangs in a system call cannot be ended, and must not keep the doctor from leaving
    thread = threading.Thread(target=lambda: found.append(_safely(check)), daemon=True)
    thread.start()
    thread.join(check.seconds)
    late = Found(
        "fail", f"{check.seconds:g} 秒内没有回应", f"did not answer within {check.seconds:g} seconds",
        "查看该部件是否卡住或网络不通。", "See whether this part hangs or cannot be reached.",
    )  # fmt: skip
    return Looked(check, found[0] if found else late, time.monotonic() - started)


def _safely(check: Check) -> Found:
    try:
        return check.look()
    except HutongError as known:
        return Found("fail", known.title("zh"), known.title("en"), known.remedy("zh"), known.remedy("en"))
    except Exception as failure:  # noqa: BLE001 - messages of foreign errors may hold passwords: only the kind is said
        kind = type(failure).__name__
        return Found("fail", f"检查失败（{kind}）", f"could not be looked at ({kind})", "查看日志。", "See the logs.")
