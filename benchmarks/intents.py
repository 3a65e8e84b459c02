"""Write intents for a generated cluster: about one workload, labels across namespaces, environments, any pod.

python -m benchmarks.intents OUT.yaml --count 100 --namespaces 100
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.generate import ENVIRONMENTS, ROLES, TIERS

HEAD = "apiVersion: netcheck/v1\nkind: Intents\nintents:\n"


def intents(count: int, namespaces: int) -> Iterator[str]:
    """Yield the entries: in turn about a workload, about labels, about environments, and about pods that could exist."""
    for number in range(count):
        here, there = f"ns-{number % namespaces}", f"ns-{(number * 7 + 1) % namespaces}"
        tier, role = TIERS[number % len(TIERS)], ROLES[number % len(ROLES)]
        environment = ENVIRONMENTS[number % len(ENVIRONMENTS)]
        forms = (
            f"only: {{from: 'ns={here},tier={tier}', to: 'ns={here},app=app-0', ports: [8080, UDP/53]}}",
            f"deny: {{from: 'role={role}', to: 'ns={there},tier={tier}'}}",
            f"deny: {{from: {{namespaceSelector: {{matchLabels: {{env: {environment}}}}}}}, to: 'ns={here}', ports: [5432]}}",
            f"allow: {{from: 'ns={here}', to: 'ns={here},role={role}', ports: [8080]}}",
            f"only: {{from: 'ns={here}', to: 'ns={here},app=app-0'}}\n    scope: any-pod",
        )
        yield f"  - name: intent-{number}\n    {forms[number % len(forms)]}\n    allowEmpty: true\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--namespaces", type=int, default=100)
    given = parser.parse_args(arguments)
    given.file.write_text(HEAD + "".join(intents(given.count, given.namespaces)), encoding="utf-8")


if __name__ == "__main__":
    main()
