"""Why: codes, errors, libraries and words are data files in YAML, and PyYAML's own parser is ten times slower than libyaml's: half a second before the
first error of a process could be named. Read by whoever loads a data file of the project; documents from departments go through `catalog.yaml_text`.
"""

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """Return the document of a YAML text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 — a safe loader either way
