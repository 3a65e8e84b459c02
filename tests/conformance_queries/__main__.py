"""Compare queries about sets of policies with those of another analyzer's test suite.

`python -m tests.conformance_queries CORPUS [--justified FILE]`: exit 1 iff an answer differs that is not justified. A
key of the file is `query:SUITE/CASE` or `query:SUITE/CASE/NAME`.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
from pathlib import Path

import yaml

from tests.conformance_queries.answers import ANSWERS, Configs, map_differences

MAP = "connectivityMap"


def judged(path, known):
    """Yield (type, outcome, line) for each query of a case; of maps what is judged is how many pairs differ from the printed ones."""
    case = json.loads(path.read_text("utf-8"))
    configs = Configs(path.parent, case["configs"])
    for query in case["queries"]:
        name, kind, expected = f"{case['suite']}/{case['case']}", query["type"], query.get("expected")
        maps = (case.get("derived_connections") or {}) if kind == MAP else {}
        if kind == MAP and all(argument in maps for argument in query["args"]):
            expected = 0  # pairs that differ, also where no number is expected
        elif kind not in ANSWERS or expected is None or query.get("expected_not_executed"):
            yield kind, "skipped", ""
            continue
        try:
            clusters = [configs.cluster(argument) for argument in query["args"]]
            if kind == MAP:
                found = sum(
                    len(map_differences(*pair)) for pair in zip(clusters, map(maps.get, query["args"]), strict=True)
                )
            else:
                found = ANSWERS[kind](clusters, query.get("output_options") or {})
        except ValueError as error:
            found = str(error)
        outcome = "agree" if found == expected else "differ"
        if outcome == "differ" and {f"query:{name}", f"query:{name}/{query['name']}"} & known.keys():
            outcome = "justified"
        yield kind, outcome, f"{name}/{query['name']}: {kind} {query['args']}: expected {expected}, got {found}"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--justified", type=Path)
    parser.add_argument("--suite", default="nca-k8s")
    options = parser.parse_args(arguments)
    known = yaml.safe_load(options.justified.read_text("utf-8")) if options.justified else {}
    counts = collections.defaultdict(collections.Counter)
    for path in sorted(options.corpus.glob(f"{options.suite}/*/expect.json")):
        for kind, outcome, line in judged(path, known):
            counts[kind][outcome] += 1
            if outcome == "differ":
                print(line)
    words = ("agree", "justified", "differ", "skipped")
    print(f"{'query':20}" + "".join(f"{word:>10}" for word in words))
    for kind in sorted(counts):
        print(f"{kind:20}" + "".join(f"{counts[kind][word]:>10}" for word in words))
    return int(any(found["differ"] for found in counts.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
