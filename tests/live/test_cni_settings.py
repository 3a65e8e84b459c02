"""How the network plugin of a cluster is set: ConfigMaps by name, operators' objects, and what follows of them (CNI-2, LIVE-3)."""

from __future__ import annotations

import gzip
import json

import pytest

from netcheck.load.admit import admit
from netcheck.load.detect_cni import detect
from netcheck.load.documents import RawObject
from netcheck.load.snapshot import reduced
from netcheck.model.profile import Switch
from tests.live.clusters import meta, node, service, small
from tests.live.conftest import held, read
from tests.live.server import Reply, status
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture

ASK = ("query", "--from", "shop/web-1", "--to", "shop/db-1", "--port", "80")
DENIED = ("query", "--from", "shop/db-1", "--to", "shop/web-1", "--port", "80")
CILIUM, AWS = ("/api/v1/namespaces/kube-system/configmaps/" + name for name in ("cilium-config", "amazon-vpc-cni"))


def config_map(path, **data):
    """Return a fault that serves one ConfigMap."""
    name = path.rpartition("/")[2]
    kept = {key.replace("_", "-"): value for key, value in data.items()}

    def fault(request, times):
        if request.path != path:
            return None
        value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, "kube-system"), "data": kept}
        return Reply(200, value)

    return fault


def told(done):
    return next(
        item["message"]
        for item in done.json["assumptions"]
        if item.get("option") == "--cni" and "auto" in item["message"]
    )


@pytest.mark.parametrize(
    "answer", [status(403, "Forbidden", "no"), status(404, "NotFound", "no"), Reply(500, "no")], ids=str
)
def test_a_config_map_that_cannot_be_read_is_no_error(serve, answer):
    server, config = serve(small().answer, lambda request, _: answer if "configmaps" in request.path else None)
    found = read(config)
    assert not found.unread
    assert {request.path for request in server.requests if "configmaps" in request.path} == {CILIUM}
    assert not [request for request in server.requests if "secrets" in request.path]


def test_config_maps_are_asked_for_only_where_their_plugin_may_be(serve):
    documents = small()
    del documents.resources["cilium.io", "v2", "ciliumnetworkpolicies"]
    server, config = serve(documents.answer)
    read(config)
    assert not [request for request in server.requests if "configmaps" in request.path]


def test_of_a_config_map_the_keys_that_count_are_kept(serve):
    fault = config_map(CILIUM, enable_policy="never", cluster_name="prod", etcd_config="hunter2")
    (item,) = held(read(serve(small().answer, fault)[1]))["v1 configmaps"]
    assert json.loads(item)["data"] == {"enable-policy": "never"}


def test_cilium_that_enforces_nothing_is_an_error_of_lint(ask):
    fault = config_map(CILIUM, enable_policy="never")
    done = ask("lint", "--cni", "auto", fault=fault)
    assert done.code == 1
    assert ("NC122", "error") in {(item["rule"], item["severity"]) for item in done.json["findings"]}
    assert "enable-policy=never in ConfigMap kube-system/cilium-config, which enforces no NetworkPolicy" in told(done)
    assert ask(*DENIED, "--cni", "auto", fault=fault).json["verdict"] == "allowed"
    assert ask(*DENIED, "--cni", "auto", "--assume", "enforced=yes", fault=fault).json["verdict"] == "denied"


def test_cilium_that_isolates_every_pod_leaves_open_what_no_policy_allows(ask):
    fault = config_map(CILIUM, enable_policy="always")
    other = ("query", "--from", "shop/web-1", "--to", "tools/scan-1", "--port", "80")
    assert ask(*other, "--cni", "auto").json["verdict"] == "allowed"
    assert ask(*other, "--cni", "auto", fault=fault).json["verdict"] == "unknown"
    assert ask(*other, "--cni", "cilium", fault=fault).json["verdict"] == "allowed"  # as the user says


@pytest.mark.parametrize(
    ("data", "switch"),
    [
        ({"policy_cidr_match_mode": "nodes"}, "cidrMatchesNodes"),
        ({"policy_cidr_match_mode": "pods,nodes"}, "cidrMatchesPods"),
    ],
)
def test_what_cilium_matches_by_address_is_as_it_is_set(serve, data, switch):
    captured = read(serve(small().answer, config_map(CILIUM, **data))[1])
    items = [admit(one, "default", {}) for one in captured.outcomes("default") if isinstance(one, RawObject)]
    found = detect([item for item in items if item is not None], captured.groups)
    assert dict(found.switches)[switch] is Switch.YES


def test_without_a_setting_that_is_said(ask):
    assert "of its settings, nothing is in the input" in told(ask(*ASK, "--cni", "auto"))


def aws(*arguments, **variables):
    labels = {"app": "aws-node"}
    env = [{"name": key, "value": value} for key, value in variables.items()]
    containers = [{"name": "c", "image": "i", "args": list(arguments), "env": env}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    plugin = {
        "metadata": meta("aws-node", "kube-system"),
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    documents = small().add("apps/v1", "daemonsets", "DaemonSet", [plugin])
    del documents.resources["cilium.io", "v2", "ciliumnetworkpolicies"]
    return documents.add("networking.k8s.aws/v1alpha1", "policyendpoints", "PolicyEndpoint", [])


@pytest.mark.parametrize(
    ("documents", "value", "verdict"),
    [
        (aws(), None, "unknown"),
        (aws(), "true", "denied"),
        (aws(), "false", "allowed"),
        (aws("--enable-network-policy=true"), "true", "denied"),
        (aws("--enable-network-policy=true"), "false", "unknown"),
        (aws("--enable-network-policy=false"), None, "allowed"),
        (aws(ENABLE_NETWORK_POLICY="true"), None, "denied"),
    ],
)
def test_the_aws_plugin_enforces_if_all_that_sets_it_says_so(ask, documents, value, verdict):
    fault = config_map(AWS, enable_network_policy_controller=value) if value else None
    done = ask(*DENIED, "--cni", "auto", answer=documents.answer, fault=fault)
    assert done.json["verdict"] == verdict
    assert "AWS VPC CNI" in told(done)


def cluster_scoped(api, plural, kind, name, **more):
    documents = small()
    del documents.resources["cilium.io", "v2", "ciliumnetworkpolicies"]
    return documents.add(api, plural, kind, [{"metadata": meta(name), **more}], namespaced=False)


@pytest.mark.parametrize(
    ("documents", "profile"),
    [
        (cluster_scoped("operator.tigera.io/v1", "installations", "Installation", "default",
                        spec={"cni": {"type": "AmazonVPC"}}), "calico"),
        (cluster_scoped("config.openshift.io/v1", "networks", "Network", "cluster",
                        status={"networkType": "OVNKubernetes"}), "ovn-kubernetes"),
    ],
)  # fmt: skip
def test_operators_say_which_plugin_they_run(ask, documents, profile):
    done = ask(*ASK, "--cni", "auto", answer=documents.answer)
    assert f"the `{profile}` profile counts" in told(done)


def test_a_network_type_that_nobody_knows_does_not_count_as_one_that_enforces(ask):
    documents = cluster_scoped(
        "config.openshift.io/v1", "networks", "Network", "cluster", status={"networkType": "Odd"}
    )
    assert ask(*DENIED, "--cni", "auto", answer=documents.answer).json["verdict"] == "unknown"


def k3s(**annotations):
    found = node("n1", "172.18.0.2")
    found["metadata"]["annotations"] = {"flannel.alpha.coreos.com/backend-type": "vxlan", **annotations}
    found["status"]["nodeInfo"] = {"kubeletVersion": "v1.33.1+k3s1"}
    documents = small().add("v1", "nodes", "Node", [found], namespaced=False)
    del documents.resources["cilium.io", "v2", "ciliumnetworkpolicies"]
    return documents


def test_k3s_enforces_policies_beside_flannel_unless_that_is_switched_off(ask):
    off = k3s(**{"k3s.io/node-args": '["server","--disable-network-policy","--token","hunter2"]'})
    assert ask(*DENIED, "--cni", "auto", answer=k3s().answer).json["verdict"] == "denied"
    assert ask(*DENIED, "--cni", "auto", answer=off.answer).json["verdict"] == "allowed"
    kept = reduced(off.resources["", "v1", "nodes"][2][0], "Node")
    assert kept["metadata"]["annotations"]["k3s.io/node-args"] == "--disable-network-policy"


def test_kindnet_enforces_policies_since_kind_0_24(ask):
    for build, verdict in (("v20240202-8f1494ea", "allowed"), ("v20250512-df8de77b", "denied")):
        documents = aws()
        plugin = documents.resources["apps", "v1", "daemonsets"][2][0]
        plugin["metadata"]["name"] = "kindnet"
        plugin["spec"]["template"]["spec"]["containers"][0]["image"] = f"docker.io/kindest/kindnetd:{build}"
        assert ask(*DENIED, "--cni", "auto", answer=documents.answer).json["verdict"] == verdict


@pytest.mark.parametrize("redact", [(), ("--redact",)], ids=["plain", "redacted"])
def test_a_snapshot_keeps_the_settings_and_nothing_else_of_them(serve, netcheck, tmp_path, redact):
    fault = config_map(CILIUM, enable_policy="never", etcd_config="hunter2")
    _, config = serve(small().answer, fault)
    assert netcheck("snapshot", "cluster:", "-o", "x.json.gz", "--kubeconfig", config, *redact).code == 0
    text = gzip.decompress((tmp_path / "x.json.gz").read_bytes()).decode()
    assert '"enable-policy":"never"' in text
    assert "hunter2" not in text
    done = netcheck("lint", "x.json.gz", "--cni", "auto", "-o", "json")
    assert "NC122" in {item["rule"] for item in done.json["findings"]}


def test_where_cluster_ips_lie_is_as_the_cluster_says(ask):
    """SVC-28: an ipBlock of addresses of Services has no effect (NC111)."""
    rule = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.96.0.0/16"}}]}]}
    documents = small().add(
        "networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", [{"metadata": meta("out", "shop"), "spec": rule}]
    )
    documents.add("v1", "services", "Service", [service("shop", "db", "db") | {"spec": {"ports": [{"port": 80}]}}])
    plain = ask("lint", answer=documents.answer).json["findings"]
    documents.add("networking.k8s.io/v1", "servicecidrs", "ServiceCIDR",
                  [{"metadata": meta("kubernetes"), "spec": {"cidrs": ["10.96.0.0/16"]}}], namespaced=False)  # fmt: skip
    told = ask("lint", answer=documents.answer).json["findings"]
    given = ask("lint", "--service-cidr", "10.96.0.0/16", answer=documents.answer).json["findings"]
    assert told == given
    assert {item["rule"] for item in told} - {item["rule"] for item in plain} == {"NC111"}


@pytest.mark.parametrize(
    ("kind", "plural", "api", "namespaced"),
    [
        ("FQDNNetworkPolicy", "fqdnnetworkpolicies", "networking.gke.io/v1alpha1", True),
        ("ApplicationNetworkPolicy", "applicationnetworkpolicies", "networking.k8s.aws/v1alpha1", True),
        ("ClusterNetworkPolicy", "clusternetworkpolicies", "networking.k8s.aws/v1alpha1", False),
    ],
)
def test_policies_of_clouds_leave_open_what_they_may_say(ask, kind, plural, api, namespaced):
    item = {"metadata": meta("x", "shop" if namespaced else ""), "spec": {"podSelector": {}}}
    documents = small().add(api, plural, kind, [item], namespaced=namespaced)
    done = ask(*ASK, answer=documents.answer)
    assert (done.code, done.json["verdict"]) == (4, "unknown")
    assert done.json["notModelled"][0]["kind"] == kind


def test_services_of_several_clusters_are_read_and_their_names_left_open(ask, serve):
    imported = {"metadata": meta("db", "shop"), "spec": {"type": "ClusterSetIP", "ports": [{"port": 80}]}}
    documents = small().add("multicluster.x-k8s.io/v1alpha1", "serviceimports", "ServiceImport", [imported])
    assert len(held(read(serve(documents.answer)[1]))["multicluster.x-k8s.io/v1alpha1 serviceimports"]) == 1
    url = "http://db.shop.svc.clusterset.local/"
    done = ask("trace", "--from", "shop/web-1", "--to", url, answer=documents.answer)
    (found,) = done.json["traces"]
    assert (done.code, found["delivered"]) == (4, "unknown")
    assert "Service of several clusters" in done.out
    assert (
        ask("trace", "--from", "shop/web-1", "--to", "http://db.shop/", answer=documents.answer).json["traces"][0][
            "delivered"
        ]
        == "yes"
    )
