"""Why: what goes out at once on one way — one notice, or a digest's — is one thing with one name, the same however often it is tried. Called by `outbox`
and the channels.
"""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import cast
from uuid import NAMESPACE_URL, UUID, uuid5

from exchange_api.noticing import kinds, links, wording
from schemas.calendar import CHINA
from schemas.errors import Language
from schemas.tables.notice_ways import NoticeWay
from schemas.tables.operations import Notice

HEAD: dict[Language, str] = {"zh": "【互通】", "en": "[Hutong] "}
DIGEST: dict[Language, str] = {"zh": "{day} 通知汇总：{count} 条", "en": "Digest of {day}: {count} notices"}
FOOT: dict[Language, str] = {
    "zh": "本邮件由数据共享平台自动发出，请勿直接回复。通知方式由本部门在平台上设置。",
    "en": "Sent by the data sharing hub; please do not reply. Your department sets on the hub which notices it gets by mail.",
}


@dataclass(frozen=True)
class Bundle:
    """Notices for one way; `digest_day` when they are its digest."""

    way: NoticeWay
    notices: tuple[Notice, ...]
    digest_day: date | None = None

    @property
    def id(self) -> UUID:
        """Return the name of these notices on this way: a repeat has the same one, so the recipient can tell."""
        ids = ",".join(str(one.id) for one in self.notices)
        return uuid5(NAMESPACE_URL, f"hutong-notice:{self.way.id}:{self.way.created_at.timestamp()}:{ids}")

    @property
    def language(self) -> Language:
        """Return the language of the way."""
        return cast(Language, self.way.language)


def subject(bundle: Bundle) -> str:
    """Return the one line that says what it is about."""
    if bundle.digest_day is not None:
        told = DIGEST[bundle.language].format(day=bundle.digest_day.isoformat(), count=len(bundle.notices))
        return HEAD[bundle.language] + told
    (notice,) = bundle.notices
    return HEAD[bundle.language] + wording.say_outside(notice.key, notice.facts, bundle.language)


def text(bundle: Bundle) -> str:
    """Return the whole text: notices by kind, each with its time and its page."""
    ordered = sorted(bundle.notices, key=lambda one: (kinds.rank_of(one.key), one.id))
    parts = []
    for word, group in groupby(ordered, lambda one: kinds.kind_word(one.key, bundle.language)):
        lines = "\n\n".join(_paragraph(one, bundle.language) for one in group)
        parts.append(f"== {word} ==\n\n{lines}" if bundle.digest_day is not None else lines)
    return "\n\n\n".join(parts) + f"\n\n-- \n{FOOT[bundle.language]}\n"


def _paragraph(notice: Notice, language: Language) -> str:
    when = notice.created_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
    words = wording.say_outside(notice.key, notice.facts, language)
    address = links.address_of(links.path_of(notice.key, notice.facts, notice.demand_id))
    case = f" · {notice.demand_id}" if notice.demand_id else ""
    return f"{words}\n{when}{case}\n{address}"
