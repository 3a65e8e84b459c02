"""Snapshots: what was read and what could not be, the same bytes for the same cluster, nothing secret (LIVE-3, LIVE-11)."""

from __future__ import annotations

import gzip
import json
import random

import pytest

from tests.live.clusters import meta, pod, policy, service, small
from tests.live.test_answers import in_a_hurry  # noqa: F401 - a fixture
from tests.live.test_reading import CLEAN, only

SECRET = "hunter2"


@pytest.fixture
def take(serve, netcheck, tmp_path):
    """Return a function that takes a snapshot of a served cluster and gives its path, or what the command said."""

    def run(name="prod.json.gz", *arguments, answer=CLEAN.answer, fault=None, code=0):
        _, config = serve(answer, fault)
        done = netcheck("snapshot", "cluster:", "-o", tmp_path / name, "--kubeconfig", config, *arguments)
        assert done.code == code, done.err
        return tmp_path / name

    return run


def opened(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def test_a_snapshot_answers_as_the_cluster_did(take, serve, netcheck):
    live = netcheck("list", "cluster:", "--kubeconfig", serve(CLEAN.answer)[1], "-o", "json").json
    kept = netcheck("list", take(), "-o", "json").json
    assert kept == live


def test_the_same_cluster_gives_the_same_bytes_whatever_the_order_of_answers(take):
    def late(request, times):
        reply = CLEAN.answer(request)
        reply.wait = random.random() * 0.02
        return reply

    first = take("a.json.gz").read_bytes()
    assert all(take("b.json.gz", fault=late).read_bytes() == first for _ in range(3))


def test_what_could_not_be_read_stays_unknown(take, netcheck):
    fault = only(
        "v1/namespaces", "nodes", "/pods", "/services", "routes", "ciliumnetworkpolicies", "shop/networkpolicies"
    )
    path = take(fault=fault, code=4)
    assert not opened(path)["complete"]
    closed = ["--from", "shop/web-1", "--to", "shop/db-1", "--port", "80", "-o", "json"]
    opening = ["--from", "shop/web-1", "--to", "tools/scan-1", "--port", "80", "-o", "json"]
    assert netcheck("query", path, *closed).json["verdict"] == "allowed"
    assert netcheck("query", path, *opening).json["verdict"] == "unknown"
    assert "may not list them" in netcheck("list", path).err


def test_files_are_laid_on_top_of_a_snapshot(take, netcheck, tmp_path):
    change = {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]},
    }  # fmt: skip
    (tmp_path / "change.json").write_text(json.dumps(change))
    query = ["--from", "shop/web-1", "--to", "shop/db-1", "--port", "80"]
    path = take()
    assert netcheck("query", path, *query).code == 0
    assert netcheck("query", path, tmp_path / "change.json", *query).code == 1


def secretive():
    """A cluster with secrets where people put them."""
    container = {
        "name": "c", "image": "i", "env": [{"name": "PASSWORD", "value": SECRET}], "args": [f"--token={SECRET}"],
        "command": ["sh", "-c", f"echo {SECRET}"], "volumeMounts": [{"name": "v", "mountPath": f"/{SECRET}"}],
        "readinessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "authorization", "value": SECRET}]}},
        "lifecycle": {"postStart": {"exec": {"command": [SECRET]}}},
    }  # fmt: skip
    last = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"env": "{SECRET}"}}', "note": SECRET}
    spec = {"containers": [container], "initContainers": [container | {"name": "d"}], "volumes": [{"name": SECRET}]}
    one = pod("shop", "p", "10.0.0.9", "p", annotations=last, managedFields=[{"manager": SECRET}])
    one["spec"] = spec
    one["status"]["containerStatuses"] = [{"message": SECRET}]
    template = {"metadata": {"labels": {"app": "p"}, "annotations": last}, "spec": spec}
    workload = {"selector": {"matchLabels": {"app": "p"}}, "template": template}
    cron = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
    machine = {"template": {"metadata": {}, "spec": {"volumes": [{"cloudInitNoCloud": {"userData": SECRET}}]}}}
    named = [{"name": "authorization", "value": SECRET}]
    change = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": named, "add": named}}
    route = {"rules": [{"filters": [change], "matches": [{"headers": [{"name": "team", "value": "kept-value"}]}]}]}
    sets = {"hosts": ["db"], "http": [{"headers": {"request": {"set": {"authorization": SECRET}}}}]}
    hook = {"name": "h", "clientConfig": {"caBundle": SECRET, "service": {"namespace": "shop", "name": "db"}}}
    return (
        small()
        .add("v1", "pods", "Pod", [one])
        .add("gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute", [{"metadata": meta("r", "shop"), "spec": route}])
        .add("networking.istio.io/v1", "virtualservices", "VirtualService", [{"metadata": meta("r", "shop"), "spec": sets}])
        .add("networking.istio.io/v1alpha3", "envoyfilters", "EnvoyFilter",
             [{"metadata": meta("r", "shop"), "spec": {"configPatches": [{"patch": {"value": SECRET}}]}}])
        .add("v1", "secrets", "Secret", [{"metadata": meta("s", "shop"), "data": {"a": SECRET}}])
        .add("v1", "configmaps", "ConfigMap", [{"metadata": meta("s", "shop"), "data": {"a": SECRET}}])
        .add("apps/v1", "deployments", "Deployment", [{"metadata": meta("d", "shop"), "spec": workload}])
        .add("batch/v1", "cronjobs", "CronJob", [{"metadata": meta("d", "shop"), "spec": cron}])
        .add("kubevirt.io/v1", "virtualmachines", "VirtualMachine", [{"metadata": meta("d", "shop"), "spec": machine}])
        .add("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration",
             [{"metadata": meta("d"), "webhooks": [hook]}], namespaced=False)
    )  # fmt: skip


def test_nothing_secret_is_kept(take):
    text = gzip.decompress(take(answer=secretive().answer).read_bytes()).decode()
    assert SECRET not in text
    assert '"VirtualMachineList"' in text
    assert '"CronJobList"' in text
    assert "kept-value" in text


# ---- redaction ---------------------------------------------------------------------------------------------------

NAMES = ("shop", "web", "tools", "scan", "probe", "n1")


def named_like_fields():
    """A cluster whose labels and names are words that the API uses too."""
    documents = small()
    odd = pod("shop", "podselector", "10.0.0.8", "web")
    odd["metadata"]["labels"] = {"app": "spec", "type": "frontend", "podSelector": "ports", "example.com/team": "blue"}
    rule = policy("shop", "ingress", "spec", "web")
    rule["spec"]["podSelector"] = {"matchExpressions": [{"key": "type", "operator": "In", "values": ["frontend"]}]}
    kinds = documents.resources
    documents.add("v1", "pods", "Pod", [*kinds["", "v1", "pods"][2], odd])
    documents.add("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy",
                  [*kinds["networking.k8s.io", "v1", "networkpolicies"][2], rule])  # fmt: skip
    documents.add("v1", "services", "Service", [service("shop", "spec", "spec")])
    return documents


@pytest.mark.parametrize("documents", [CLEAN, named_like_fields()], ids=["plain", "named like fields"])
def test_a_redacted_snapshot_has_no_names_and_the_same_shape(take, netcheck, documents):
    plain = take("plain.json.gz", answer=documents.answer)
    hidden = take("hidden.json.gz", "--redact", answer=documents.answer)
    text = gzip.decompress(hidden.read_bytes()).decode()
    words = {word for word in NAMES if f'"{word}"' in text}
    assert not words
    for command in ("list", "lint"):
        open_, closed = (netcheck(command, path, "-o", "json").json for path in (plain, hidden))
        assert not [item for item in closed["problems"] if item["severity"] == "error"]
        if command == "list":
            shape = [sorted(json.dumps(row["ports"]) for row in found["connections"]) for found in (open_, closed)]
            assert shape[0] == shape[1]
        else:
            rules = [sorted(item["rule"] for item in found["findings"]) for found in (open_, closed)]
            assert rules[0] == rules[1]


def test_kinds_of_the_users_own_are_not_told(take, netcheck):
    names = {"plural": "invoices", "kind": "Invoice", "singular": "invoice"}
    service = {"name": "db", "namespace": "shop"}
    hook = {"strategy": "Webhook", "webhook": {"clientConfig": {"service": service, "caBundle": "x"}}}
    plain = {"group": "corp.example", "names": names, "scope": "Namespaced", "versions": [{"name": "v1"}]}
    found = [
        {"metadata": meta(f"{name}.corp.example"), "spec": {**plain, **more}}
        for name, more in (("invoices", {}), ("orders", {"conversion": hook}))
    ]
    documents = small().add("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", found,
                            namespaced=False)  # fmt: skip
    documents.add("corp.example/v1", "invoices", "Invoice", [])
    hidden = take("hidden.json.gz", "--redact", answer=documents.answer)
    text = gzip.decompress(hidden.read_bytes()).decode()
    assert not [word for word in ("nvoice", "corp", "orders") if word in text]
    assert text.count('"conversion"') == 1
    assert netcheck("lint", hidden).code in (0, 1)


def test_a_snapshot_can_be_redacted_later(take, netcheck, tmp_path):
    plain, at_once = take("plain.json.gz"), take("hidden.json.gz", "--redact")
    assert netcheck("snapshot", plain, "-o", tmp_path / "later.json.gz", "--redact").code == 0
    assert (tmp_path / "later.json.gz").read_bytes() == at_once.read_bytes()
    assert netcheck("snapshot", plain, "-o", tmp_path / "again.json.gz").code == 0
    assert (tmp_path / "again.json.gz").read_bytes() == plain.read_bytes()


def test_a_name_has_one_hash_and_another_with_a_key(take):
    first, again = take("a.json.gz", "--redact"), take("b.json.gz", "--redact")
    other = take("c.json.gz", "--redact", "--redact-key", "k")
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()
    names = {
        item["metadata"]["name"]
        for found in opened(first)["lists"]
        if found["plural"] == "namespaces"
        for item in found["items"]
    }
    used = {
        item["metadata"]["namespace"]
        for found in opened(first)["lists"]
        if found["plural"] == "pods"
        for item in found["items"]
    }
    assert used == names


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["snapshot", ".", "-o", "x.json.gz"], "is no cluster"),
        (["snapshot", "cluster:", "-o", "x.json"], "must end in"),
        (["snapshot", "cluster:"], "missing option"),
        (["snapshot", "cluster:", "-o", "x.json.gz", "--redact-key", "k"], "goes with --redact"),
    ],
)
def test_usage(netcheck, arguments, told):
    done = netcheck(*arguments)
    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"{}"), gzip.compress(b'{"apiVersion": "v1", "kind": "Pod"}'),
     gzip.compress(b"[" * 100000), gzip.compress(b'{"apiVersion":"netcheck/v1","kind":"Snapshot"}' * 50)[:40]],
)  # fmt: skip
def test_a_file_that_is_no_snapshot_is_refused(netcheck, tmp_path, data):
    (tmp_path / "x.json.gz").write_bytes(data)
    done = netcheck("list", "x.json.gz")
    assert done.code == 3
    assert "snapshot" in done.err


def test_a_snapshot_that_is_not_there_is_told(netcheck):
    done = netcheck("list", "none.json.gz")
    assert done.code == 3
    assert "none.json.gz" in done.err
