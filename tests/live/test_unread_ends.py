"""Ends that could not be read are unknown, and name the right that is missing; they are not called absent (LIVE-6)."""

from __future__ import annotations

import json

import pytest

from tests.live.clusters import meta, policy, service, small
from tests.live.server import status
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture
from tests.live.test_reading import only

TOOLS_CLOSED = only("v1/namespaces", "shop/nodes", "shop/pods", "shop/services", "shop/networkpolicies",
                    "shop/ciliumnetworkpolicies", "shop/httproutes")  # fmt: skip
ELSEWHERE_CLOSED = only("shop/pods", "shop/services", "shop/networkpolicies", "shop/ciliumnetworkpolicies")
"""Namespaces cannot be listed either: what there is besides `shop` is not known."""


@pytest.mark.parametrize("fault", [TOOLS_CLOSED, ELSEWHERE_CLOSED], ids=["one namespace", "all others"])
@pytest.mark.parametrize(
    ("source", "destination", "told"),
    [
        ("tools/scan-1", "shop/db-1", "pods of namespace `tools` could not be read"),
        ("pod:tools/scan-1", "shop/db-1", "pods of namespace `tools` could not be read"),
        ("tools/deployment/scan", "shop/db-1", "pods of namespace `tools` could not be read"),
        ("ns=tools,app=scan", "shop/db-1", "pods of namespace `tools` could not be read"),
        ("shop/web-1", "svc:tools/scan", "services of namespace `tools` could not be read"),
        ("shop/web-1", "node:n1", "nodes could not be read"),
        ("shop/web-1", "10.0.1.1", "could not be read"),
    ],
)
def test_query(ask, fault, source, destination, told):
    done = ask("query", "--from", source, "--to", destination, fault=fault)
    assert done.code == 4
    assert done.json["verdict"] == "unknown"
    (reason,) = done.json["reasons"]
    assert reason["rule"] == "LIVE-6"
    assert told in reason["message"]
    assert "the user may not list them (403)" in reason["message"]


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("tools/scan-1", "svc:shop/db"),
        ("shop/web-1", "svc:tools/scan"),
        ("shop/web-1", "http://scan.tools/"),
        ("shop/web-1", "http://10.0.1.1/"),
        ("shop/web-1", "tools/scan-1:80"),
        ("internet", "ingress:tools/door"),
        ("ingress:tools/door", "svc:shop/db"),
    ],
)
def test_trace(ask, source, destination):
    answer = small().add("networking.k8s.io/v1", "ingresses", "Ingress", []).answer

    def fault(request, times):
        denied = request.path.endswith("/ingresses")
        return status(403, "Forbidden", "no") if denied else TOOLS_CLOSED(request, times)

    done = ask("trace", "--from", source, "--to", destination, answer=answer, fault=fault)
    assert done.code == 4
    found = json.loads(done.out)["traces"][0]
    assert found["delivered"] == "unknown"
    assert "could not be read" in done.out or "not in the input" in done.out


def test_what_was_read_and_is_not_there_is_still_refused(ask):
    for end in ("shop/nobody", "pod:shop/nobody", "svc:shop/nobody"):
        done = ask("query", "--from", "shop/web-1", "--to", end, fault=TOOLS_CLOSED)
        assert done.code == 2
        assert "names no loaded" in done.err


def test_public_addresses_are_answered_without_the_pods_of_others(ask):
    done = ask("query", "--from", "shop/web-1", "--to", "8.8.8.8", "--port", "53", fault=TOOLS_CLOSED)
    assert done.json["verdict"] == "allowed"


def test_a_workload_whose_owner_was_not_read_is_unknown(ask):
    def fault(request, times):
        return status(403, "Forbidden", "no") if request.path.endswith("replicasets") else None

    answer = small().add("apps/v1", "replicasets", "ReplicaSet", [{"metadata": meta("web-1", "shop")}]).answer
    done = ask("query", "--from", "shop/deployment/web", "--to", "shop/db-1", answer=answer, fault=fault)
    assert done.code == 4
    assert "replicasets.apps of namespace `shop`" in done.json["reasons"][0]["message"]
    assert ask("query", "--from", "shop/pod/web", "--to", "shop/db-1", answer=answer, fault=fault).code == 2


@pytest.mark.parametrize("arguments", [("exposure", "--workload", "tools/scan"), ("list", "--focus", "tools/scan-1")])
def test_a_focus_that_could_not_be_read_is_incomplete_and_no_mistake(ask, arguments):
    assert ask(*arguments, fault=TOOLS_CLOSED).code == 4
    assert ask(arguments[0], arguments[1], "shop/nobody", fault=TOOLS_CLOSED).code == 2


def test_a_namespace_that_may_not_be_listed_is_no_mistake(ask):
    done = ask("list", "-n", "tools", fault=only("shop/pods"))
    assert done.code == 3  # of the whole cluster nothing was read
    assert "no object of `cluster:` could be read: the user may not list them" in done.err
    assert "netcheck rbac" in done.err
    assert "pods of namespaces other than" in done.err or "pods could not be read" in done.err


@pytest.mark.parametrize("fault", [TOOLS_CLOSED, ELSEWHERE_CLOSED], ids=["one namespace", "all others"])
def test_intents_do_not_hold_for_pods_that_could_not_be_read(ask, tmp_path, monkeypatch, fault):
    monkeypatch.chdir(tmp_path)
    text = """
        apiVersion: netcheck/v1
        kind: Intents
        intents:
        - {name: closed, deny: {from: {namespace: tools}, to: shop/db-1}}
        - {name: closed-to-all-others, only: {from: {namespace: shop}, to: shop/db-1}}
        - {name: open, allow: {from: shop/web-1, to: shop/db-1, ports: [80]}}
    """
    (tmp_path / "intents.yaml").write_text(text)
    done = ask("verify", "--intents", "intents.yaml", fault=fault)
    assert done.code == 4
    found = {item["name"]: item["outcome"] for item in done.json["intents"]}
    assert found == {"closed": "unknown", "closed-to-all-others": "unknown", "open": "holds"}


def test_lint_does_not_call_pods_absent_that_could_not_be_read(ask):
    documents = small().add(
        "v1", "services", "Service", [service("tools", "gone", "gone"), service("shop", "gone", "gone")]
    )
    rules = [policy("tools", "gone", "gone", "gone"), policy("shop", "gone", "gone", "gone")]
    documents.add("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", rules)
    fault = only(
        "v1/namespaces", "/nodes", "shop/pods", "/services", "/networkpolicies", "routes", "ciliumnetworkpolicies"
    )
    told = {
        (item["rule"], item["object"]) for item in ask("lint", answer=documents.answer, fault=fault).json["findings"]
    }
    assert {("NC107", "NetworkPolicy shop/gone"), ("NC201", "Service shop/gone")} <= told
    assert not [item for item in told if "tools/gone" in item[1]]
