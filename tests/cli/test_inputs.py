"""Sources, options that change what is read, outputs, and the streams they go to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.cli import screen
from netcheck.errors import Place, Problem, Severity
from tests.cli.running import BROKEN, NAMESPACE, PARTLY_IN_A_BLOCK, POD, QUICKSTART, ROOT, TWO_PODS


def rows(document):
    return {(row["source"], row["destination"]) for row in document["connections"]}


class TestSources:
    def test_stdin(self, netcheck):
        document = netcheck("list", "-", "-o", "json", stdin=TWO_PODS).json
        assert ("a/web[Pod]", "a/db[Pod]") in rows(document)

    def test_the_current_directory_is_the_default(self, netcheck, tmp_path):
        (tmp_path / "pods.yaml").write_text(TWO_PODS, encoding="utf-8")
        assert ("a/web[Pod]", "a/db[Pod]") in rows(netcheck("list", "-o", "json").json)

    def test_several_sources_overlay(self, netcheck, tmp_path):
        (tmp_path / "one.yaml").write_text(TWO_PODS, encoding="utf-8")
        document = netcheck("list", "one.yaml", "-", "-o", "json", stdin=POD % ("late", "a", "late")).json
        assert "a/late[Pod]" in {endpoint["id"] for endpoint in document["endpoints"]}

    def test_the_namespace_of_objects_that_name_none(self, netcheck):
        pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n"
        document = netcheck("list", "-", "-n", "mine", "-o", "json", stdin=pod).json
        assert "mine/p[Pod]" in {endpoint["id"] for endpoint in document["endpoints"]}


class TestAssumptions:
    def test_assume_wins_over_the_profile(self, netcheck):
        given = ["list", QUICKSTART, "-o", "json", "--cni", "calico"]
        pair = ("data/db[StatefulSet]", "own-node")
        assert pair not in rows(netcheck(*given).json)
        document = netcheck(*given, "--assume", "ownNodeEgress=yes").json
        assert pair in rows(document)
        assert {"message": "the switch `ownNodeEgress` is `yes`, as given", "option": "--assume"} in document[
            "assumptions"
        ]

    def test_auto_says_that_files_name_no_plugin(self, netcheck):
        messages = [
            item["message"] for item in netcheck("list", QUICKSTART, "-o", "json", "--cni", "auto").json["assumptions"]
        ]
        assert any("generic" in message and "auto" in message for message in messages)

    def test_the_pod_cidr_settles_a_block(self, netcheck):
        given = ["list", "-", "-o", "json"]
        stdin = TWO_PODS + PARTLY_IN_A_BLOCK
        assert netcheck(*given, stdin=stdin).json["unknown"]
        document = netcheck(*given, "--pod-cidr", "10.1.0.0/16,fd00::/64", stdin=stdin).json
        assert not document["unknown"]
        assert ("a/web[Pod]", "a/db[Pod]") in rows(document)


class TestScope:
    def test_only_namespace(self, netcheck):
        found = rows(netcheck("list", QUICKSTART, "-o", "json", "--only-namespace", "data").json)
        assert found
        assert all("data/db[StatefulSet]" in pair for pair in found)

    def test_exclude_namespace(self, netcheck):
        out = netcheck("list", QUICKSTART, "-o", "json", "--exclude-namespace", "monitoring,data").out
        assert "monitoring/prometheus" not in out
        assert "data/db" not in out

    def test_focus_and_direction(self, netcheck):
        found = rows(netcheck("list", QUICKSTART, "-o", "json", "--focus", "shop/api", "--direction", "ingress").json)
        assert {destination for _, destination in found} == {"shop/api[Deployment]"}

    def test_a_scoped_table_does_not_say_that_others_are_unreached(self, netcheck):
        assert "reached by nothing" in netcheck("list", QUICKSTART).out
        assert "nothing" not in netcheck("list", QUICKSTART, "--focus", "shop/api").out

    def test_pod_resolution(self, netcheck):
        ids = {
            item["id"] for item in netcheck("list", QUICKSTART, "-o", "json", "--resolution", "pod").json["endpoints"]
        }
        assert "shop/web[Pod]" in ids


class TestOutputs:
    def test_several(self, netcheck, tmp_path):
        done = netcheck("list", QUICKSTART, "-o", "table", "-o", "json=all.json", "-o", "csv=all.csv")
        assert done.code == 0
        assert json.loads((tmp_path / "all.json").read_text("utf-8"))["kind"] == "ConnectionList"
        assert (tmp_path / "all.csv").read_text("utf-8").startswith("source,destination,verdict")
        assert "shop/web" in done.out

    def test_only_to_a_file(self, netcheck, tmp_path):
        assert netcheck("list", QUICKSTART, "-o", "md=out.md").out == ""
        assert (tmp_path / "out.md").read_text("utf-8").startswith("| to |")

    def test_problems_are_on_stderr_beside_a_table_and_inside_json(self, netcheck):
        table = netcheck("list", "-", stdin=TWO_PODS + BROKEN)
        assert "<stdin>:" in table.err
        assert "the input has 1 error" in table.err
        assert "incomplete" in table.out
        document = netcheck("list", "-", "-o", "json", stdin=TWO_PODS + BROKEN)
        assert document.err == ""
        assert document.json["problems"]
        assert document.json["complete"] is False

    def test_quiet_leaves_out_notes(self, netcheck):
        assert "assumed" in netcheck("list", QUICKSTART).out
        assert "assumed" not in netcheck("list", QUICKSTART, "-q").out


def many(number, severity=Severity.ERROR):
    return [
        Problem(severity=severity, message=f"problem {n}", place=Place("f.yaml", n, 1)) for n in range(1, number + 1)
    ]


class TestProblems:
    def test_at_most_twenty_and_how_many_more(self, capsys):
        screen.show_problems(many(25))
        err = capsys.readouterr().err
        assert err.count("error: problem") == 20
        assert "25 errors; 5 not shown" in err

    def test_all_when_verbose(self, capsys):
        screen.show_problems(many(25), verbose=True)
        assert capsys.readouterr().err.count("error: problem") == 25

    def test_errors_only_when_quiet(self, capsys):
        screen.show_problems([*many(2), *many(3, Severity.WARNING)], quiet=True)
        err = capsys.readouterr().err
        assert "warning" not in err
        assert "2 errors" in err


class Terminal:
    def __init__(self, stream):
        self._stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self._stream, name)


class TestTerminal:
    def test_no_colour_in_a_pipe(self, netcheck):
        assert "\x1b" not in netcheck("list", QUICKSTART).out

    def test_colour_at_a_terminal_unless_refused(self, monkeypatch):
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        stream = Terminal(sys.stdout)
        assert screen.has_colour(stream, no_color=False)
        assert not screen.has_colour(stream, no_color=True)
        monkeypatch.setenv("NO_COLOR", "1")
        assert not screen.has_colour(stream, no_color=False)

    @pytest.mark.parametrize("columns", [80, 120, 200])
    def test_lines_fit_the_width(self, netcheck, monkeypatch, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        out = netcheck("list", QUICKSTART).out
        assert max(map(len, out.splitlines())) <= columns

    @pytest.mark.parametrize(("columns", "used"), [(20, 80), (1000, 200)])
    def test_the_width_is_within_80_to_200(self, monkeypatch, columns, used):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert screen.width() == used

    def test_progress_only_at_a_terminal(self, netcheck, monkeypatch):
        assert screen.Progress(enabled=True).callback() is None
        monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
        assert screen.Progress(enabled=True).callback() is not None
        assert screen.Progress(enabled=False).callback() is None


@pytest.mark.parametrize("output", ["table", "json", "csv", "md", "dot"])
def test_two_runs_give_the_same_bytes(output):
    found = {_bytes(["list", "testdata/quickstart", "-o", output], seed) for seed in ("1", "2")}
    assert len(found) == 1


@pytest.mark.parametrize("output", ["table", "json"])
def test_two_queries_give_the_same_bytes(output):
    arguments = ["query", "testdata/quickstart", "--from", "ns=shop", "--to", "data/db", "-o", output]
    assert len({_bytes(arguments, seed) for seed in ("1", "2")}) == 1


@pytest.mark.parametrize("output", ["table", "json"])
def test_two_lints_give_the_same_bytes(output):
    assert len({_bytes(["lint", "testdata/quickstart", "--pedantic", "-o", output], seed) for seed in ("1", "2")}) == 1


def _bytes(arguments, seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "COLUMNS": "100"}
    command = [sys.executable, "-c", "from netcheck.cli.main import run; run()", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).stdout


def test_names_of_files_that_are_not_text_do_no_harm(tmp_path):
    name = os.fsdecode(b"caf\xe9.yaml")
    try:
        Path(tmp_path, name).write_text(
            NAMESPACE + "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", encoding="utf-8"
        )
    except OSError:
        pytest.skip("this file system has only names that are text")
    for output in ("table", "json"):
        command = [
            sys.executable,
            "-c",
            "from netcheck.cli.main import run; run()",
            "list",
            str(tmp_path),
            "-o",
            output,
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 4
        assert b"Traceback" not in done.stderr
