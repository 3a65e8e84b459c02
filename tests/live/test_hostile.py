"""What servers, load balancers and proxies do to answers: the result is whole, or says what is missing; nothing hangs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from netcheck.errors import InputError
from netcheck.load.live_fetch import Limits
from tests.live.clusters import meta, node, pod, policy, service, small
from tests.live.conftest import CLEAN, SHORT, held, read
from tests.live.server import Reply, status
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture

HURRY = Limits(request=0.3, total=20, tries=2, pause=0.001, longest_pause=0.01, page=2, threads=4)
PAGE = """<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1>nginx</body></html>"""


def at(end, reply, times=1 << 30):
    """Return a fault: what ends so is answered with a reply (or what it makes of the request), so many times."""

    def fault(request, seen):
        if not request.path.endswith(end) or seen >= times:
            return None
        return reply(request) if callable(reply) else reply

    return fault


def missing(found):
    return sorted({item.plural for item in found.unread})


def test_plain(serve):
    assert not read(serve(CLEAN.answer)[1]).unread


# ---- forms in which answers come ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_answers_in_chunks(serve, size, zipped):
    def chunked(request, times):
        reply = CLEAN.answer(request)
        reply.chunked, reply.zipped = size, zipped
        return reply

    found = read(serve(CLEAN.answer, chunked)[1], replace(SHORT, request=5))
    assert held(found) == held(read(serve(CLEAN.answer)[1]))


def test_compressed_answers_that_come_byte_by_byte(serve):
    def slow(request):
        reply = CLEAN.answer(request)
        reply.drip, reply.zipped = 0.0005, True
        return reply

    found = read(serve(CLEAN.answer, at("/v1/pods", slow))[1], replace(SHORT, request=5))
    assert not found.unread
    assert len(held(found)["v1 pods"]) == 5


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"\x1f\x8b\x08\x00garbage" * 9, zipped=None, headers={"Content-Encoding": "gzip"}),
        Reply(200, PAGE, headers={"Content-Type": "text/html"}),
        Reply(502, PAGE, headers={"Content-Type": "text/html"}),
        Reply(504, ""),
        Reply(200, '{"kind":"PodList","apiVersion":"v1","items":[{}', chunked=10, cut=30),
        Reply(200, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no"}),
        Reply(200, {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": []}),
        Reply(200, {"kind": "PodList", "apiVersion": "v1", "items": {}}),
        Reply(200, {"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": 5}, "items": []}),
        Reply(302, "", headers={"Location": "https://login.example/"}),
        Reply(418, "short and stout"),
        status(504, "Timeout", "request did not complete within the allotted timeout"),
    ],
    ids=str,
)
def test_what_is_no_list_is_told_and_costs_no_other(serve, reply):
    found = read(serve(CLEAN.answer, at("/v1/pods", reply))[1], HURRY)
    assert missing(found) == ["pods"]
    assert {key: len(items) for key, items in held(found).items() if "pods" not in key} == {
        key: len(items) for key, items in held(read(serve(CLEAN.answer)[1])).items() if "pods" not in key
    }
    assert "<" not in found.unread[0].message


def test_one_byte_a_second_is_left_after_the_time_for_an_answer_and_for_everything(serve):
    drip = Reply(200, " " * 400 + "{}", drip=0.2)
    for limits in (replace(HURRY, request=0.5), replace(HURRY, request=60, total=0.6)):
        started = time.monotonic()
        found = read(serve(CLEAN.answer, at("/v1/pods", drip))[1], limits)
        assert time.monotonic() - started < 4
        assert missing(found) == ["pods"]
        assert "time" in found.unread[0].message or "long" in found.unread[0].message


def test_an_answer_without_end_is_left(serve, monkeypatch):
    monkeypatch.setattr("netcheck.load.cluster_api.MOST_BYTES", 100_000)
    found = read(serve(CLEAN.answer, at("/v1/pods", Reply(200, " " * 1_000_000)))[1], HURRY)
    assert missing(found) == ["pods"]
    assert "larger than" in found.unread[0].message


# ---- lists -------------------------------------------------------------------------------------------------------------


def test_items_that_are_null_are_none(serve):
    def null(request):
        reply = CLEAN.answer(request)
        reply.body["items"] = None
        return reply

    found = read(serve(CLEAN.answer, at(("/v1/pods", "/services"), null))[1])
    assert not found.unread
    assert "v1 pods" not in held(found)


def test_an_object_that_comes_on_two_pages_is_one(ask):
    def twice(request):
        reply = CLEAN.answer(request)
        first = CLEAN.resources["", "v1", "pods"][2][0]
        if request.query.get("continue"):
            reply.body["items"] = [first, *reply.body["items"]]
        return reply

    done = ask("list", fault=at("/v1/pods", twice))
    assert done.code == 0, done.out
    assert done.json["connections"] == ask("list").json["connections"]
    assert not done.json["problems"]


def test_an_object_that_changed_between_pages_is_as_it_came_last(ask):
    def changed(request):
        reply = CLEAN.answer(request)
        if request.query.get("continue"):
            reply.body["items"] = [*reply.body["items"], pod("shop", "db-1", "10.0.0.99", "web")]
        return reply

    done = ask("query", "--from", "shop/web-1", "--to", "10.0.0.99", "--port", "80", fault=at("/v1/pods", changed))
    assert done.json["pairs"][0]["destination"] == "shop/db-1[Pod]"
    assert [item["message"] for item in done.json["problems"]] == [
        "the server sent it twice, changed between: the last one counts"
    ]


def test_a_large_object(serve):
    large = pod("shop", "large", "10.0.0.50", "web", annotations={"note": "x" * 3_000_000})
    documents = small().add("v1", "pods", "Pod", [large])
    found = read(serve(documents.answer)[1], replace(SHORT, request=10))
    assert len(held(found)["v1 pods"][0]) > 3_000_000


# ---- discovery ---------------------------------------------------------------------------------------------------------


def with_calico():
    mine = policy("shop", "mine", "a", "b")
    return small().add("projectcalico.org/v3", "networkpolicies", "NetworkPolicy", [mine])


def test_an_aggregated_api_that_is_down_costs_only_itself(serve):
    documents = small().add("metrics.k8s.io/v1beta1", "pods", "PodMetrics", [])
    down = Reply(503, "service unavailable\n", headers={"Content-Type": "text/plain"})

    def fault(request, times):
        return down if "metrics.k8s.io" in request.path else None

    server, config = serve(documents.answer, fault)
    assert not read(config).unread
    assert not [request for request in server.requests if "metrics.k8s.io" in request.path]


def test_an_api_of_policies_that_is_down_leaves_open_what_they_may_say(ask):
    def fault(request, times):
        return Reply(503, "down") if request.path.startswith("/apis/projectcalico.org") else None

    done = ask("query", "--from", "shop/web-1", "--to", "shop/db-1", answer=with_calico().answer, fault=fault)
    assert done.code == 4
    assert done.json["verdict"] == "unknown"
    assert "networkpolicies.projectcalico.org" in done.out


def test_tiered_rights_of_calico_leave_open_what_its_policies_may_say(ask):
    def fault(request, times):
        text = 'User "reader" cannot list resource "tiers" in API group "projectcalico.org"'
        denied = "projectcalico.org" in request.path and request.path.endswith("networkpolicies")
        return status(403, "Forbidden", text) if denied else None

    done = ask("query", "--from", "shop/web-1", "--to", "shop/db-1", answer=with_calico().answer, fault=fault)
    assert (done.code, done.json["verdict"]) == (4, "unknown")


def test_discovery_is_asked_in_the_form_that_every_server_has(serve):
    """A server that has aggregated discovery answers it only to those who ask for it."""

    def aggregated(request, times):
        if "apidiscovery" in request.headers["accept"] and request.path in ("/api", "/apis"):
            return Reply(200, {"kind": "APIGroupDiscoveryList", "items": []})
        return None

    assert not read(serve(CLEAN.answer, aggregated)[1]).unread


def test_groups_without_versions_and_kinds_without_verbs_are_passed_over(serve):
    def odd(request):
        reply = CLEAN.answer(request)
        reply.body["groups"] += [{"name": "cilium.io"}, {}, {"name": "x", "versions": None, "preferredVersion": None}]
        return reply

    found = read(serve(CLEAN.answer, at("/apis", odd))[1])
    assert held(found) == held(read(serve(CLEAN.answer)[1]))


@pytest.mark.parametrize("body", [{"kind": "APIGroupList"}, {"groups": None}, [], "null", {"groups": [5]}], ids=str)
def test_discovery_that_says_nothing_useful_does_no_harm(serve, body):
    config = serve(CLEAN.answer, at("/apis", Reply(200, body)))[1]
    try:
        found = read(config)
    except InputError as error:
        assert "API groups" in str(error)  # noqa: PT017 - either will do
    else:
        assert len(held(found)["v1 pods"]) == 5


# ---- priority and fairness ---------------------------------------------------------------------------------------------


def test_a_server_that_is_busy_is_waited_for(serve):
    waited = []

    def busy(request, times):
        return status(429, "TooManyRequests", "too many requests, please try again later") if times < 3 else None

    _, config = serve(CLEAN.answer, busy)
    found = read(config, replace(SHORT, tries=5), sleep=waited.append)
    assert not found.unread
    assert waited


def test_a_server_that_stays_busy_is_told(serve):
    found = read(serve(CLEAN.answer, at("/v1/pods", Reply(429, {}, headers={"Retry-After": "1"})))[1])
    assert missing(found) == ["pods"]
    assert not found.unread[0].denied


def test_an_interrupt_waits_for_no_answer(serve):
    server, config = serve(CLEAN.answer, at("/v1/pods", Reply(200, "{}", wait=60)))
    program = "from netcheck.cli.main import run; run()"
    command = [sys.executable, "-c", program, "list", "cluster:", "--kubeconfig", config]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not any(request.path.endswith("/v1/pods") for request in server.requests):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=20)
    assert (child.returncode, told.strip()) == (130, "netcheck: interrupted")


# ---- clusters as they are ----------------------------------------------------------------------------------------------


def owned(item, kind, name, api="apps/v1"):
    item["metadata"]["ownerReferences"] = [
        {"apiVersion": api, "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}
    ]
    return item


def workload(kind, name, **spec):
    inner = {"containers": [{"name": "c", "image": "i"}], **({"restartPolicy": "Never"} if kind == "Job" else {})}
    template = {"metadata": {"labels": {"app": name}}, "spec": inner}
    selector = {} if kind == "Job" else {"selector": {"matchLabels": {"app": name}}}
    found = {**selector, "template": template, **spec}
    return {"metadata": meta(name, "shop"), "spec": found}


def ending(item):
    item["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    item["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    return item


def lively():
    """A rollout with two ReplicaSets, a pod that ends, a finished Job, a host-network pod, dual stack."""
    old, new = (owned(workload("ReplicaSet", f"web-{tag}"), "Deployment", "web") for tag in ("old", "new"))
    job = owned(pod("shop", "job-1", "10.0.0.6", "job"), "Job", "job", "batch/v1")
    job["status"] = {
        "phase": "Succeeded",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
    }  # its address is web's now
    host = pod("shop", "host-1", "172.18.0.2", "host")
    host["spec"]["hostNetwork"] = True
    dual = pod("shop", "dual", "10.0.0.8", "db")
    dual["status"]["podIPs"] = [{"ip": "10.0.0.8"}, {"ip": "fd00::8"}]
    pods = [
        owned(pod("shop", "web-old-1", "10.0.0.1", "web"), "ReplicaSet", "web-old"),
        owned(pod("shop", "web-new-1", "10.0.0.2", "web"), "ReplicaSet", "web-new"),
        owned(ending(pod("shop", "web-old-2", "10.0.0.4", "web")), "ReplicaSet", "web-old"),
        job, host, dual,
    ]  # fmt: skip
    return (
        small()
        .add("v1", "pods", "Pod", pods)
        .add("v1", "services", "Service", [service("shop", "web", "web")])
        .add("apps/v1", "replicasets", "ReplicaSet", [old, new])
        .add("apps/v1", "deployments", "Deployment", [workload("Deployment", "web")])
        .add("batch/v1", "jobs", "Job", [workload("Job", "job")])
        .add("v1", "nodes", "Node", [node("n1", "172.18.0.2")], namespaced=False)
    )


def test_pods_of_a_rollout_are_one_workload_and_finished_ones_are_none(ask):
    done = ask("list", answer=lively().answer)
    found = {item["id"]: item.get("pods") for item in done.json["endpoints"] if item["type"] == "workload"}
    assert found["shop/web[Deployment]"] == 3
    assert not [name for name in found if name.startswith(("shop/web-", "shop/job"))]
    assert done.code == 0


def test_an_address_that_a_finished_pod_had_is_that_of_the_running_one(ask):
    done = ask("query", "--from", "shop/web-new-1", "--to", "10.0.0.1", "--port", "80", answer=lively().answer)
    assert [row["destination"] for row in done.json["pairs"]] == ["shop/web-old-1[Pod]"] or (
        done.json["pairs"][0]["destination"].startswith("shop/web")
    )


def test_both_addresses_of_a_pod_are_it(ask):
    for text in ("10.0.0.8", "fd00::8"):
        done = ask("query", "--from", "shop/web-new-1", "--to", text, "--port", "80", answer=lively().answer)
        assert done.json["pairs"][0]["destination"].startswith("shop/dual")


def test_a_snapshot_of_it_says_the_same(ask, netcheck, serve, tmp_path):
    live = ask("list", answer=lively().answer).json
    _, config = serve(lively().answer)
    assert netcheck("snapshot", "cluster:", "-o", "x.json.gz", "--kubeconfig", config).code == 0
    kept = netcheck("list", "x.json.gz", "-o", "json").json
    assert (kept["connections"], kept["endpoints"]) == (live["connections"], live["endpoints"])
    assert json.dumps(kept["problems"]) == json.dumps(live["problems"])
