"""Compare the status that `netcheck routes` works out with the checks of the Gateway API's conformance tests.

`python -m tests.conformance_status CORPUS [--justified FILE]`: exit 1 iff a check differs that is not justified. A key
of the file is `status:SUITE/CASE`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path

import yaml

from netcheck.cli.main import main as netcheck
from tests.conformance_status.checks import Document, check


def document_of(folder):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        netcheck(["routes", str(folder), "-o", "json"])
    return Document(json.loads(out.getvalue()))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--justified", type=Path)
    options = parser.parse_args(arguments)
    known = yaml.safe_load(options.justified.read_text("utf-8")) if options.justified else {}
    counts = dict.fromkeys(("agree", "justified", "differ"), 0)
    for path in sorted(options.corpus.glob("gateway-api*/*/expect.json")):
        expected = json.loads(path.read_text("utf-8"))
        if not expected.get("status"):
            continue
        document, name = document_of(path.parent / "input"), f"{expected['suite']}/{expected['case']}"
        for item in expected["status"]:
            wrong = check(document, item["check"], item["args"])
            outcome = "agree" if not wrong else "justified" if f"status:{name}" in known else "differ"
            counts[outcome] += 1
            if wrong and outcome == "differ":
                print(f"{name}: {item['check']} {json.dumps(item['args'])[:200]}\n    " + "\n    ".join(wrong))
    print("status checks: " + ", ".join(f"{number} {word}" for word, number in counts.items()))
    return int(counts["differ"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
