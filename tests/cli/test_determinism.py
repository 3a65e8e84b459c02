"""What `exposure`, `routes` and `trace` say depends neither on hash seeds nor on the order in which objects are written."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys

import pytest

from netcheck.cli.main import main
from tests.cli.running import ROOT

WAYS = ("testdata/routes", "testdata/trace", "testdata/scenarios/doors-to-a-shop/cluster.yaml")
REQUESTS = str(ROOT / "testdata" / "trace-requests.json")
COMMANDS = {
    "exposure": ("exposure",),
    "routes": ("routes", "--reached", "always"),
    "list": ("list",),
}
SEEDS = ("1", "2")
ORDERS = range(4)
_PLACES = ("file", "line", "column", "endLine", "endColumn", "witness")
"""Left out with places: a witness is one request of many, and a solver that has answered before may show another."""


def printed(arguments, seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "COLUMNS": "100"}
    command = [sys.executable, "-c", "from netcheck.cli.main import run; run()", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 1, 4), done.stderr
    return done.stdout


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("command", ["exposure", "routes", "trace"])
def test_two_runs_give_the_same_bytes(command, output):
    arguments = [command, *WAYS[:2], "-o", output, *(("--requests", REQUESTS) if command == "trace" else ())]
    assert len({printed(arguments, seed) for seed in SEEDS}) == 1


def documents(source):
    path = ROOT / source
    files = [path] if path.is_file() else sorted(path.glob("*.yaml"))
    texts = [
        part for file in files for part in re.split(r"^---\s*$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    return [text for text in texts if "kind:" in text]


def without_places(item):
    """Return a document without files, lines and witnesses."""
    if isinstance(item, dict):
        return {key: without_places(value) for key, value in item.items() if key not in _PLACES}
    return [without_places(part) for part in item] if isinstance(item, list) else item


def told(arguments, folder, texts, capsys):
    for old in folder.glob("*.yaml"):
        old.unlink()
    for number, text in enumerate(texts):
        (folder / f"{number:03}.yaml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    code = main([*arguments[:1], str(folder), *arguments[1:], "-o", "json"])
    found = without_places(json.loads(capsys.readouterr().out))
    found["faults"] = sorted(found.get("faults", ()), key=json.dumps)  # they come in the order of their places
    return code, {key: value for key, value in found.items() if key not in ("sources", "input", "problems")}


@pytest.mark.parametrize("source", WAYS)
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_order_of_objects_changes_nothing(command, source, tmp_path, capsys):
    texts = documents(source)
    first = told(COMMANDS[command], tmp_path, texts, capsys)
    for seed in ORDERS:
        random.Random(seed).shuffle(texts)
        assert told(COMMANDS[command], tmp_path, texts, capsys) == first


def test_the_order_of_objects_changes_no_trace(tmp_path, capsys):
    texts = documents("testdata/trace")
    asked = ("trace", "--requests", REQUESTS)
    first = told(asked, tmp_path, texts, capsys)
    for seed in ORDERS:
        random.Random(seed).shuffle(texts)
        assert told(asked, tmp_path, texts, capsys) == first
