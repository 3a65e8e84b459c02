"""`kubectl netcheck`: the flags of kubectl in any order, the current cluster by default, names in its namespace."""

from __future__ import annotations

import gzip
import json

import pytest

from netcheck.cli.main import main
from netcheck.cli.plugin import in_order, is_plugin
from tests.live.clusters import small
from tests.live.server import Server, kubeconfig
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Two clusters, the current one being `open`; nothing but KUBECONFIG says so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "x.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: of-a-file}\n")
    with Server(small().answer) as one, Server(small().answer) as two:
        path = kubeconfig(tmp_path, {"open": one.url, "other": two.url})
        monkeypatch.setenv("KUBECONFIG", path)
        yield path, one, two


@pytest.fixture
def kubectl(capsys):
    """Return a function that runs `kubectl netcheck ...`."""

    def run(*arguments):
        code = main([*map(str, arguments)], "/usr/local/bin/kubectl-netcheck")
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize(
    ("program", "yes"),
    [("kubectl-netcheck", True), ("/a/kubectl-netcheck", True), ("C:\\b\\kubectl-netcheck.exe", True),
     ("netcheck", False), ("/kubectl-netcheck/netcheck", False)],
)  # fmt: skip
def test_the_plugin_is_known_by_its_name(program, yes):
    assert is_plugin(program) is yes


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("-n shop lint cluster:", "lint -n shop cluster:"),
        ("--context=x -A lint", "lint --context=x -A"),
        ("-nshop --as jane --as-group dev list", "list -nshop --as jane --as-group dev"),
        ("lint -n shop cluster:", "lint -n shop cluster:"),
        ("--help", "--help"),
        ("--version", "--version"),
        ("-n shop", "-n shop"),
        ("-n shop --help", "-n shop --help"),
        ("", ""),
    ],
)
def test_options_before_the_command_are_those_of_the_command(given, meant):
    assert in_order(given.split()) == meant.split()


@pytest.mark.parametrize(
    "arguments",
    [
        "lint", "list", "exposure", "routes", "query --from web-1 --to db-1", "trace --from web-1 --to http://db/",
        "rbac", "list -n tools", "-n tools list", "list -A", "--context open list",
    ],
)  # fmt: skip
def test_without_a_source_the_current_cluster_is_asked(config, kubectl, arguments):
    _, one, two = config
    code, _, err = kubectl(*arguments.split())
    assert code in (0, 1) or (arguments == "rbac" and "rights" in err), err
    assert one.requests
    assert not two.requests


def test_a_context_is_that_of_the_option_in_both_orders(config, kubectl):
    _, one, two = config
    first = kubectl("list", "--context", "other", "-o", "json")
    second = kubectl("--context", "other", "list", "-o", "json")
    assert first == second
    assert first[0] == 0
    assert two.requests
    assert not one.requests


def test_files_are_asked_about_where_they_are_named(config, kubectl):
    code, out, _ = kubectl("list", "manifests", "-o", "json")
    assert code == 0
    assert "of-a-file" not in out or json.loads(out)["complete"]
    assert not config[1].requests


def test_a_snapshot_of_the_current_cluster(config, kubectl, tmp_path):
    assert kubectl("snapshot", "-o", "x.json.gz")[0] == 0
    assert json.loads(gzip.decompress((tmp_path / "x.json.gz").read_bytes()))["origin"] == "cluster:open"


def test_as_netcheck_no_source_is_the_current_directory(config, netcheck):
    assert netcheck("list", "-o", "json").code == 0
    assert netcheck("snapshot", "-o", "x.json.gz").code == 2
    assert not config[1].requests


def test_usage_is_told_in_the_words_of_kubectl(config, kubectl):
    code, _, err = kubectl("lint", "--nope")
    assert code == 2
    assert "`kubectl netcheck lint --help`" in err


def test_names_without_a_namespace_lie_in_that_of_the_context_unless_one_is_given(config, netcheck):
    ask = ["query", "cluster:", "--to", "shop/db-1", "--port", "80"]  # the context's namespace is shop
    assert netcheck(*ask, "--from", "web-1").code == 0
    assert netcheck(*ask, "--from", "scan-1", "-n", "tools").code == 1
    assert netcheck(*ask, "--from", "web-1", "-n", "tools").code == 2
    assert netcheck("trace", "cluster:", "--from", "web-1", "--to", "svc:db").code == 0


def test_the_report_is_of_the_whole_cluster_whatever_the_namespace_of_the_context(config, netcheck):
    assert "all of tools" in netcheck("list", "cluster:").out
    assert netcheck("list", "cluster:").out == netcheck("list", "cluster:", "-A").out
