"""Several clusters in one run, and what files on top of a cluster would change."""

from __future__ import annotations

import json

import pytest

from tests.live.clusters import policy, small
from tests.live.server import Reply, Server, kubeconfig
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture
from tests.live.test_reading import CLEAN

ASK = ["--from", "shop/web-1", "--to", "shop/db-1", "--port", "80"]
DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]},
}


@pytest.fixture
def clusters(tmp_path):
    """Two clusters: in `open` web reaches db, in `shut` it does not; and `gone`, which does not answer."""
    shut = small().add(
        "networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", [policy("shop", "db", "db", "nobody")]
    )
    other = small().add("v1", "pods", "Pod", [])
    with (
        Server(CLEAN.answer) as one,
        Server(shut.answer) as two,
        Server(lambda _: Reply(500, {})) as three,
        Server(other.answer) as four,
    ):
        yield kubeconfig(tmp_path, {"open": one.url, "shut": two.url, "gone": three.url, "other": four.url})


def test_one_report_of_each_and_a_summary(clusters, netcheck):
    done = netcheck("query", "cluster:open", "cluster:shut", "--each", *ASK, "--kubeconfig", clusters)
    assert done.code == 1
    parts = [done.out.index(text) for text in ("== cluster:open", "allowed", "== cluster:shut", "denied", "== summary")]
    assert parts == sorted(parts)
    assert [line.split()[:2] for line in done.out.partition("== summary\n")[2].splitlines()] == [
        ["cluster:open", "0"],
        ["cluster:shut", "1"],
    ]


def test_a_cluster_that_cannot_be_read_does_not_stop_the_others(clusters, netcheck):
    done = netcheck("query", "cluster:gone", "cluster:open", "--each", *ASK, "--kubeconfig", clusters)
    assert done.code == 4
    assert "cannot be read" in done.err
    assert "allowed" in done.out
    only = netcheck("query", "cluster:gone", "cluster:gone", "cluster:open", "--each", *ASK, "--kubeconfig", clusters)
    assert only.code == 4


def test_a_cluster_that_cannot_be_asked_does_not_stop_the_others(clusters, netcheck):
    for source, told in (("cluster:opne", "no context `opne`"), ("cluster:other", "names no loaded workload or pod")):
        done = netcheck("query", source, "cluster:open", "--each", *ASK, "--kubeconfig", clusters)
        assert done.code == 2
        assert told in done.err
        assert "allowed" in done.out
        lines = [line.split()[:2] for line in done.out.partition("== summary\n")[2].splitlines()]
        assert lines == [[source, "2"], ["cluster:open", "0"]]


def test_documents_go_to_one_file_of_each(clusters, netcheck, tmp_path):
    arguments = ["query", "cluster:open", "cluster:shut", "--each", *ASK, "--kubeconfig", clusters]
    done = netcheck(*arguments, "-o", f"json={tmp_path / 'out.json'}")
    assert done.code == 1
    verdicts = [json.loads((tmp_path / f"out.{name}.json").read_text())["verdict"] for name in ("open", "shut")]
    assert verdicts == ["allowed", "denied"]
    assert netcheck(*arguments, "-o", "json").code == 2


def test_files_are_laid_over_each(clusters, netcheck, tmp_path):
    (tmp_path / "deny.json").write_text(json.dumps(DENY))
    done = netcheck("query", "cluster:open", "cluster:shut", "deny.json", "--each", *ASK, "--kubeconfig", clusters)
    assert done.out.count("\ndenied  shop/web-1 -> shop/db-1") == 2
    assert done.code == 1


def test_each_of_one_is_refused(clusters, netcheck):
    done = netcheck("list", "cluster:open", "--each", "--kubeconfig", clusters)
    assert done.code == 2
    assert "--each takes several" in done.err


def test_without_each_the_later_cluster_is_laid_over_the_earlier(clusters, netcheck):
    assert netcheck("query", "cluster:open", "cluster:shut", *ASK, "--kubeconfig", clusters).code == 1
    assert netcheck("query", "cluster:shut", "cluster:open", *ASK, "--kubeconfig", clusters).code == 0


def test_diff_with_overlay_is_what_applying_files_would_change(serve, netcheck, tmp_path):
    (tmp_path / "deny.json").write_text(json.dumps(DENY))
    server, config = serve(CLEAN.answer)
    done = netcheck("diff", "cluster:", "deny.json", "--overlay", "--kubeconfig", config, "-o", "json")
    assert done.code == 1
    changes = {(row["type"], row["source"], row["destination"]) for row in done.json["changes"]}
    assert changes == {("removed", f"shop/web-{number}[Pod]", "shop/db-1[Pod]") for number in (1, 2)}
    assert sum(request.path == "/version" for request in server.requests) == 1  # read once
    assert netcheck("diff", "cluster:", "deny.json", "--kubeconfig", config, "-o", "json").json["changes"] != changes


def test_what_edits_files_does_not_take_clusters(serve, netcheck):
    _, config = serve(CLEAN.answer)
    for arguments in (["--fix"], ["--diff"], ["--changed-since", "HEAD"]):
        done = netcheck("lint", "cluster:", *arguments, "--kubeconfig", config)
        assert done.code == 2
        assert "`cluster:` is none" in done.err
