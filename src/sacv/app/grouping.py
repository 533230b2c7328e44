"""Groups of files, such as those of one patient, by a regular expression on their names.

A regular expression may take exponential time and cannot be stopped within a process. It therefore runs in another
process, with a limit of a few seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from sacv.app.http_errors import Refusal
from sacv.concepts import group_rule

TIMEOUT = 5.0
"""Seconds."""

SCRIPT = """
import json, re, sys
pattern, names = json.load(sys.stdin)
rule = re.compile(pattern)
found = {name: rule.search(name) for name in names}
json.dump({name: one[1 if rule.groups else 0] for name, one in found.items() if one}, sys.stdout)
"""


def groups_of(pattern: str, names: Sequence[str]) -> dict[str, str]:
    """Return the group of each file by its name; files that do not match are left out.

    `pattern` is a regular expression; its first parentheses, or the whole match, is the group. `names` are without
    folders. Raises OptionError for another pattern, and `Refusal` if it takes longer than the limit.
    """
    group_rule(pattern)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", SCRIPT],
            input=json.dumps([pattern, list(names)]),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise Refusal(
            f"the expression {pattern!r} takes more than {TIMEOUT:.0f} seconds on these names; give a simpler one"
        ) from error
    found: dict[str, str] = json.loads(done.stdout)
    return found
