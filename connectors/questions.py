"""Why: some services take their parameters in the address, others in a posted JSON object, older ones in an XML letter; leafing must not care. Only
`connectors.rest` comes here.
"""

import json
from collections.abc import Mapping
from string import Template
from typing import Any
from xml.sax.saxutils import escape

from connectors.calls import Call
from connectors.columns import text_of
from schemas.errors import Terminal


class Question:
    """How one binding asks. Options: path, params, method ("POST" without a body sends the parameters as JSON), body (a JSON object that the
    parameters are put into, dots in their names meaning objects; or a text with $name where a parameter goes), content_type.
    """

    def __init__(self, source: Mapping[str, Any], connection: str) -> None:
        self._path, self._params = str(source["path"]), dict(source.get("params") or {})
        self._body = source.get("body")
        self._is_post = self._body is not None or str(source.get("method") or "GET").upper() == "POST"
        self._content_type = source.get("content_type")
        if self._body is not None and not isinstance(self._body, Mapping | str):
            raise Terminal(
                "connector.bad_binding", connection=connection, option="body", reason="neither object nor text"
            )

    def call(self, params: Mapping[str, Any], link: str | None = None) -> Call:
        """Return the call with these parameters; a link to the next page has them already."""
        asked = {} if link else {**self._params, **params}
        path = link or self._path
        if not self._is_post:
            return Call(path, asked)
        if isinstance(self._body, str):
            texts = {name.replace(".", "_"): escape(text_of(value) or "") for name, value in asked.items()}
            letter = Template(self._body).safe_substitute(texts)
            return Call(path, {}, letter.encode(), str(self._content_type or "text/xml; charset=utf-8"))
        body = json.loads(json.dumps(dict(self._body or {})))
        for name, value in asked.items():
            _put(body, name, value)
        return Call(
            path, {}, json.dumps(body, ensure_ascii=False).encode(), str(self._content_type or "application/json")
        )


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    *folders, last = name.split(".")
    for folder in folders:
        body = body.setdefault(folder, {})
    body[last] = value
