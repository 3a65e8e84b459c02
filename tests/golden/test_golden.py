"""Whole outputs for `testdata/quickstart` and others, per format. `make golden` rewrites them; the review reads the difference.

A golden is not an oracle: the verdicts shown here are asserted by `tests/spec`, `tests/scenarios` and `tests/agree`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netcheck.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = Path(__file__).parent / "expected"
SHOP = "testdata/quickstart"
DOORS = "testdata/scenarios/doors-to-a-shop/cluster.yaml"
INTENTS = "testdata/intents/shop.yaml"
CASES = {
    "list.txt": ["list", SHOP],
    "list-by-source.txt": ["list", SHOP, "--direction", "egress"],
    "list-calico.txt": ["list", SHOP, "--cni", "calico"],
    "list.json": ["list", SHOP, "-o", "json"],
    "list-pods.json": ["list", SHOP, "-o", "json", "--resolution", "pod"],
    "list.csv": ["list", SHOP, "-o", "csv"],
    "list.md": ["list", SHOP, "-o", "md"],
    "list.dot": ["list", SHOP, "-o", "dot"],
    "list-ways-in.txt": ["list", "testdata/scenarios/ways-in"],
    "list-ways-in.json": ["list", "testdata/scenarios/ways-in", "-o", "json"],
    "query-allowed.txt": ["query", SHOP, "--from", "monitoring/prometheus", "--to", "shop/web"],
    "query-denied.txt": ["query", SHOP, "--from", "shop/web", "--to", "svc:shop/api", "--port", "80"],
    "query-pairs.txt": ["query", SHOP, "--from", "ns=shop", "--to", "data/db", "--port", "5432"],
    "query-open-world.txt": ["query", SHOP, "--from", "any-pod", "--to", "data/db", "--port", "5432"],
    "query.json": ["query", SHOP, "--from", "shop/web", "--to", "svc:shop/api", "--port", "80", "-o", "json"],
    "query-verbose.txt": ["query", SHOP, "--from", "shop/web", "--to", "svc:shop/api", "--port", "80", "-v"],
    "query-profiles.txt": ["query", SHOP, "--from", "own-node", "--to", "data/db", "--port", "1", "--all-profiles"],
    "list-explain.txt": ["list", SHOP, "--focus", "data/db", "--explain"],
    "list-explain.json": ["list", SHOP, "--focus", "data/db", "--explain", "-o", "json"],
    "routes.txt": ["routes", "testdata/routes", "--allow-incomplete"],
    "routes.json": ["routes", "testdata/routes", "--allow-incomplete", "-o", "json", "--reached", "never"],
    "routes.md": ["routes", "testdata/routes", "--allow-incomplete", "-o", "md"],
    "exposure.txt": ["exposure", SHOP],
    "exposure-verbose.txt": ["exposure", DOORS, "-v"],
    "exposure.json": ["exposure", DOORS, "-o", "json"],
    "diff.txt": ["diff", "testdata/diff/base", "testdata/diff/head"],
    "diff.json": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "json"],
    "diff.md": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "md"],
    "diff-back.txt": ["diff", "testdata/diff/head", "testdata/diff/base"],
    "diff-open-world.txt": ["diff", "testdata/diff/base", "testdata/diff/head", "--open-world"],
    "diff.csv": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "csv"],
    "diff.xml": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "junit", "--fail-on", "added"],
    "diff-github.txt": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "github"],
    "diff-gitlab.json": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "gitlab"],
    "diff.sarif": ["diff", "testdata/diff/base", "testdata/diff/head", "-o", "sarif"],
    "verify.txt": ["verify", SHOP, "--intents", INTENTS],
    "verify-why.txt": ["verify", SHOP, "--intents", INTENTS, "--why", "-v"],
    "verify-repair.txt": ["verify", SHOP, "--intents", INTENTS, "--repair"],
    "verify.json": ["verify", SHOP, "--intents", INTENTS, "--why", "-o", "json"],
    "verify.xml": ["verify", SHOP, "--intents", INTENTS, "-o", "junit"],
    "verify.md": ["verify", SHOP, "--intents", INTENTS, "-o", "md"],
    "verify.sarif": ["verify", SHOP, "--intents", INTENTS, "-o", "sarif"],
    "init-intents.yaml": ["init-intents", SHOP],
    "suggest.yaml": ["suggest", SHOP],
    "suggest.txt": ["suggest", SHOP, "-o", "table"],
    "suggest.json": ["suggest", SHOP, "-o", "json"],
    "lint.txt": ["lint", SHOP],
    "lint.json": ["lint", SHOP, "-o", "json"],
    **{
        f"trace-{name}.txt": ["trace", "testdata/trace", *words]
        for name, words in {
            "gateway": ["--to", "http://shop.example.com/cart/1"],
            "redirect": ["--to", "http://shop.example.com/old"],
            "no-endpoint": ["--to", "http://shop.example.com/admin"],
            "bad-backend": ["--to", "http://shop.example.com/lost"],
            "no-route": ["--to", "http://198.18.7.7/none", "--host", "shop.example.com"],
            "headless": ["--from", "shop/cart", "--to", "db-1.db:5432"],
            "alias": ["--from", "shop/cart", "--to", "https://payments/"],
        }.items()
    },
    "trace.json": ["trace", "testdata/trace", "--requests", "testdata/trace-requests.json", "-o", "json"],
}


@pytest.mark.parametrize("name", CASES)
def test_output_is_as_recorded(name, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    code = main(CASES[name])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert code in (0, 1)
    path = EXPECTED / name
    if os.environ.get("NETCHECK_GOLDEN") == "rewrite":
        path.parent.mkdir(exist_ok=True)
        path.write_text(captured.out, encoding="utf-8")
    assert captured.out == path.read_text(encoding="utf-8")


def test_nothing_is_recorded_that_is_not_compared():
    assert {path.name for path in EXPECTED.iterdir()} == set(CASES)
