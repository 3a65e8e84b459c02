"""Reading a cluster over HTTP: whole lists, whatever the server does; or a record of what is missing (LIVE-1 to LIVE-11)."""

from __future__ import annotations

import ast
import itertools
import json
import random
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

import netcheck as netcheck_package
from netcheck.errors import InputError, UsageError
from netcheck.load.cluster_api import Access, connect
from netcheck.load.documents import Note, RawObject
from netcheck.load.live_fetch import Fetcher, Limits, Unreadable
from netcheck.load.snapshot import document
from tests.live.clusters import pod, policy, small
from tests.live.conftest import SHORT, held, read
from tests.live.server import Reply, Server, kubeconfig, status

CLEAN = small()


def test_a_cluster_is_read_whole_in_pages(serve):
    server, config = serve(CLEAN.answer)
    found = read(config)
    assert not found.unread
    assert found.version == "v1.36.2"
    assert {key: len(items) for key, items in held(found).items()} == {
        "v1 namespaces": 2,
        "v1 nodes": 1,
        "v1 pods": 5,
        "v1 services": 2,
        "networking.k8s.io/v1 networkpolicies": 3,
    }
    assert sum(request.path == "/api/v1/pods" for request in server.requests) == 3


def test_reading_sends_get_only_and_never_asks_for_secrets(serve):
    server, config = serve(CLEAN.answer)
    read(config)
    assert {request.method for request in server.requests} == {"GET"}
    assert not [request.path for request in server.requests if "secrets" in request.path or "watch" in request.query]
    assert not [request for request in server.requests if "resourceVersion" in request.query]  # LIVE-4


def test_the_result_does_not_depend_on_the_order_of_answers(serve):
    plain = read(serve(CLEAN.answer)[1])
    for seed in range(5):
        chance = random.Random(seed)

        def late(request, times, chance=chance):
            reply = CLEAN.answer(request)
            reply.wait = chance.random() * 0.03
            return reply

        found = read(serve(CLEAN.answer, late)[1])
        assert held(found) == held(plain)
        assert list(held(found)) == list(held(plain))


def calls():
    """Return every call of a clean reading, as the server sees it."""
    with Server(CLEAN.answer) as server, tempfile.TemporaryDirectory() as folder:
        read(kubeconfig(Path(folder), {"prod": server.url}))
    return sorted({(item.path, item.query.get("continue", "")) for item in server.requests})


CALLS = calls()


def at(call, reply, times):
    """Return a fault that meets one call with a reply, so many times."""

    def fault(request, seen):
        hit = (request.path, request.query.get("continue", "")) == call
        return reply if hit and seen < times else None

    return fault


def broken(text):
    return Reply(200, text)


PASSING = {
    "429": status(429, "TooManyRequests", "slow down"),
    "429 with Retry-After": Reply(429, {}, headers={"Retry-After": "7"}),
    "500": status(500, "InternalError", "etcd has no leader"),
    "503 that is no JSON": Reply(503, "upstream connect error"),
    "cut off": Reply(200, "{" + "x" * 500, cut=40),
    "cut off and compressed": Reply(200, '{"items": [' + ",".join(map(str, range(2000))), cut=900),
    "no JSON": broken("<html>proxy</html>"),
    "half JSON": broken('{"kind":"PodList","apiVersion":"v1","items":[{"metadata":'),
    "another kind of JSON": broken("[1]"),
    "nothing": broken(""),
    "410": status(410, "Expired", "too old", **{"continue": "abc"}),
}


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_passes_costs_nothing_at_any_call(serve, trouble):
    plain = held(read(serve(CLEAN.answer)[1]))
    for call in CALLS:
        if trouble in ("410", "another kind of JSON") and not is_list(call):
            continue
        found = read(serve(CLEAN.answer, at(call, PASSING[trouble], 1))[1])
        assert held(found) == plain, call
        assert not found.unread, call


def is_list(call):
    return call[0].rpartition("/")[2] in {"namespaces", "nodes", "pods", "services", "networkpolicies", "httproutes",
                                          "ciliumnetworkpolicies"}  # fmt: skip


LASTING = {
    "403": status(403, "Forbidden", "no"),
    "404": status(404, "NotFound", "no"),
    "500": status(500, "InternalError", "etcd has no leader"),
    "cut off": Reply(200, "{" + "x" * 500, cut=40),
    "no JSON": broken("<html>proxy</html>"),
    "slow": Reply(200, "{}", wait=1.0),
    "drip": Reply(200, " " * 400 + "{}", drip=0.05),
}


@pytest.mark.parametrize("trouble", LASTING)
def test_trouble_that_lasts_is_told_at_any_call_and_all_else_is_read(serve, trouble):
    plain = held(read(serve(CLEAN.answer)[1]))
    limits = Limits(request=0.15, total=20, tries=2, pause=0.001, longest_pause=0.01, page=2, threads=4)
    for call in CALLS:
        path = call[0]
        fault = at(call, LASTING[trouble], 1 << 30)
        started = time.monotonic()
        try:
            found = read(serve(CLEAN.answer, fault)[1], limits)
        except InputError:
            assert path in ("/version", "/apis", "/api"), (trouble, call)
            continue
        assert time.monotonic() - started < 10
        plural = path.rpartition("/")[2]
        if not is_list(call):  # without discovery the lists are tried all the same
            assert held(found) == plain, call
            continue
        got = held(found)
        missing = {key for key in plain if got.get(key) != plain[key]}
        assert missing <= {key for key in plain if key.endswith(f" {plural}")}, call
        assert not missing or {item.plural for item in found.unread} == {plural}, call
        if trouble != "403":  # which is made good for, namespace by namespace
            assert {item.plural for item in found.unread} == {plural}, call


def test_pages_that_expire_are_asked_for_again_and_then_in_one_piece(serve):
    def gone(request, times):
        return status(410, "Expired", "too old", **{"continue": "x"}) if request.query.get("continue") else None

    server, config = serve(CLEAN.answer, gone)
    assert len(held(read(config))["v1 pods"]) == 5
    asked = [request.query for request in server.requests if request.path == "/api/v1/pods"]
    assert [("limit" in query, "continue" in query) for query in asked] == [(True, False), (True, True)] * 2 + [
        (False, False)
    ]


def test_a_server_that_sends_one_page_for_ever_is_left(serve):
    def endless(request, times):
        if request.path != "/api/v1/pods":
            return None
        reply = CLEAN.answer(request)
        reply.body["metadata"]["continue"] = "MQ=="
        return reply

    found = read(serve(CLEAN.answer, endless)[1])
    assert [(item.plural, "again and again" in item.message) for item in found.unread] == [("pods", True)]


def test_a_pause_is_as_long_as_the_server_asks_for_and_no_longer_than_the_limit(serve):
    def busy(request, times):
        return Reply(429, {}, headers={"Retry-After": "7" if times else "9999"}) if times < 2 else None

    slept = []
    _, config = serve(CLEAN.answer, busy)
    limits = Limits(request=1, total=1000, tries=3, pause=0.5, longest_pause=30)
    Fetcher(connect(Access(kubeconfig=config), ""), limits, slept.append).json("/version")
    assert slept == [30, 7]


def test_pauses_grow(serve):
    slept = []
    _, config = serve(CLEAN.answer, lambda request, times: Reply(500, {}))
    limits = Limits(request=1, total=1000, tries=5, pause=1.0, longest_pause=30)
    with pytest.raises(Unreadable):
        Fetcher(connect(Access(kubeconfig=config), ""), limits, slept.append).json("/version")
    assert [round(second / first) in (1, 2, 3) for first, second in itertools.pairwise(slept)] == [True] * 3
    assert 6 <= slept[-1] <= 10


def test_the_time_for_everything_is_limited(serve):
    slow = Limits(request=5, total=0.5, tries=5, pause=0.01, longest_pause=0.01, page=2)
    _, config = serve(CLEAN.answer, lambda r, t: Reply(200, "{}", wait=0.2) if r.path.endswith("pods") else None)
    started = time.monotonic()
    found = read(config, slow)
    assert time.monotonic() - started < 5
    assert [item.plural for item in found.unread] == ["pods"]


def test_the_time_for_an_answer_is_the_users(serve, netcheck):
    _, config = serve(CLEAN.answer, lambda request, times: Reply(200, "{}", wait=0.6))
    started = time.monotonic()
    done = netcheck("list", "cluster:", "--kubeconfig", config, "--request-timeout", "0.1")
    assert done.code == 3
    assert "no answer within the time limit" in done.err
    assert time.monotonic() - started < 5


# ---- partial rights ----------------------------------------------------------------------------------------------


def only(*allowed):
    """Return a fault that forbids every list that does not end in one of these."""

    def fault(request, times):
        if request.path.count("/") > 2 and is_list((request.path, "")) and not request.path.endswith(allowed):
            return status(403, "Forbidden", "no")
        return None

    return fault


def test_what_is_forbidden_for_the_cluster_is_read_by_namespace(serve):
    _, config = serve(CLEAN.answer, only("/v1/namespaces", "shop/pods", "/v1/services", "/networkpolicies"))
    found = read(config)
    assert len(held(found)["v1 pods"]) == 3
    assert [(i.plural, i.namespace) for i in found.unread if i.plural == "pods"] == [("pods", "tools")]
    assert {i.plural for i in found.unread} == {"pods", "nodes", "ciliumnetworkpolicies", "httproutes"}
    assert all(i.denied for i in found.unread)


def test_without_the_list_of_namespaces_those_that_are_named_are_read(serve):
    _, config = serve(CLEAN.answer, only("tools/pods", "shop/pods"))
    of_context = read(config)  # the context's namespace is shop
    assert len(held(of_context)["v1 pods"]) == 3
    assert [(i.namespace, i.besides) for i in of_context.unread if i.plural == "pods"] == [(None, ("shop",))]
    named = read(config, namespaces=("tools",))
    assert len(held(named)["v1 pods"]) == 2
    assert [(i.namespace, i.besides) for i in named.unread if i.plural == "pods"] == [(None, ("tools",))]


# ---- discovery ---------------------------------------------------------------------------------------------------


def test_without_discovery_every_resource_is_tried(serve):
    def closed(request, times):
        parts = request.path.strip("/").split("/")
        hidden = parts in (["apis"], ["api"]) or (len(parts) == 2 + (parts[0] == "apis"))
        return status(403, "Forbidden", "no") if hidden else None

    found = read(serve(CLEAN.answer, closed)[1])
    assert held(found) == held(read(serve(CLEAN.answer)[1]))
    assert not found.unread


def test_the_version_that_is_understood_best_is_read(serve):
    documents = small().add("security.istio.io/v1beta1", "authorizationpolicies", "AuthorizationPolicy", [])
    documents.add("security.istio.io/v1", "authorizationpolicies", "AuthorizationPolicy", [])
    server, config = serve(documents.answer)
    read(config)
    asked = [r.path for r in server.requests if r.path.endswith("authorizationpolicies")]
    assert asked == ["/apis/security.istio.io/v1/authorizationpolicies"]


def test_calico_policies_are_read_once_and_without_their_copies_of_others(serve):
    mine, copy = policy("shop", "mine", "a", "b"), policy("shop", "knp.default.db", "a", "b")
    documents = small().add("crd.projectcalico.org/v1", "networkpolicies", "NetworkPolicy", [mine])
    documents.add("projectcalico.org/v3", "networkpolicies", "NetworkPolicy", [mine, copy])
    found = held(read(serve(documents.answer)[1]))
    assert len(found["projectcalico.org/v3 networkpolicies"]) == 1
    assert "crd.projectcalico.org/v1 networkpolicies" not in found


def test_calico_policies_are_read_where_they_are_stored_if_their_api_fails(serve):
    mine = policy("shop", "default.mine", "a", "b")
    documents = small().add("crd.projectcalico.org/v1", "networkpolicies", "NetworkPolicy", [mine])
    documents.add("projectcalico.org/v3", "networkpolicies", "NetworkPolicy", [mine])

    def down(request, times):
        return Reply(503, "no") if request.path.startswith("/apis/projectcalico.org/") else None

    found = read(serve(documents.answer, down)[1])
    assert len(held(found)["crd.projectcalico.org/v1 networkpolicies"]) == 1
    assert not found.unread


# ---- getting there -----------------------------------------------------------------------------------------------


def test_a_user_whom_the_server_does_not_know_is_told(serve):
    _, config = serve(CLEAN.answer, lambda request, times: status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(InputError, match="does not know the user"):
        read(config)


def test_a_server_that_is_not_there_is_told(serve):
    server, config = serve(CLEAN.answer)
    server.close()
    with pytest.raises(InputError, match="cannot be read"):
        read(config, SHORT)


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("http://127.0.0.1:9", "connection refused"),
        ("http://nowhere.invalid:80", "the name cannot be resolved"),
        ("https://{}", "wrong version number"),
    ],
)
def test_why_a_server_does_not_answer_is_told_plainly(serve, tmp_path, server, told):
    plain, _ = serve(CLEAN.answer)
    config = kubeconfig(tmp_path, {"prod": server.format(plain.url.removeprefix("http://"))})
    with pytest.raises(InputError, match=f": {told}$"):
        read(config)


def test_a_context_that_is_not_there_is_told(serve):
    _, config = serve(CLEAN.answer)
    with pytest.raises(UsageError, match=r"no context `nope`(?s:.)*it has `prod`"):
        connect(Access(kubeconfig=config), "nope")


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InputError, match="no kubeconfig"):
        connect(Access(kubeconfig=str(tmp_path / "none")), "")


@pytest.mark.parametrize("text", ["{", "[]", "a: b", "contexts: 5", "current-context: x\ncontexts: [{}]", "\0"])
def test_a_kubeconfig_that_is_none_is_told(tmp_path, monkeypatch, text):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "config").write_text(text)
    with pytest.raises((InputError, UsageError), match="kubeconfig"):
        connect(Access(kubeconfig=str(tmp_path / "config")), "")


def test_who_reads_is_told_to_the_server(serve):
    server, config = serve(CLEAN.answer, token="s3cret")
    connection = connect(Access(kubeconfig=config, user="jane", groups=("dev", "ops")), "prod")
    connection.get("/version", {}, 5)
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["impersonate-user"] == "jane"
    assert "dev" in headers["impersonate-group"] or "ops" in headers["impersonate-group"]


def test_a_token_of_an_exec_plugin_is_sent(serve, tmp_path):
    server, config = serve(CLEAN.answer)
    token = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(token)}'\n")
    plugin.chmod(0o755)
    settings = json.loads(Path(config).read_text())
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    settings["users"][0]["user"] = {"exec": run}
    Path(config).write_text(json.dumps(settings))
    assert not read(config).unread
    assert {request.user for request in server.requests} == {"from-plugin"}


def test_a_pod_without_a_usable_service_account_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(InputError, match="service account of this pod"):
        connect(Access(), "")


# ---- size and oddities -------------------------------------------------------------------------------------------


def test_a_large_list_comes_whole_and_in_order(serve):
    pods = [pod(f"ns-{n % 7}", f"p-{n:05}", f"10.1.{n // 250}.{n % 250}", "a") for n in range(3000)]
    documents = small().add("v1", "pods", "Pod", pods)
    server, config = serve(documents.answer)
    found = held(read(config, replace(SHORT, page=None, request=10)))["v1 pods"]
    names = [json.loads(item)["metadata"]["name"] for item in found]
    assert len(names) == 3000
    assert names == [item["metadata"]["name"] for item in documents.resources["", "v1", "pods"][2]]
    asked = [request.query.get("limit") for request in server.requests if request.path == "/api/v1/pods"]
    assert asked == ["500"] * 6


def test_odd_bytes_in_one_object_do_not_cost_the_others(serve):
    def odd(request, times):
        if request.path != "/api/v1/services":
            return None
        bad = b'{"metadata":{"name":"bad","namespace":"shop","labels":{"a":"\xff\xfe"}},"spec":{"ports":[{"port":80}],"x":1e999}}'
        good = json.dumps(CLEAN.resources["", "v1", "services"][2][0]).encode()
        return Reply(200, b'{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[%s,%s,7]}' % (bad, good))

    _, config = serve(CLEAN.answer, odd)
    found = read(config)
    assert len(held(found)["v1 services"]) == 3
    outcomes = list(found.outcomes("default"))
    assert any(isinstance(item, Note) and "not UTF-8" in item.problem.message for item in outcomes)
    services = {
        item.value["metadata"]["name"]
        for item in outcomes
        if getattr(item, "value", None) and isinstance(item, RawObject)
    }
    assert {"bad", "db"} <= services
    document(found)


# ---- read-only ---------------------------------------------------------------------------------------------------


def test_no_code_can_send_anything_but_get_and_the_question_for_rights():
    package = Path(netcheck_package.__file__).parent
    senders = {
        path.name
        for path in package.rglob("*.py")
        if re.search(r"^\s*(import|from) (urllib3|kubernetes|requests|http)\b", path.read_text(), re.MULTILINE)
    }
    assert senders == {"cluster_api.py"}
    tree = ast.parse((package / "load" / "cluster_api.py").read_text())
    words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert {word for word in words if re.fullmatch(r"[A-Z]{3,7}", word)} <= {"GET", "POST", "KUBECONFIG"}
    posts = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and node.value == "POST"
    ]
    assert posts == ["review"]
    users = {path.name for path in package.rglob("*.py") if re.search(r"\.review\(", path.read_text())}
    assert users == {"rights.py"}
