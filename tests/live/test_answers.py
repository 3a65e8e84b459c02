"""Answers about clusters that are read live: as from files where all was read, unknown where something was not (LIVE-6)."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.load import live, live_fetch
from tests.live.clusters import meta, pod, small
from tests.live.conftest import SHORT
from tests.live.server import Reply, status
from tests.live.test_reading import CLEAN, only

RECORDED = Path(os.environ.get("NETCHECK_APISERVER", Path(__file__).parents[3] / "shared" / "apiserver"))


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    whole = live.read_cluster
    monkeypatch.setattr(live, "read_cluster", lambda source, how: whole(source, replace(how, limits=SHORT)))


def verdict(ask, end, to, **more):
    """Return the exit code, 4 where anything was lost, and the verdict."""
    done = ask("query", "--from", end, "--to", to, "--port", "80", **more)
    return done.code, json.loads(done.out)["verdict"] if done.out else done.err


def test_a_cluster_answers_as_its_objects_in_files_do(ask, netcheck, tmp_path):
    for (group, version, _), (kind, _, objects) in CLEAN.resources.items():
        api = f"{group}/{version}" if group else version
        (tmp_path / f"{kind}.json").write_text(json.dumps({"apiVersion": api, "kind": f"{kind}List", "items": objects}))
    live = ask("list").json
    files = netcheck("list", tmp_path, "-o", "json").json
    assert live["connections"] == files["connections"]
    assert live["endpoints"] == files["endpoints"]


def test_nothing_unread_is_complete(ask):
    done = ask("list")
    assert done.code == 0
    assert done.json["complete"]


def test_policies_of_a_namespace_that_were_not_read_leave_it_open_and_it_alone(ask):
    fault = only(
        "v1/namespaces", "nodes", "/pods", "/services", "routes", "ciliumnetworkpolicies", "shop/networkpolicies"
    )
    assert verdict(ask, "shop/web-1", "shop/db-1", fault=fault) == (4, "allowed")
    assert verdict(ask, "tools/scan-1", "shop/db-1", fault=fault) == (4, "denied")
    assert verdict(ask, "shop/web-1", "tools/scan-1", fault=fault) == (4, "unknown")


def test_policies_that_could_not_be_read_at_all_leave_everything_open(ask):
    fault = only("v1/namespaces", "nodes", "/pods", "/services", "routes", "ciliumnetworkpolicies")
    assert verdict(ask, "shop/web-1", "shop/db-1", fault=fault) == (4, "unknown")


def test_policies_of_another_kind_that_were_not_read_leave_everything_open(ask):
    def dead(request, times):
        return Reply(500, {}) if "ciliumnetworkpolicies" in request.path else None

    code, found = verdict(ask, "shop/web-1", "shop/db-1", fault=dead)
    assert (code, found) == (4, "unknown")


def test_a_pod_of_a_namespace_that_was_not_read_is_unknown_and_not_absent(ask):
    fault = only("v1/namespaces", "nodes", "shop/pods", "/services", "policies", "routes")
    done = ask("query", "--from", "tools/scan-1", "--to", "shop/db-1", fault=fault)
    assert done.code == 4
    assert done.json["reasons"][0]["rule"] == "LIVE-6"
    assert not done.json["complete"]


def test_without_the_list_of_namespaces_what_was_read_in_one_is_certain(ask):
    fault = only("shop/pods", "shop/networkpolicies", "shop/ciliumnetworkpolicies", "shop/services")
    assert verdict(ask, "shop/web-1", "shop/db-1", fault=fault) == (4, "allowed")
    assert verdict(ask, "shop/db-1", "shop/web-1", fault=fault) == (4, "denied")
    part = only("shop/pods", "shop/networkpolicies", "shop/services")
    assert verdict(ask, "shop/web-1", "shop/db-1", fault=part) == (4, "unknown")


def test_what_was_not_read_is_told_with_the_way_out(serve, netcheck):
    _, config = serve(CLEAN.answer, only("v1/namespaces", "nodes", "shop/pods", "/services", "policies", "routes"))
    done = netcheck("lint", "cluster:", "--kubeconfig", config)
    assert (
        "cluster:prod: error: pods of namespace `tools` could not be read: the user may not list them (403)" in done.err
    )
    assert "netcheck rbac" in done.err


def test_n_reports_on_one_namespace_and_analyses_all(ask):
    whole, one = ask("list").json, ask("list", "-n", "shop").json
    kept = [row for row in whole["connections"] if "shop/" in row["source"] + row["destination"]]
    assert one["connections"] == kept
    assert len(kept) < len(whole["connections"])
    assert ask("list", "-n", "shop", "-A").json["connections"] == whole["connections"]


def test_n_of_a_namespace_that_is_not_there_is_refused(ask):
    done = ask("list", "-n", "shpo")
    assert done.code == 2
    assert "-n: nothing that was read lies in namespace `shpo`; did you mean `shop`?" in done.err


def test_files_on_top_of_a_cluster_say_what_if(serve, netcheck, tmp_path):
    change = {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]},
    }  # fmt: skip
    (tmp_path / "change.json").write_text(json.dumps(change))
    _, config = serve(CLEAN.answer)
    query = ["--from", "shop/web-1", "--to", "shop/db-1", "--port", "80", "--kubeconfig", config]
    assert netcheck("query", "cluster:", *query).code == 0
    assert netcheck("query", "cluster:", tmp_path / "change.json", *query).code == 1


def test_options_for_clusters_without_a_cluster_are_refused(netcheck):
    done = netcheck("list", "testdata/quickstart", "--context", "prod")
    assert done.code == 2
    assert "no source is one" in done.err


def test_certificates_of_clusters_are_never_read_and_taken_to_be_good(ask):
    listener = {
        "name": "https", "port": 443, "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "cert"}]},
    }  # fmt: skip
    gateway = {"metadata": meta("door", "shop"), "spec": {"gatewayClassName": "c", "listeners": [listener]}}
    klass = {"metadata": meta("c"), "spec": {"controllerName": "example.com/c"}}
    documents = small().add("gateway.networking.k8s.io/v1", "gateways", "Gateway", [gateway])
    documents.add("gateway.networking.k8s.io/v1", "gatewayclasses", "GatewayClass", [klass], namespaced=False)
    done = ask("routes", answer=documents.answer)
    conditions = {item["type"]: item["status"] for item in done.json["gateways"][0]["listeners"][0]["conditions"]}
    assert conditions["ResolvedRefs"] == "True"


# ---- what a real API server said ---------------------------------------------------------------------------------


def recorded():
    """Return an answer function that replays recorded exchanges, by user and path."""
    exchanges = json.loads((RECORDED / "recorded.json").read_text())
    known = {(item["user"], item["path"]): item for item in exchanges if item["method"] == "GET"}

    def answer(request):
        query = f"?limit=2&continue={request.query['continue']}" if "continue" in request.query else ""
        found = known.get((request.user, request.path + query))
        discovery = request.path.count("/") < (4 if request.path.startswith("/apis") else 3)
        if found is None and discovery:
            found = known.get(("admin", request.path))
        if found is None:
            return status(403 if request.user == "reader" else 404, "NotRecorded", "not recorded")
        return Reply(found["status"], found["body"])

    return answer


@pytest.mark.skipif(not (RECORDED / "recorded.json").exists(), reason="no recorded exchanges here")
class TestRecorded:
    def test_an_administrator_reads_all(self, ask):
        done = ask("list", answer=recorded())
        rows = {(row["source"], row["destination"]) for row in done.json["connections"]}
        pods = [item for item in done.json["endpoints"] if item["id"].startswith("shop/db")]
        assert pods[0]["pods"] == 2
        assert any(source.startswith("shop/web") and target == "shop/db[StatefulSet]" for source, target in rows)
        errors = [
            item
            for item in done.json["problems"]
            if "404" not in item["message"] and "not recorded" not in item["message"]
        ]
        assert not errors

    def test_a_reader_with_few_rights_gets_what_can_be_told(self, ask):
        done = ask("query", "--from", "monitoring/agent", "--to", "shop/db", answer=recorded(), token="reader")
        assert done.code == 4
        assert done.json["reasons"][0]["rule"] == "LIVE-6"
        told = [item["message"] for item in done.json["problems"]]
        assert any(text.startswith("pods of namespaces `default`") and "`monitoring`" in text for text in told)
        assert not any("networkpolicies.networking.k8s.io" in text for text in told)

    def test_a_stranger_is_told_so(self, ask):
        done = ask("list", answer=recorded(), token="stranger")
        assert done.code == 3
        assert "does not know the user" in done.err


def test_limits_have_sensible_defaults():
    limits = live_fetch.Limits()
    assert limits.request <= 60
    assert limits.total <= 600


def test_lint_of_one_namespace_reports_on_it_alone(ask):
    whole, one = ask("lint").json["findings"], ask("lint", "-n", "tools").json["findings"]
    assert one == [item for item in whole if not re.search(r" shop(/|$)", item["object"])]
    assert len(one) < len(whole)


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["fd00::1"], ["10.0.0.1", "fd00::1"]], ids=" and ".join)
def test_pods_with_addresses_of_one_family_reach_the_internet_in_it(ask, addresses):
    """NET-2: the other family, which the pod has no address in, does not count."""
    one = pod("shop", "one", addresses[0], "one")
    one["status"]["podIPs"] = [{"ip": text} for text in addresses]
    answer = small().add("v1", "pods", "Pod", [one]).answer
    assert verdict(ask, "shop/one", "internet", answer=answer) == (0, "allowed")
    assert verdict(ask, "internet", "shop/one", answer=answer) == (0, "allowed")


def test_suggest_reads_what_pods_of_a_cluster_are_configured_to_call(ask):
    """Pods of a cluster are decoded without their documents; the names in their environment count as in files."""
    served = small()
    for kind, _, objects in served.resources.values():
        for item in objects if kind == "Pod" else ():
            if item["metadata"]["name"] == "scan-1":
                item["spec"]["containers"][0]["env"] = [{"name": "DB_HOST", "value": "db.shop:80"}]
    done = ask("suggest", "--need", "names", answer=served.answer)
    told = [need["why"] for need in done.json["needs"]] + [item["reason"] for item in done.json["dropped"]]
    assert any("env DB_HOST names db.shop" in text for text in told), done.json
