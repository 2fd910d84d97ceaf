"""Why: what a service sends must become the same plain lists and objects whether it is JSON or XML, and half an answer must be told from nonsense.
Only `connectors.calls` and `connectors.rest` come here.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from connectors.columns import parse_json
from schemas.errors import Terminal, Transient

DEPTH = 64
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_CUT = ("no element found", "unclosed token", "unclosed CDATA section", "partial character")


class _Refused(Exception):
    """Something in an answer that is not data."""


def parse_answer(body: bytes, form: str, encoding: str | None, facts: dict[str, str]) -> Any:
    """Return a JSON or XML answer as objects, lists and texts.

    Raises Transient rest.truncated when it ends early, Terminal rest.bad_answer when it is something else.
    """
    read: Callable[[bytes, str | None], Any] = _xml if form == "xml" else _json
    try:
        return read(body, encoding)
    except (UnicodeDecodeError, LookupError) as error:
        if isinstance(error, UnicodeDecodeError) and error.end >= len(error.object):
            raise Transient("rest.truncated", **facts) from None  # cut off inside a character
        raise Terminal("rest.bad_answer", **facts, reason=f"not {encoding or 'UTF-8'}") from None
    except _Refused as error:
        raise Terminal("rest.bad_answer", **facts, reason=str(error)) from None
    except EOFError:
        raise Transient("rest.truncated", **facts) from None


def _json(body: bytes, encoding: str | None) -> Any:
    try:
        return parse_json(body.decode(encoding) if encoding else body)
    except json.JSONDecodeError as error:
        start = body.lstrip()[:1]
        if start in (b"{", b"[") and _ends_early(error):
            raise EOFError from None
        raise _Refused("HTML instead of JSON" if start == b"<" else "not JSON") from None


def _ends_early(error: json.JSONDecodeError) -> bool:
    return error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated string")


def _xml(body: bytes, encoding: str | None) -> Any:
    """Read XML: an element of elements is an object, a repeated one a list, one without children its text; attributes are `@name`.

    Nothing in it is looked up: a document type, and with it every entity, is refused.
    """
    if not body.lstrip().startswith((b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _Refused("not XML")
    declared = _DECLARED.match(body)
    name = encoding or (declared.group(1).decode() if declared else None)
    if name and name.lower().startswith("gb"):
        name = "gb18030"  # GB2312 and GBK are parts of it
    tree = _Tree()
    parser = expat.ParserCreate("utf-8" if name else None)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = tree.refuse
    parser.StartElementHandler, parser.EndElementHandler = tree.start, tree.end
    parser.CharacterDataHandler = tree.text
    try:
        parser.Parse(body.decode(name).encode() if name else body, True)
    except expat.ExpatError as error:
        if expat.ErrorString(error.code) in _CUT:
            raise EOFError from None
        raise _Refused(f"not XML (line {error.lineno})") from None
    return tree.root


class _Tree:
    """What has been read of a document so far."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= DEPTH:
            raise _Refused("XML nested too deeply")
        content: dict[str, Any] = {f"@{_local(key)}": value for key, value in attributes.items() if key[:5] != "xmlns"}
        self._open.append((_local(name), content, []))

    def end(self, _: str) -> None:
        name, content, texts = self._open.pop()
        text = "".join(texts).strip() or None
        value: Any = (content | ({"#text": text} if text else {})) if content else text
        parent = self._open[-1][1] if self._open else self.root
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def text(self, data: str) -> None:
        self._open[-1][2].append(data)

    def refuse(self, *_: object) -> None:
        raise _Refused("XML with a document type")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
