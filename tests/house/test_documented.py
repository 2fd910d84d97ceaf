"""What an operator may set and what a caller may be told is written down:
settings in docs/operations.md, error codes in docs/errors.md and in both languages."""

import importlib
import pkgutil
import re
from string import Formatter

import pytest

from hutong.cli import COMMANDS
from schemas.errors import ErrorCode, HutongError, error_codes
from schemas.settings import HutongSettings
from tests.house.tree import ROOT, STOREYS, modules

RAISED = re.compile(r"(?:Terminal|Transient|Denied|Invalid)\(\s*\"([a-z_]+\.[a-z_]+)\"")
COMMAND = re.compile(r"`(?:\.venv/bin/)?hutong ([a-z]+(?: [a-z][a-z-]+)?)")
NAMED = re.compile(r"\"([a-z_]+\.[a-z_]+)\"")
IMPORTED_BY_OTHERS = ("schemas.migrations.env", "schemas.migrations.versions")  # alembic's own entry points


def settings() -> dict[str, type[HutongSettings]]:
    """Every environment variable any module reads, by name."""
    for storey in STOREYS:
        package = importlib.import_module(storey)
        for found in pkgutil.walk_packages(package.__path__, f"{storey}."):
            if (
                "ettings" in (ROOT / found.name.replace(".", "/")).with_suffix(".py").read_text("utf-8")
                if not found.ispkg
                else False
            ):
                importlib.import_module(found.name)
    kinds = [kind for base in HutongSettings.__subclasses__() for kind in (base, *base.__subclasses__())]
    return {f"HUTONG_{field.upper()}": kind for kind in kinds for field in kind.model_fields}


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert [name for name in sorted(settings()) if f"`{name}`" not in text] == []


def test_a_planted_setting_is_found() -> None:
    class Planted(HutongSettings):
        planted_here: str = ""

    assert "HUTONG_PLANTED_HERE" in settings()


def test_every_error_code_is_documented() -> None:
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    assert [code for code in error_codes() if f"`{code}`" not in text] == []


@pytest.mark.parametrize("entry", error_codes().values(), ids=lambda entry: entry.code)
def test_an_error_speaks_both_languages_with_the_same_facts(entry: ErrorCode) -> None:
    for words in (entry.title, entry.remedy):
        assert set(words) == {"zh", "en"}
        assert all(words.values())
    in_chinese, in_english = (
        {field for _, field, _, _ in Formatter().parse(entry.title[x] + entry.remedy[x]) if field} for x in ("zh", "en")
    )
    assert in_chinese == in_english
    assert 400 <= entry.status <= 599


def test_every_raised_code_is_catalogued_and_every_catalogued_one_is_used() -> None:
    text = "\n".join(module.text for module in modules())
    assert set(RAISED.findall(text)) - set(error_codes()) == set()
    assert set(error_codes()) - set(NAMED.findall(text)) == set()


def unknown_commands(text: str) -> set[str]:
    """Commands that a text tells people to type and that do not exist."""
    told = {tuple(words.split()) for words in COMMAND.findall(text)}
    return {" ".join(words) for words in told if words[0] not in COMMANDS or not _has(words)}


def _has(words: tuple[str, ...]) -> bool:
    family = COMMANDS[words[0]].load(words[0])
    known = getattr(family, "commands", None)  # a single command has none: what follows it is an argument
    return len(words) == 1 or known is None or words[1] in known


def test_every_command_people_are_told_to_type_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("schemas/error_codes/*.yml")]
    assert {
        page.name: unknown_commands(page.read_text("utf-8"))
        for page in pages
        if unknown_commands(page.read_text("utf-8"))
    } == {}


def test_a_planted_command_is_caught() -> None:
    assert unknown_commands("`hutong fly`, `hutong catalog burn`, `hutong up`, `hutong catalog list`") == {
        "fly",
        "catalog burn",
    }


def test_an_uncatalogued_code_is_refused_at_once() -> None:
    with pytest.raises(KeyError):
        HutongError("no.such_code")
