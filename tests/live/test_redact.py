"""Redacted snapshots: no name of the user's is left, wherever it stood, and every command takes the file."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from tests.live.server import Documents, status
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture

MARK = "zq"
"""Every name of this cluster has it, and no word of the APIs."""


def named(name, namespace="zqshop", **more):
    labels = {"zqteam": "zqblue", "zq.example.com/zqtier": "zqfront", "app.kubernetes.io/name": "zqapp"}
    notes = {"zq.example/note": "zqnote", "nginx.ingress.kubernetes.io/auth-url": "https://zqauth.zqcorp.example/"}
    found = {"name": name, "labels": labels, "annotations": notes, "uid": f"u-{len(name)}", **more}
    return {**found, "namespace": namespace} if namespace else found


def pod(name):
    container = {
        "name": "zqmain", "image": "zqregistry.example/zqimage:zqtag", "ports": [{"containerPort": 80, "name": "zqport"}],
        "env": [{"name": "ZQ", "value": "zqsecret"}], "readinessProbe": {"httpGet": {"path": "/zqhealth", "port": "zqport"}},
    }  # fmt: skip
    spec = {
        "containers": [container], "initContainers": [{"name": "zqinit", "image": "zqimage"}], "nodeName": "zqnode-1",
        "serviceAccountName": "zqaccount", "hostname": "zqhost", "subdomain": "zqsub", "nodeSelector": {"zqpool": "zqgpu"},
        "hostAliases": [{"ip": "10.9.9.9", "hostnames": ["zqalias.example"]}],
        "dnsConfig": {"searches": ["zqsearch.example"], "nameservers": ["10.9.9.8"]},
        "volumes": [{"name": "zqvolume", "secret": {"secretName": "zqkey"}}],
    }  # fmt: skip
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "zqweb-abc", "uid": "u", "controller": True}
    state = {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "hostIP": "172.18.0.2",
             "conditions": [{"type": "Ready", "status": "True", "message": "zqmessage"}]}  # fmt: skip
    return {"metadata": named(name, generateName="zqweb-", ownerReferences=[owner]), "spec": spec, "status": state}


def workload(kind, name):
    inner = pod(name)["spec"]
    template = {"metadata": {"labels": {"zqteam": "zqblue"}, "annotations": {"zqnote": "zq"}}, "spec": inner}
    selector = {"matchLabels": {"zqteam": "zqblue"}}
    return {
        "metadata": named(name),
        "spec": {"replicas": 1, "selector": selector, "template": template, "serviceName": "zqdb"},
    }


def cluster():
    expressions = [{"key": "zqteam", "operator": "In", "values": ["zqblue", "zqgreen"]}]
    peers = [
        {"namespaceSelector": {"matchLabels": {"zqenv": "zqprod"}}, "podSelector": {"matchExpressions": expressions}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
    ]
    policy = {"podSelector": {"matchLabels": {"zqteam": "zqblue"}}, "policyTypes": ["Ingress"],
              "ingress": [{"from": peers, "ports": [{"port": "zqport"}]}]}  # fmt: skip
    service = {"selector": {"zqteam": "zqblue"}, "type": "ClusterIP", "clusterIP": "10.96.0.7",
               "ports": [{"name": "zqhttp", "port": 80, "targetPort": "zqport"}]}  # fmt: skip
    backend = {"service": {"name": "zqweb", "port": {"name": "zqhttp"}}}
    ingress = {
        "ingressClassName": "zqclass", "tls": [{"hosts": ["zqwww.zqcorp.example"], "secretName": "zqcert"}],
        "rules": [{"host": "*.zqcorp.example", "http": {"paths": [{"path": "/zqpath", "pathType": "Prefix", "backend": backend}]}}],
    }  # fmt: skip
    matches = [
        {"path": {"type": "PathPrefix", "value": "/zqpath"}, "headers": [{"name": "zqheader", "value": "zqvalue"}]}
    ]
    route = {"parentRefs": [{"name": "zqgate", "namespace": "zqinfra"}], "hostnames": ["zqapi.zqcorp.example"],
             "rules": [{"matches": matches, "backendRefs": [{"name": "zqweb", "port": 80}]}]}  # fmt: skip
    listener = {"name": "zqlisten", "port": 443, "protocol": "HTTPS", "hostname": "*.zqcorp.example",
                "tls": {"certificateRefs": [{"name": "zqcert"}]}}  # fmt: skip
    slice_ = {"metadata": named("zqweb-1", labels={"kubernetes.io/service-name": "zqweb"}), "addressType": "IPv4",
              "ports": [{"name": "zqhttp", "port": 80, "protocol": "TCP"}],
              "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "zqnode-1", "hostname": "zqhost", "zone": "zqzone",
                             "targetRef": {"kind": "Pod", "namespace": "zqshop", "name": "zqweb-abc-1"}}]}  # fmt: skip
    hook = {"name": "zqhook.zqcorp.example", "clientConfig": {"url": "https://zqhook.zqcorp.example/zqcheck", "caBundle": "zq"},
            "namespaceSelector": {"matchLabels": {"zqenv": "zqprod"}}, "rules": [{"apiGroups": ["zqcorp.example"],
            "resources": ["zqinvoices"]}]}  # fmt: skip
    cilium = {"endpointSelector": {"matchLabels": {"k8s:zqteam": "zqblue"}}, "description": "zqwords of zqsomebody",
              "egress": [{"toFQDNs": [{"matchName": "zqapi.zqcorp.example"}, {"matchPattern": "*.zqcorp.example"}]}]}  # fmt: skip
    istio = {"selector": {"matchLabels": {"zqteam": "zqblue"}}, "rules": [{"from": [{"source": {"principals": ["zqtrust/ns/zqshop/sa/zqaccount"]}}],
             "to": [{"operation": {"paths": ["/zqpath*"], "hosts": ["zqapi.zqcorp.example"]}}]}]}  # fmt: skip
    node = {"metadata": {**named("zqnode-1", ""), "labels": {"kubernetes.io/hostname": "zqnode-1", "zqpool": "zqgpu"}},
            "spec": {"providerID": "aws:///zqzone/zqid"},
            "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.2"}, {"type": "Hostname", "address": "zqnode-1"}]}}  # fmt: skip
    crd = {"group": "zqcorp.example", "names": {"plural": "zqinvoices", "kind": "Zqinvoice"}, "scope": "Namespaced",
           "versions": [{"name": "v1", "schema": {"description": "zqwords"}}]}  # fmt: skip
    found = Documents()
    found.add("v1", "namespaces", "Namespace",
              [{"metadata": named(name, "") | {"labels": {"kubernetes.io/metadata.name": name, "zqenv": "zqprod"}}}
               for name in ("zqshop", "zqinfra", "zqother")], namespaced=False)  # fmt: skip
    found.add("v1", "nodes", "Node", [node], namespaced=False)
    found.add("v1", "pods", "Pod", [pod("zqweb-abc-1"), {**pod("zqlone"), "metadata": named("zqlone", "zqother")}])
    external = {"metadata": named("zqout"), "spec": {"type": "ExternalName", "externalName": "zqdb.zqcorp.example"}}
    found.add("v1", "services", "Service", [{"metadata": named("zqweb"), "spec": service}, external])
    found.add("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", [slice_])
    for plural, kind in (("deployments", "Deployment"), ("replicasets", "ReplicaSet"), ("statefulsets", "StatefulSet")):
        found.add("apps/v1", plural, kind, [workload(kind, "zqweb")])
    found.add(
        "networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", [{"metadata": named("zqpolicy"), "spec": policy}]
    )
    found.add("networking.k8s.io/v1", "ingresses", "Ingress", [{"metadata": named("zqdoor"), "spec": ingress}])
    found.add("networking.k8s.io/v1", "ingressclasses", "IngressClass",
              [{"metadata": named("zqclass", ""), "spec": {"controller": "zqcorp.example/zqcontroller"}}], namespaced=False)  # fmt: skip
    gate = {"gatewayClassName": "zqgateclass", "listeners": [listener]}
    found.add(
        "gateway.networking.k8s.io/v1", "gateways", "Gateway", [{"metadata": named("zqgate", "zqinfra"), "spec": gate}]
    )
    found.add(
        "gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute", [{"metadata": named("zqroute"), "spec": route}]
    )
    found.add(
        "cilium.io/v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", [{"metadata": named("zqcnp"), "spec": cilium}]
    )
    found.add(
        "security.istio.io/v1",
        "authorizationpolicies",
        "AuthorizationPolicy",
        [{"metadata": named("zqauth"), "spec": istio}],
    )
    found.add("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration",
              [{"metadata": named("zqhooks", ""), "webhooks": [hook]}], namespaced=False)  # fmt: skip
    found.add("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition",
              [{"metadata": named("zqinvoices.zqcorp.example", ""), "spec": crd}], namespaced=False)  # fmt: skip
    calico = "crd.projectcalico.org/v1"
    tiered = {"tier": "zqtier", "selector": "zqteam == 'zqblue'", "ingress": [{"action": "Allow"}]}
    found.add(calico, "networkpolicies", "NetworkPolicy", [{"metadata": named("zqtier.zqpolicy"), "spec": tiered}])
    nets = {"nets": ["10.1.0.0/16"], "allowedEgressDomains": ["zqpartner.example"]}
    found.add(calico, "networksets", "NetworkSet", [{"metadata": named("zqset"), "spec": nets}])
    found.add(calico, "tiers", "Tier", [{"metadata": named("zqtier", ""), "spec": {"order": 7}}], namespaced=False)
    found.add("zqcorp.example/v1", "zqinvoices", "Zqinvoice", [])
    return found


def partly(request, times):
    text = 'services is forbidden: User "zqjane" cannot list resource "services" in the namespace "zqother"'
    return (
        status(403, "Forbidden", text)
        if request.path in ("/api/v1/services", "/api/v1/namespaces/zqother/services")
        else None
    )


@pytest.fixture(params=[None, partly], ids=["whole", "in part"])
def files(serve, netcheck, tmp_path, request):
    _, config = serve(cluster().answer, request.param)
    out = {}
    for name, more in (("plain", ()), ("hidden", ("--redact", "--redact-key", "k"))):
        out[name] = tmp_path / f"{name}.json.gz"
        done = netcheck("snapshot", "cluster:", "-o", out[name], "--kubeconfig", config, *more)
        assert done.code == (4 if request.param else 0), done.err
    return out


def test_no_name_is_left(files):
    text = gzip.decompress(files["hidden"].read_bytes()).decode()
    left = sorted(set(re.findall(rf"[^\"]*{MARK}[^\"]*", text, re.IGNORECASE)))
    assert not left, "\n".join(left)
    assert "cluster:prod" not in text
    assert "10.0.0.0/8" in text
    assert "172.18.0.2" in text


def test_every_command_takes_it_and_answers_as_of_the_other(files, netcheck, tmp_path):
    def told(command, *more):
        found = [netcheck(command, files[name], *more, "-o", "json") for name in ("plain", "hidden")]
        assert found[0].code == found[1].code, (command, found[0].err, found[1].err)
        return [item.json for item in found]

    plain, hidden = told("list")
    assert [len(plain[key]) for key in ("endpoints", "connections", "unknown")] == [
        len(hidden[key]) for key in ("endpoints", "connections", "unknown")
    ]
    plain, hidden = told("lint", "--fail-on", "error")
    assert sorted(item["rule"] for item in plain["findings"]) == sorted(item["rule"] for item in hidden["findings"])
    told("exposure")
    told("routes")
    assert netcheck("diff", files["hidden"], files["hidden"]).code in (0, 4)
    pods = [
        item for item in json.loads(gzip.decompress(files["hidden"].read_bytes()))["lists"] if item["plural"] == "pods"
    ]
    end = "{namespace}/{name}".format(**pods[0]["items"][0]["metadata"])
    assert netcheck("query", files["hidden"], "--from", end, "--to", "internet").code in (0, 1, 4)
    assert netcheck("trace", files["hidden"], "--from", end, "--to", "http://10.0.0.1/").code in (0, 1, 4)
    assert netcheck("init-intents", files["hidden"]).code in (0, 4)
    assert netcheck("snapshot", files["hidden"], "-o", tmp_path / "again.json.gz").code in (0, 4)


def test_the_same_cluster_gives_the_same_bytes(files, netcheck, tmp_path):
    for _ in range(2):
        netcheck("snapshot", files["plain"], "-o", tmp_path / "later.json.gz", "--redact", "--redact-key", "k")
        assert (tmp_path / "later.json.gz").read_bytes() == files["hidden"].read_bytes()
