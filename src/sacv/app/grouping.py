"""Which files belong together, by a regular expression of their names, such as those of one patient.

An expression may take for ever on a name that nearly matches, and nothing can stop it within a process; so it is tried
in another one, which has a few seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from sacv.app.http_errors import Refusal
from sacv.concepts import group_rule

PATIENCE = 5.0
"""Seconds."""

SCRIPT = """
import json, re, sys
pattern, names = json.load(sys.stdin)
rule = re.compile(pattern)
found = {name: rule.search(name) for name in names}
json.dump({name: one[1 if rule.groups else 0] for name, one in found.items() if one}, sys.stdout)
"""


def groups_of(pattern: str, names: Sequence[str]) -> dict[str, str]:
    """Return the group of each file by its name; of one that does not match there is none.

    Parameters
    ----------
    pattern
        A regular expression; its first parentheses, or the whole match, is the group.
    names
        Names of files, without their folders.

    Raises
    ------
    OptionError
        If it is no regular expression.
    Refusal
        If it takes too long.
    """
    group_rule(pattern)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", SCRIPT],
            input=json.dumps([pattern, list(names)]),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise Refusal(
            f"the expression {pattern!r} takes more than {PATIENCE:.0f} seconds on these names; give a simpler one"
        ) from error
    found: dict[str, str] = json.loads(done.stdout)
    return found
