"""`netcheck rbac`: the smallest role, and what a user lacks of it (LIVE-2)."""

from __future__ import annotations

import yaml

from netcheck.load.live_kinds import RESOURCES
from tests.live.clusters import small
from tests.live.conftest import read
from tests.live.server import Reply, status
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture

ANSWER = small().answer


def reviewing(allowed, answer=ANSWER):
    """Return a server that knows what one may list, and tells it."""

    def reply(request):
        if request.method == "POST":
            assert request.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            asked = request.body["spec"]["resourceAttributes"]
            assert (asked["verb"], "name" in asked) in (("list", False), ("get", True))
            if asked["verb"] == "get":
                assert asked["resource"] == "configmaps"
                return Reply(201, {"status": {"allowed": ("get", asked["namespace"], asked["name"]) in allowed}})
            return Reply(201, {"status": {"allowed": (asked["group"], asked["resource"]) in allowed}})
        parts = request.path.strip("/").split("/")
        group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
        if rest and (group, rest[-1]) not in allowed:
            return status(403, "Forbidden", "no")
        return answer(request)

    return reply


def of_role(text):
    role = yaml.safe_load(text)
    assert role["kind"] == "ClusterRole"
    named = [rule for rule in role["rules"] if "resourceNames" in rule]
    assert all(rule["verbs"] == ["get"] and rule["resources"] == ["configmaps"] for rule in named)
    listed = [rule for rule in role["rules"] if rule not in named]
    assert all(rule["verbs"] == ["list"] for rule in listed)
    return {(group, name) for rule in listed for group in rule["apiGroups"] for name in rule["resources"]}


def names_of_role(text):
    return [name for rule in yaml.safe_load(text)["rules"] for name in rule.get("resourceNames", ())]


def test_the_role_without_a_cluster_is_of_all_that_may_be_read(netcheck):
    done = netcheck("rbac")
    assert done.code == 0
    role = of_role(done.out)
    assert role == {(item.group, item.plural) for item in RESOURCES}
    assert not any(name in ("secrets", "configmaps", "*") for _, name in role)


def test_the_role_of_a_cluster_is_enough_and_nothing_in_it_is_too_much(serve, netcheck):
    everything = {(item.group, item.plural) for item in RESOURCES} | {("get", "kube-system", "cilium-config")}
    _, config = serve(reviewing(everything))
    done = netcheck("rbac", "cluster:", "--kubeconfig", config)
    assert done.code == 0
    assert "lacks none" in done.err
    assert names_of_role(done.out) == ["cilium-config"]  # the cluster has Cilium, and not the AWS VPC CNI
    role = of_role(done.out)
    assert not read(serve(reviewing(role))[1]).unread
    for right in role:
        assert read(serve(reviewing(role - {right}))[1]).unread, right


def test_rights_that_are_lacking_are_named(serve, netcheck):
    _, config = serve(reviewing({("", "pods"), ("", "namespaces"), ("", "nodes"), ("", "services")}))
    done = netcheck("rbac", "cluster:", "--kubeconfig", config)
    assert done.code == 1
    assert "the user lacks 4 rights" in done.err
    assert "  configmap kube-system/cilium-config (get)" in done.err
    assert "networkpolicies.networking.k8s.io" in done.err
    assert ("networking.k8s.io", "networkpolicies") in of_role(done.out)


def test_a_server_that_does_not_say_is_told(serve, netcheck):
    def dumb(request):
        return status(403, "Forbidden", "no") if request.method == "POST" else small().answer(request)

    done = netcheck("rbac", "cluster:", "--kubeconfig", serve(dumb)[1])
    assert done.code == 3
    assert "does not answer which rights" in done.err


def test_options_without_a_cluster_are_refused(netcheck):
    assert netcheck("rbac", "--context", "prod").code == 2
    assert netcheck("rbac", "./manifests").code == 2


def test_no_other_command_sends_anything_but_get(serve, netcheck):
    server, config = serve(small().answer)
    for command in (
        ["list"],
        ["lint"],
        ["exposure"],
        ["routes"],
        ["query", "--from", "shop/web-1", "--to", "shop/db-1"],
    ):
        netcheck(command[0], "cluster:", *command[1:], "--kubeconfig", config)
    netcheck("snapshot", "cluster:", "-o", "x.json.gz", "--kubeconfig", config)
    assert {request.method for request in server.requests} == {"GET"}
    assert len(server.requests) > 50
