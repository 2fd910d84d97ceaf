"""Merges of one range wait for each other whatever other libraries their processes know of."""

import json
import os
import subprocess
import sys
from pathlib import Path

from libraries.merging.partitions import PARTITIONS, lock_number
from schemas.library import LIBRARIES

ASKED = (
    "import json; from libraries.merging.partitions import lock_number; from schemas.library import LIBRARIES\n"
    "print(json.dumps([LIBRARIES, [lock_number('credit', n) for n in range(16)]]))"
)
EARLIEST = """
library: aaa
kind: profile
order: 0
name: {zh: 甲, en: A}
subject: {element: a, name: 甲, length: 1, check: pattern, pattern: "."}
attributes: [{id: name, type: text, name: 名, element: n, sensitivity: public, mask: none, authority: []}]
"""


def test_locks_follow_from_the_librarys_name_alone(tmp_path: Path) -> None:
    (tmp_path / "aaa.yml").write_text(EARLIEST, "utf-8")
    environment = os.environ | {"HUTONG_LIBRARIES": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", ASKED], env=environment, capture_output=True, check=True).stdout
    known, numbers = json.loads(told)
    assert known == ["aaa", *LIBRARIES]
    assert numbers == [lock_number("credit", partition) for partition in range(PARTITIONS)]


def test_no_two_ranges_of_the_shipped_libraries_share_a_lock() -> None:
    numbers = [lock_number(name, partition) for name in LIBRARIES for partition in range(PARTITIONS)]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number < 2**31 for number in numbers)
