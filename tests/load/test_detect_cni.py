"""`--cni auto`: the plugin that the objects show, and the evidence (CNI-1, CNI-2)."""

from __future__ import annotations

import json

import pytest

from netcheck.load.loader import LoadOptions, load_text
from netcheck.load.snapshot import reduced
from netcheck.model.profile import PROFILES, Switch

POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": "shop"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


def daemon(name, namespace="kube-system", **container):
    labels = {"app": name}
    spec = {"containers": [{"name": "c", "image": "i", **container}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def aws(*arguments):
    found = daemon("aws-node")
    found["spec"]["template"]["spec"]["containers"].append(
        {"name": "aws-eks-nodeagent", "image": "i", "args": list(arguments)}
    )
    return found


def node(reason="", **annotations):
    conditions = [{"type": "NetworkUnavailable", "status": "False", "reason": reason}]
    metadata = {"name": "n1", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"conditions": conditions}}


def crd(plural, group):
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": {"plural": plural, "kind": "X"}, "scope": "Cluster", "versions": []},
    }


def detected(*objects):
    seen = []

    def profile(found):
        seen.append(found)
        return PROFILES[found.profile]

    loaded = load_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [POLICY, *objects]}), "x.json",
                       LoadOptions(detected=profile))  # fmt: skip
    assert any(item.message == seen[0].message for item in loaded.assumptions)
    return seen[0]


@pytest.mark.parametrize(
    ("objects", "profile", "evidence"),
    [
        ([], "generic", "finds no network plugin"),
        ([daemon("calico-node")], "calico", "DaemonSet kube-system/calico-node"),
        ([daemon("canal")], "calico", "canal"),
        ([daemon("cilium")], "cilium", "cilium"),
        ([daemon("anetd")], "cilium", "anetd"),
        ([daemon("antrea-agent")], "antrea", "antrea-agent"),
        (
            [daemon("ovnkube-node", "openshift-ovn-kubernetes")],
            "ovn-kubernetes",
            "openshift-ovn-kubernetes/ovnkube-node",
        ),
        ([daemon("kindnet")], "kindnet", "kindnet"),
        ([daemon("kube-flannel-ds", "kube-flannel")], "flannel", "enforces no policy"),
        ([daemon("kube-router")], "generic", "kube-router"),
        ([daemon("weave-net")], "generic", "Weave Net"),
        ([node("CalicoIsUp")], "calico", "Node n1 reports CalicoIsUp"),
        ([node("FlannelIsUp")], "flannel", "Node n1 reports FlannelIsUp"),
        ([node("RouteCreated")], "generic", "cannot be told"),
        ([node(**{"projectcalico.org/IPv4Address": "10.0.0.1/24"})], "calico", "projectcalico.org/IPv4Address"),
        ([node(**{"k8s.ovn.org/node-subnets": "{}"})], "ovn-kubernetes", "k8s.ovn.org/node-subnets"),
        ([crd("ciliumnetworkpolicies", "cilium.io")], "cilium", "ciliumnetworkpolicies.cilium.io"),
        ([crd("tiers", "crd.antrea.io")], "antrea", "tiers.crd.antrea.io"),
    ],
)
def test_one_plugin(objects, profile, evidence):
    found = detected(*objects)
    assert found.profile == profile
    assert evidence in found.message
    open_ = Switch.UNKNOWN if "cannot be told" in evidence else None
    assert found.enforced is (Switch.NO if profile == "flannel" else open_)


@pytest.mark.parametrize(
    ("objects", "profile"),
    [
        ([daemon("kube-flannel-ds"), daemon("calico-node")], "calico"),  # Canal by parts
        ([daemon("aws-node"), daemon("calico-node")], "calico"),
        ([daemon("kube-flannel-ds"), daemon("kube-network-policies")], "generic"),
        ([daemon("calico-node"), daemon("cilium")], "generic"),  # both are told
        ([daemon("kindnet"), crd("x", "crd.projectcalico.org")], "kindnet"),  # left over
        ([daemon("cilium"), node("FlannelIsUp")], "cilium"),
    ],
)
def test_several_plugins(objects, profile):
    found = detected(*objects)
    assert found.profile == profile
    assert found.enforced is None


@pytest.mark.parametrize(
    ("objects", "enforced", "told"),
    [
        ([aws("--enable-network-policy=true")], None, "agent on"),
        ([aws("--enable-network-policy=false")], Switch.NO, "agent off"),
        ([aws()], Switch.UNKNOWN, "is not told"),
    ],
)
def test_the_aws_plugin_enforces_if_its_agent_is_on(objects, enforced, told):
    found = detected(*objects)
    assert (found.profile, found.enforced) == ("aws-vpc", enforced)
    assert told in found.message


def test_a_snapshot_keeps_the_evidence():
    for item in (aws("--enable-network-policy=false", "--token=x"), node("CiliumIsUp"), crd("x", "cilium.io")):
        kept = {"apiVersion": item["apiVersion"], "kind": item["kind"], **reduced(item, item["kind"])}
        assert detected(kept) == detected(item)


def test_verdicts_follow_the_plugin_that_is_found(netcheck, tmp_path):
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
        for name in ("a", "b")
    ]
    objects = [POLICY, *pods, daemon("kube-flannel-ds", "kube-flannel")]
    (tmp_path / "x.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    query = ["query", "x.json", "--from", "shop/a", "--to", "shop/b", "--port", "80"]
    assert netcheck(*query).code == 1
    done = netcheck(*query, "--cni", "auto")
    assert done.code == 0
    assert "`--cni auto` finds Flannel (DaemonSet kube-flannel/kube-flannel-ds)" in " ".join(done.out.split())
    assert netcheck(*query, "--cni", "auto", "--assume", "enforced=yes").code == 1
    assert "NC122" in netcheck("lint", "x.json", "--cni", "auto").out
