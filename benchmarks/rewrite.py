"""The other side of a comparison: a generated cluster (form `json`) with its policies changed, or written otherwise.

`changed` drops one policy in two hundred and gives one in a hundred another port, as a pull request might. `rewritten`
splits policies, rules and ranges, turns matchLabels into matchExpressions, renames and shuffles: no flow changes.

    python -m benchmarks.rewrite FOLDER OUT --how rewritten
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Item = dict[str, Any]
POLICIES = "policies.json"


def changed(policies: Sequence[Item], rng: random.Random) -> list[Item]:
    """Return the policies without some, and some with another port."""
    del rng
    kept = [policy for number, policy in enumerate(policies) if number % 200 != 7]
    for policy in kept[3::100]:
        for rule in policy["spec"].get("ingress", []):
            if rule.get("ports"):
                rule["ports"][0] = {"protocol": "TCP", "port": 9999}
    return kept


def rewritten(policies: Sequence[Item], rng: random.Random) -> list[Item]:
    """Return policies that allow the same flows and share no text with the given ones."""
    found = [part for number, policy in enumerate(policies) for part in _halves(policy, number, rng)]
    rng.shuffle(found)
    return found


def _halves(policy: Item, number: int, rng: random.Random) -> Iterator[Item]:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    rules = [*_single(spec, "ingress", "from"), *_single(spec, "egress", "to")]
    rng.shuffle(rules)
    middle = len(rules) // 2
    for half, some in enumerate((rules[:middle], rules[middle:])):
        made: Item = {"podSelector": _expressions(spec.get("podSelector", {})), "policyTypes": types}
        for field, rule in some:
            made.setdefault(field, []).append(rule)
        if half or some:
            name = {"namespace": policy["metadata"]["namespace"], "name": f"part-{number}-{half}"}
            yield {"apiVersion": policy["apiVersion"], "kind": policy["kind"], "metadata": name, "spec": made}


def _single(spec: Item, field: str, peers: str) -> Iterator[tuple[str, Item]]:
    """Yield rules of one peer and one port each."""
    for rule in spec.get(field) or []:
        for peer in rule.get(peers) or [None]:
            for port in rule.get("ports") or [None]:
                for part in _ranges(port):
                    found = {peers: [_peer(peer)]} if peer is not None else {}
                    yield field, {**found, **({"ports": [part]} if part is not None else {})}


def _ranges(port: Item | None) -> Iterator[Item | None]:
    if port is None or "endPort" not in port or port["endPort"] == port["port"]:
        yield port
        return
    middle = (port["port"] + port["endPort"]) // 2
    yield {**port, "endPort": middle}
    yield {**port, "port": middle + 1}


def _peer(peer: Item) -> Item:
    return {key: _expressions(value) if key.endswith("Selector") else value for key, value in peer.items()}


def _expressions(selector: Item) -> Item:
    wanted = [
        {"key": key, "operator": "In", "values": [value]} for key, value in selector.get("matchLabels", {}).items()
    ]
    wanted += selector.get("matchExpressions", [])
    return {"matchExpressions": wanted} if wanted else {}


HOW = {"changed": changed, "rewritten": rewritten}


def rewrite(folder: Path, out: Path, how: str) -> None:
    """Write the other side of a generated cluster."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.json")):
        if path.name != POLICIES:
            shutil.copyfile(path, out / path.name)
    listed = json.loads((folder / POLICIES).read_text("utf-8"))
    listed["items"] = HOW[how](listed["items"], random.Random(1))
    (out / POLICIES).write_text(json.dumps(listed), "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--how", choices=sorted(HOW), default="changed")
    given = parser.parse_args(arguments)
    rewrite(given.folder, given.out, given.how)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
