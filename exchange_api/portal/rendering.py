"""Why: a page is a template, a visit and facts. Here Jinja2 gets its filters and words and nothing else. Called by pages and `failures`."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import Field

from exchange_api.demand.reuse import Reuse
from exchange_api.desk_api.routes import ROUTES
from exchange_api.matching.found import Reason
from exchange_api.noticing import links, wording
from exchange_api.portal import assets, guidance, navigation, words
from exchange_api.portal.language import LANGUAGES, N_, translations
from exchange_api.portal.step_words import ANSWER_TONE
from exchange_api.portal.visit import VISITOR_COOKIE, Visit, keep_cookie
from exchange_api.supply import grounds
from schemas.errors import HutongError, Language
from schemas.settings import HutongSettings


class PortalSettings(HutongSettings):
    """What the pages say of themselves."""

    portal_owner: str = Field(
        default="", description="Name of the city or body whose hub this is; stands in the page head."
    )
    portal_time_zone: str = Field(
        default="Asia/Shanghai", description="Time zone in which pages show times (IANA name)."
    )


@cache
def environment(language: Language) -> Environment:
    """Return the templates in one language; an unknown name in a template is an error, not a blank."""
    made = Environment(
        loader=FileSystemLoader(assets.PORTAL / "templates"), autoescape=True, undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    catalogue = translations(language)
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    translate = catalogue.gettext
    made.filters |= {
        "deed": lambda key: deed_said(language, key),
        "when": shown_time,
        "day": _day,
        "word": lambda key, table: translate(words.word(table, key)),
        "reason": lambda reason: _reason(language, reason),
        "reuse": lambda one: _reuse(language, one),
        "marked": _marked,
        "notice": lambda notice: wording.say(notice.key, notice.facts, language),
        "notice_path": lambda notice: links.path_of(notice.key, notice.facts, notice.demand_id),
        "ground": lambda kept, departments: _ground(language, kept, departments),
    }
    settings = PortalSettings()
    made.globals |= {
        "language": language, "languages": LANGUAGES, "owner": settings.portal_owner, "has_htmx": "htmx.min.js" in assets.found(),
        "has_charts": "echarts.common.min.js" in assets.found(),
        "state_tone": words.STATE_TONE, "answer_tone": ANSWER_TONE, "version_tone": words.VERSION_TONE, "query": _query,
    }  # fmt: skip
    return made


def page(visit: Visit, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """Return a page; a visitor who is not signed in gets the cookie that makes his forms his own."""
    if status >= 400:  # a form that comes back with its mistake: the trail says which
        error = facts.get("error")
        visit.outcome = error.code if isinstance(error, HutongError) else "portal.bad_form"
    response = HTMLResponse(html(visit, template, **facts), status)
    if visit.signed_in is None and visit.request.cookies.get(VISITOR_COOKIE) != visit.csrf_token:
        keep_cookie(response, visit, VISITOR_COOKIE, visit.csrf_token)
    return response


def html(visit: Visit, template: str, **facts: Any) -> str:
    """Return a rendered template, e.g. a fragment."""
    address, here = visit.request.url, here_of(visit.request)
    groups = navigation.menu(visit.signed_in.actor.roles) if visit.signed_in else []
    return environment(visit.language).get_template(template).render(
        menu=groups, current=navigation.current(groups, address.path),
        visit=visit, officer=visit.signed_in, csrf_token=visit.csrf_token, here=here, path=address.path,
        help_address=guidance.address_for(address.path), **facts
    )  # fmt: skip


def here_of(request: Request) -> str:
    """Return the address that shows this page again: its own, or for a form's answer that of the page the form stood on."""
    if request.method == "GET":
        return request.url.path + (f"?{request.url.query}" if request.url.query else "")
    came = urlsplit(request.headers.get("referer", ""))
    is_ours = came.netloc == request.url.netloc and came.path.startswith("/portal/")
    return f"{came.path}{f'?{came.query}' if came.query else ''}" if is_ours else "/portal/"


def leads_to(address: str) -> RedirectResponse:
    """Return "see there", so that reloading the next page repeats nothing."""
    return RedirectResponse(address, 303)


def in_words(error: HutongError, language: Language) -> HutongError:
    """Return the error with keys among its facts (states, actions, roles) turned into words."""
    translate = translations(language).gettext
    facts = dict(error.facts)
    for name in words.KINDS:
        if name in facts:
            facts[name] = translate(words.word_of_any(name, facts[name]))
    if "possible" in facts:
        facts["possible"] = "、".join(
            translate(words.word_of_any("action", key)) for key in str(facts["possible"]).split(", ")
        )
    return type(error)(error.code, **facts)


@cache
def _programs() -> dict[str, str]:
    return {f"{one.method} {one.path}": one.words for one in ROUTES}


def deed_said(language: Language, deed: str) -> str:
    """Return what an officer did in words: a form of the portal, or a step of his program, whose words stand in the table of the desk API."""
    translate = translations(language).gettext
    if deed not in _programs():
        return translate(words.word("deed", deed))
    chinese, _, english = _programs()[deed].partition(" ")
    return translate(N_("接口：%(step)s")) % {"step": chinese if language == "zh" else english}


def shown_time(moment: datetime | None) -> str:
    """Return a moment to the minute in the portal's time zone."""
    zone = _zone(os.environ.get("HUTONG_PORTAL_TIME_ZONE"))
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") if moment else "—"


@cache
def _zone(_set: str | None) -> ZoneInfo:
    """Return the time zone under this setting: a page shows a hundred times, and settings are read from the environment anew each time."""
    return ZoneInfo(PortalSettings().portal_time_zone)


def _day(day: date | None) -> str:
    return day.isoformat() if day else "—"


def _reason(language: Language, reason: Reason | Mapping[str, Any]) -> str:
    """A reason just found and one kept with a demand read the same."""
    key, facts = (reason.key, reason.facts) if isinstance(reason, Reason) else (str(reason["key"]), reason)
    wording = words.REASON.get(key)
    return translations(language).gettext(wording) % facts if wording else key


def _reuse(language: Language, one: Reuse) -> str:
    """Say what is there already; library and form are keys among its facts."""
    translate = translations(language).gettext
    said = {
        name: translate(words.word(name, key)) if name in ("library", "form") else key
        for name, key in one.facts.items()
    }
    return translate(words.REUSE[one.key]) % said


def _ground(language: Language, kept: Mapping[str, Any] | None, departments: Mapping[str, str]) -> str:
    """Say a refusal's ground; a department is named, not numbered."""
    said = dict(kept or {})
    if "department" in said:
        said["department"] = departments.get(said["department"], said["department"])
    return grounds.in_words(said, language)


def _marked(text: str, words: Sequence[str]) -> Markup:
    """Return a text with what was searched for marked in it, however it is written there."""
    if not (sought := "|".join(re.escape(word) for word in words)):
        return escape(text)
    parts = re.split(f"({sought})", text, flags=re.IGNORECASE)
    return Markup().join(
        Markup("<mark>{}</mark>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def _query(current: Mapping[str, Any], **changes: Any) -> Markup:
    """Return the query string of the same list with something changed."""
    merged = {name: value for name, value in {**current, **changes}.items() if value not in (None, "")}
    return Markup("?" + urlencode(merged)) if merged else Markup("?")  # noqa: S704 - urlencode leaves no mark-up in it
