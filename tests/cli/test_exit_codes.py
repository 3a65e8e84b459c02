"""Every class of exit code (docs/cli.md), and which wins."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import netcheck.cli.main as entry
from netcheck.cli.exit_codes import decide
from tests.cli.running import BROKEN, CLOSED, NOT_MODELLED, PARTLY_IN_A_BLOCK, QUICKSTART, TWO_PODS


class TestZeroAndOne:
    def test_a_list_of_complete_input_is_0(self, netcheck):
        assert netcheck("list", QUICKSTART).code == 0

    def test_reachable_is_0(self, netcheck):
        assert netcheck("query", QUICKSTART, "--from", "monitoring/prometheus", "--to", "shop/web").code == 0

    def test_not_reachable_is_1(self, netcheck):
        assert netcheck("query", "-", "--from", "a/web", "--to", "a/db", stdin=TWO_PODS + CLOSED).code == 1

    def test_rules_explain_and_schema_are_0(self, netcheck):
        assert netcheck("schema").code == 0
        assert netcheck("schema", "ConnectionList").code == 0

    def test_version_and_help_are_0(self, netcheck):
        assert netcheck("--version").out == f"netcheck {entry.netcheck.__version__}\n"
        assert netcheck("--help").code == 0


USAGE = {
    "unknown command": (["lst"], "did you mean `list`?"),
    "unknown option": (["list", "--outptu", "json"], "--output"),
    "unknown format": (["list", "-o", "jsn"], "did you mean `json`?"),
    "unknown profile": (["list", "--cni", "celium"], "did you mean `cilium`?"),
    "unknown switch": (["list", "--assume", "cidrMatchPods=no"], "did you mean `cidrMatchesPods`?"),
    "a switch without use": (["list", "--assume", "anpMaxPriority=no"], "does not use the switch `anpMaxPriority` yet"),
    "not a switch's value": (["list", "--assume", "endPort=maybe"], "`yes`, `no` or `unknown`"),
    "not an assumption": (["list", "--assume", "endPort"], "must be SWITCH=VALUE"),
    "not a CIDR": (["list", "--pod-cidr", "10.0.0.0/33"], "is not a CIDR"),
    "host bits": (["list", "--node-cidr", "10.0.0.1/8"], "did you mean `10.0.0.0/8`?"),
    "two tables": (["list", "-o", "table", "-o", "csv"], "two outputs go to stdout"),
    "no folder": (["list", "-o", "json=nowhere/x.json"], "there is no folder `nowhere`"),
    "no file": (["list", "-o", "json="], "names no file"),
    "kubeconfig": (["list", "--kubeconfig", "x"], "name the source `cluster:`"),
    "context": (["list", "--context", "x"], "name the source `cluster:`"),
    "group without user": (["list", "cluster:", "--as-group", "x"], "--as-group goes with --as"),
    "unknown namespace": (["list", "--only-namespace", "shpo"], "did you mean `shop`?"),
    "unknown focus": (["list", "--focus", "shop/wbe"], "did you mean `shop/web`?"),
    "not an address": (["query", "--from", "999.1.1.1", "--to", "shop/web"], "`999.1.1.1` is no address"),
    "unknown end": (["query", "--from", "shop/nobody", "--to", "shop/web"], "names no loaded workload"),
    "no end": (["query", "--to", "shop/web"], "--from"),
    "unknown kind": (["schema", "ConectionList"], "did you mean `ConnectionList`?"),
    "unknown rule": (["lint", "--select", "service-port"], "service-port-used"),
    "unknown page": (["explain", "NC1O9"], "there is no rule `NC1O9`"),
    "configuration missing": (["list", "--config", "nowhere.yaml"], "cannot be read"),
    "resolution": (["list", "--resolution", "pods"], "'pod'"),
    "nothing": ([], "Usage: netcheck"),
}


class TestLint:
    arguments = ("lint", QUICKSTART)

    def test_findings_are_1(self, netcheck):
        assert netcheck(*self.arguments).code == 1

    def test_clean_is_0(self, netcheck):
        assert netcheck(*self.arguments, "--select", "NC101").code == 0

    def test_fail_on_counts_that_severity_and_worse(self, netcheck):
        def code(rule, fail_on):
            return netcheck(*self.arguments, "--select", rule, "--fail-on", fail_on).code

        assert [code("NC109", severity) for severity in ("error", "warning", "info")] == [1, 1, 1]
        assert [code("host-network-selected", severity) for severity in ("error", "warning", "info")] == [0, 0, 1]

    def test_the_configuration_decides_where_no_option_does(self, netcheck, tmp_path):
        text = "lint: {failOn: info, select: [NC118], severity: {NC118: info}}\n"
        (tmp_path / "netcheck.yaml").write_text(text, encoding="utf-8")
        assert netcheck(*self.arguments).code == 1
        assert netcheck(*self.arguments, "--fail-on", "warning").code == 0

    def test_ignore_wins(self, netcheck):
        done = netcheck(*self.arguments, "-o", "json", "--select", "NC109,NC102", "--ignore", "service-port-used")
        assert {finding["rule"] for finding in done.json["findings"]} == {"NC102"}
        assert done.json["summary"]["checkedRules"] == ["NC102"]

    def test_lost_input_is_4_even_with_findings(self, netcheck):
        assert netcheck("lint", "-", QUICKSTART, stdin=BROKEN).code == 4

    def test_rules_and_explain(self, netcheck):
        assert "NC109" in netcheck("rules").out
        assert netcheck("explain", "nc109").out == netcheck("explain", "service-port-used").out
        assert "What it finds" in netcheck("explain", "NC109").out


class TestTwo:
    @pytest.mark.parametrize("name", USAGE)
    def test_usage_says_what_is_wrong_and_what_would_be_right(self, netcheck, name):
        arguments, told = USAGE[name]
        sources = (
            [QUICKSTART]
            if arguments and arguments[0] in ("list", "query", "lint") and "cluster:" not in arguments
            else []
        )
        done = netcheck(*arguments, *sources)
        assert (done.code, done.out) == (2, "")
        assert told in done.err
        assert name == "nothing" or done.err.startswith("netcheck: error: ")

    def test_an_output_that_cannot_be_written(self, netcheck, tmp_path):
        done = netcheck("list", QUICKSTART, "-o", f"json={tmp_path}")
        assert done.code == 2
        assert "cannot be written" in done.err


class TestThree:
    @pytest.mark.parametrize("output", ["table", "json"])
    @pytest.mark.parametrize("stdin", ["", "just: text\n", BROKEN])
    def test_no_usable_input_says_why_on_stderr_and_nothing_on_stdout(self, netcheck, output, stdin):
        done = netcheck("list", "-", "-o", output, stdin=stdin)
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith("netcheck: error: ")

    def test_a_missing_file(self, netcheck):
        done = netcheck("list", "nowhere.yaml")
        assert done.code == 3
        assert "`nowhere.yaml` does not exist" in done.err

    def test_an_empty_folder_is_the_default_source(self, netcheck):
        assert netcheck("list").code == 3


class TestFour:
    def test_lost_input(self, netcheck):
        assert netcheck("list", "-", stdin=TWO_PODS + BROKEN).code == 4

    def test_an_unknown_row(self, netcheck):
        done = netcheck("list", "-", "-o", "json", stdin=TWO_PODS + PARTLY_IN_A_BLOCK)
        assert done.code == 4
        assert done.json["unknown"]

    def test_an_unknown_verdict(self, netcheck):
        stdin = TWO_PODS + PARTLY_IN_A_BLOCK
        assert netcheck("query", "-", "--from", "a/web", "--to", "a/db", stdin=stdin).code == 4

    def test_wins_over_1(self, netcheck):
        stdin = TWO_PODS + CLOSED + BROKEN
        assert netcheck("query", "-", "--from", "a/web", "--to", "a/db", stdin=stdin).code == 4

    def test_allow_incomplete_turns_it_into_0_or_1(self, netcheck):
        lost = TWO_PODS + CLOSED + BROKEN
        assert netcheck("list", "-", "--allow-incomplete", stdin=lost).code == 0
        assert netcheck("query", "-", "--from", "a/web", "--to", "a/db", "--allow-incomplete", stdin=lost).code == 1
        assert netcheck("query", "-", "--from", "a/db", "--to", "a/web", "--allow-incomplete", stdin=lost).code == 0
        partly = TWO_PODS + PARTLY_IN_A_BLOCK
        assert netcheck("query", "-", "--from", "a/web", "--to", "a/db", "--allow-incomplete", stdin=partly).code == 1

    def test_a_kind_that_is_not_modelled_makes_unknown_only_what_it_concerns(self, netcheck):
        stdin = TWO_PODS + NOT_MODELLED
        assert netcheck("query", "-", "--from", "a/web", "--to", "a/db", stdin=stdin).code == 4
        assert netcheck("query", "-", "--from", "a/db", "--to", "a/web", stdin=stdin).code == 0
        assert netcheck("list", "-", "-o", "json", stdin=stdin).json["complete"] is False

    @pytest.mark.parametrize(
        ("negative", "incomplete", "allowed", "code"),
        [
            *((False, False, False, 0), (True, False, False, 1), (False, True, False, 4), (True, True, False, 4)),
            *((False, True, True, 0), (True, True, True, 1), (True, False, True, 1)),
        ],
    )
    def test_precedence(self, negative, incomplete, allowed, code):
        assert decide(negative=negative, incomplete=incomplete, allow_incomplete=allowed) == code


class TestFive:
    @pytest.fixture
    def broken(self, monkeypatch):
        def fail(*_):
            raise KeyError("planted")

        monkeypatch.setattr("netcheck.cli.list_connections.load_inputs", fail)

    def test_a_bug_says_how_to_report_it(self, netcheck, broken):
        done = netcheck("list", QUICKSTART)
        assert (done.code, done.out) == (5, "")
        assert f"a bug in netcheck {entry.netcheck.__version__}: 'planted'" in done.err
        assert "report it" in done.err
        assert "KeyError" not in done.err

    def test_debug_shows_the_traceback(self, netcheck, broken):
        done = netcheck("list", QUICKSTART, "--debug")
        assert done.code == 5
        assert "Traceback" in done.err


def test_an_interrupt_is_130(netcheck, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("netcheck.cli.list_connections.load_inputs", interrupt)
    assert netcheck("list", QUICKSTART).code == 130


def test_a_reader_that_goes_away_is_no_bug():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from netcheck.cli.main import run; run()", "list", QUICKSTART, "-o", "json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
