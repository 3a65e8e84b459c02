"""`diff`, `compare` and `verify` in the formats that pipelines read: what each must hold, of the same run."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from tests.cli.running import CLOSED, NOT_MODELLED, PARTLY_IN_A_BLOCK, POD, QUICKSTART, ROOT, TWO_PODS

SCHEMA = json.loads((ROOT / "testdata" / "schemas" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
DIFF = ("diff", "testdata/diff/base", "testdata/diff/head")
BACK = ("diff", "testdata/diff/head", "testdata/diff/base")
OPEN_WORLD = (*DIFF, "--open-world")
VERIFY = ("verify", "testdata/quickstart", "--intents", "testdata/intents/shop.yaml")
RUNS = {"diff": DIFF, "back": BACK, "open-world": OPEN_WORLD, "compare": ("compare", *DIFF[1:]), "verify": VERIFY}
KINDS = {
    "diff": {"connection-added", "connection-changed", "connection-removed"},
    "back": {"connection-added", "connection-changed", "connection-removed"},
    "open-world": {"policies-differ"},
    "compare": {"policies-differ"},
    "verify": {"intent-violated"},
}


@pytest.fixture
def here(netcheck, monkeypatch):
    del netcheck  # it has its own folder
    monkeypatch.chdir(ROOT)


@pytest.fixture
def files(tmp_path):
    def write(name, text):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("run", RUNS)
def test_every_format_tells_the_same(netcheck, run):
    log = json.loads(netcheck(*RUNS[run], "-o", "sarif").out)
    jsonschema.Draft7Validator(SCHEMA).validate(log)
    results = log["runs"][0]["results"]
    assert {item["ruleId"] for item in results} == KINDS[run]
    issues = netcheck(*RUNS[run], "-o", "gitlab").json
    assert [item["check_name"] for item in issues] == [item["ruleId"] for item in results]
    assert [item["fingerprint"] for item in issues] == [item["partialFingerprints"]["netcheck/v1"] for item in results]
    assert len({item["fingerprint"] for item in issues}) == len(issues)
    commands = netcheck(*RUNS[run], "-o", "github").out.splitlines()
    assert len(commands) == len(results)
    for command, issue in zip(commands, issues, strict=True):
        place = issue["location"]
        assert f"file={place['path']},line={place['lines']['begin']}," in command
        assert place["path"].startswith("testdata/")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("form", ["sarif", "junit", "github", "gitlab", "md"])
def test_the_exit_code_is_that_of_the_table(netcheck, run, form):
    assert netcheck(*RUNS[run], "-o", form).code == netcheck(*RUNS[run]).code == 1


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("fail_on", "failed"), [("any", 3), ("added", 2), ("none", 0)])
def test_junit_fails_where_the_exit_code_does(netcheck, fail_on, failed):
    done = netcheck(*DIFF, "-o", "junit", "--fail-on", fail_on)
    (suite,) = ET.fromstring(done.out)
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == 4
    assert suite.get("failures") == str(failed)
    assert sum(case.find("failure") is not None for case in cases.values()) == failed
    assert (cases["no connection is removed"].find("failure") is None) == (fail_on != "any")
    text = "".join(cases["no connection is removed"].itertext())
    assert "NetworkPolicy shop/web is added: denies it (testdata/diff/head/shop.yaml:63:1)" in text
    assert list(cases["no connection is unknown"]) == []


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("fail_on", "failed"), [("any", "2"), ("added", "1"), ("none", "0")])
def test_junit_of_policies_alone_fails_where_the_exit_code_does(netcheck, fail_on, failed):
    (suite,) = ET.fromstring(netcheck(*OPEN_WORLD, "-o", "junit", "--fail-on", fail_on).out)
    assert (suite.get("tests"), suite.get("failures")) == ("2", failed)


@pytest.mark.usefixtures("here")
def test_csv_has_the_rows_of_the_document(netcheck):
    rows = list(csv.DictReader(io.StringIO(netcheck(*DIFF, "-o", "csv").out)))
    changes = netcheck(*DIFF, "-o", "json").json["changes"]
    assert [(row["type"], row["source"], row["destination"], row["via"]) for row in rows] == [
        (item["type"], item["source"], item["destination"], item.get("via", "")) for item in changes
    ]
    (changed,) = (row for row in rows if row["type"] == "changed")
    assert (changed["before"], changed["after"]) == ("TCP/8080", "TCP/8080,9090")
    assert changed["because"] == "NetworkPolicy shop/cart has changed: allows it by ingress[0]"
    assert changed["witness"].endswith("TCP/9090: denied before, allowed now")


def test_what_is_unknown_is_told_in_every_format(netcheck, files):
    other = PARTLY_IN_A_BLOCK.replace("10.1.", "10.2.")
    run = ("diff", files("one", TWO_PODS + PARTLY_IN_A_BLOCK), files("other", TWO_PODS + other))
    *known, result = json.loads(netcheck(*run, "-o", "sarif").out)["runs"][0]["results"]
    assert [item["ruleId"] for item in (*known, result)] == [
        "connection-added",
        "connection-removed",
        "connection-unknown",
    ]
    assert "NP-20" in result["message"]["text"]
    assert "connection-unknown" in netcheck(*run, "-o", "github").out
    (suite,) = ET.fromstring(netcheck(*run, "-o", "junit").out)
    assert suite.get("errors") == "1"
    *_, row = csv.DictReader(io.StringIO(netcheck(*run, "-o", "csv").out))
    assert (row["type"], row["unknown"]) == ("unknown", "all")
    assert "NP-20" in row["because"]


def test_policies_of_unknown_effect_are_told_in_every_format(netcheck, files):
    run = ("compare", files("b", TWO_PODS + NOT_MODELLED), files("h", TWO_PODS))
    assert {item["check_name"] for item in netcheck(*run, "-o", "gitlab").json} == {"policies-unknown"}
    (suite,) = ET.fromstring(netcheck(*run, "-o", "junit").out)
    assert int(suite.get("errors", 0)) > 0


def test_a_run_that_finds_nothing_is_empty_and_passes(netcheck, files):
    side = files("side", TWO_PODS + CLOSED)
    for command in ("diff", "compare"):
        assert netcheck(command, side, side, "-o", "gitlab").json == []
        assert netcheck(command, side, side, "-o", "github").out == ""
        (suite,) = ET.fromstring(netcheck(command, side, side, "-o", "junit").out)
        assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_problems_of_the_input_are_annotations(netcheck, files):
    broken = TWO_PODS + "apiVersion: v1\nkind: Pod\nmetadata: [\n---\n"
    done = netcheck("diff", files("b", broken), files("h", TWO_PODS), "-o", "github")
    assert (done.code, done.err) == (4, "")
    assert done.out.startswith("::error file=")


def test_a_mark_on_a_line_does_not_list_hundreds(netcheck, files):
    pods = "".join(POD % (f"p{number}", space, "x") for number in range(40) for space in ("a", "b"))
    odd = "".join(POD % (f"odd{number}", space, "odd") for number in range(2) for space in ("a", "b"))
    closed = CLOSED.replace("{matchLabels: {app: db}}", "{matchLabels: {app: x}}")
    run = ("diff", files("b", pods + odd), files("h", pods + odd + closed))
    (line,) = netcheck(*run, "-o", "github").out.splitlines()
    assert "and 28 more" in line
    assert len(line) < 2000


@pytest.mark.usefixtures("here")
def test_intents_as_markdown_and_csv(netcheck):
    text = netcheck(*VERIFY, "-o", "md").out
    assert text.startswith("**netcheck:** 4 intents: 1 violated, 3 holds\n\n### 1 intent violated\n")
    assert text.count("<details>") == text.count("</details>") == 2
    assert "| only-the-shop-is-on-the-internet (testdata/intents/shop.yaml:28:11) |" in text
    rows = list(csv.DictReader(io.StringIO(netcheck(*VERIFY, "-o", "csv").out)))
    assert [row["outcome"] for row in rows] == ["violated", "holds", "holds", "holds"]
    assert rows[0]["witness"].startswith("1.0.0.0 -> monitoring/node-exporter")


def test_text_of_users_cannot_break_a_table(netcheck, files):
    intents = (
        "apiVersion: netcheck/v1\nkind: Intents\nintents:\n  - {name: 'a | b', deny: {from: internet, to: shop/web}}\n"
    )
    done = netcheck("verify", QUICKSTART, "--intents", files("i", intents), "-o", "md")
    (line,) = (line for line in done.out.splitlines() if "a \\| b" in line and line.startswith("|"))
    assert line.replace("\\|", "").count("|") == 5
