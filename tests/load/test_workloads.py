"""Workloads to pods, grouping by outermost owner, and endpoints."""

import json

import pytest

from netcheck.errors import Severity
from netcheck.load.loader import LoadOptions, WorkloadKind, load_text
from netcheck.model.objects import WorkloadId

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def thing(kind, name="web", api="apps/v1", meta=None, **spec):
    spec.setdefault("selector", {"matchLabels": {"app": "web"}}) if api == "apps/v1" else None
    spec.setdefault("template", TEMPLATE)
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "n", **(meta or {})}, "spec": spec}


def owned(kind, name, api="apps/v1"):
    return {"ownerReferences": [{"apiVersion": api, "kind": kind, "name": name, "uid": "u", "controller": True}]}


def pod(name="web-1", labels=None, status=None, spec=None, **meta):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "n", "labels": labels or {"app": "web"}, **meta},
        "spec": {"containers": [{"name": "c", "image": "i"}], **(spec or {})},
        "status": status or {},
    }


def loaded(*objects, **options):
    return load_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}), options=LoadOptions(**options)
    )


def workloads(*objects):
    return {str(key): item for key, item in loaded(*objects).cluster.workloads.items()}


JOB_TEMPLATE = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}


@pytest.mark.parametrize(
    ("given", "several"),
    [
        (thing("Deployment"), False),
        (thing("Deployment", replicas=2), True),
        (thing("Deployment", replicas=0), False),
        (thing("DaemonSet"), True),
        (thing("StatefulSet", replicas=3), True),
        (thing("ReplicaSet"), False),
        (thing("Job", api="batch/v1", template=JOB_TEMPLATE), False),
        (thing("Job", api="batch/v1", template=JOB_TEMPLATE, completions=2), True),
        (thing("CronJob", api="batch/v1", schedule="@daily", jobTemplate={"spec": {"template": JOB_TEMPLATE}}, template=None), True),
        (
            thing("CronJob", api="batch/v1", schedule="@daily", concurrencyPolicy="Forbid",
                  jobTemplate={"spec": {"template": JOB_TEMPLATE}}, template=None),
            False,
        ),
        (thing("Rollout", api="argoproj.io/v1alpha1", replicas=2), True),
    ],
)  # fmt: skip
def test_a_workload_gives_one_template_pod_and_knows_whether_it_can_have_several(given, several):
    result = loaded(given)
    (found,) = result.cluster.pods
    assert found.template
    assert found.labels.items() >= {"app": "web"}.items()
    (workload,) = result.cluster.workloads.values()
    assert workload.several is several
    assert workload.id == WorkloadId("n", given["kind"], "web")


def test_an_autoscaler_makes_a_workload_several():
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "n"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 5},
    }
    assert workloads(thing("Deployment"), scaler)["n/web[Deployment]"].several


def test_pods_group_under_the_last_owner_that_a_reference_names():
    replica_set = thing("ReplicaSet", "web-7d77", meta=owned("Deployment", "web"))
    found = workloads(thing("Deployment"), replica_set, pod(**owned("ReplicaSet", "web-7d77")))
    assert list(found) == ["n/web[Deployment]"]
    assert list(workloads(replica_set, pod(**owned("ReplicaSet", "web-7d77")))) == ["n/web[Deployment]"]
    assert list(workloads(pod(**owned("ReplicaSet", "web-7d77")))) == ["n/web-7d77[ReplicaSet]"]
    assert list(workloads(pod(**owned("Node", "worker", "v1")))) == ["n/web-1[Pod]"]


def test_owners_that_own_each_other_end():
    a, b = (
        thing("ReplicaSet", "a", meta=owned("ReplicaSet", "b")),
        thing("ReplicaSet", "b", meta=owned("ReplicaSet", "a")),
    )
    assert len(loaded(a, b, pod(**owned("ReplicaSet", "a"))).cluster.pods) == 1


def test_real_pods_replace_the_template():
    found = loaded(thing("StatefulSet", replicas=3), pod("web-0", **owned("StatefulSet", "web")))
    assert [(item.name, item.template) for item in found.cluster.pods] == [("web-0", False)]


def test_finished_pods_are_dropped():
    found = loaded(pod("a", status={"phase": "Succeeded"}), pod("b", status={"phase": "Failed"}), pod("c"))
    assert [item.name for item in found.cluster.pods] == ["c"]


def test_addresses_come_from_the_status_or_the_node():
    status = {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "FD00::1"}, {"ip": "10.0.0.9"}], "hostIP": "192.168.0.1"}
    node = {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "w"},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.7"}, {"type": "Hostname", "address": "w"}]},
    }  # fmt: skip
    found = {item.name: item for item in loaded(
        pod("a", status=status),
        pod("b", status={"hostIP": "192.168.0.1"}, spec={"hostNetwork": True}),
        pod("c", spec={"hostNetwork": True, "nodeName": "w"}),
        node,
    ).cluster.pods}  # fmt: skip
    assert found["a"].addresses == ("10.0.0.1", "fd00::1")
    assert found["a"].node_address == "192.168.0.1"
    assert found["b"].addresses == ("192.168.0.1",)
    assert found["c"].addresses == ("192.168.0.7",)


def test_ports_of_sidecars_count_and_those_of_other_init_containers_do_not():
    spec = {
        "initContainers": [
            {"name": "s", "image": "i", "restartPolicy": "Always", "ports": [{"containerPort": 2, "name": "s"}]},
            {"name": "t", "image": "i", "ports": [{"containerPort": 3}]},
        ],
        "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 1, "protocol": "UDP"}]}],
    }
    (found,) = loaded(pod(spec=spec)).cluster.pods
    assert [(port.number, port.protocol, port.name) for port in found.ports] == [(1, "UDP", ""), (2, "TCP", "s")]


def test_a_configured_kind_makes_pods_and_an_unknown_one_says_how():
    flock = thing("Flock", api="example.com/v1")
    kinds = (WorkloadKind(api_group="example.com", kind="Flock"),)
    assert len(loaded(flock, workload_kinds=kinds).cluster.pods) == 1
    unknown = loaded(flock)
    assert not unknown.cluster.pods
    assert "workloadKinds" in unknown.problems[0].hint
    assert unknown.problems[0].severity is Severity.WARNING


def test_pods_of_one_owner_that_a_policy_tells_apart_are_told():
    pods = [pod(f"a-{tier}", {"app": "web", "tier": tier}, **owned("ReplicaSet", "a")) for tier in ("x", "y")]
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "n"},
    }
    reads_tier = {**policy, "spec": {"podSelector": {"matchLabels": {"tier": "x"}}}}
    assert not loaded(*pods, {**policy, "spec": {}}).problems
    (problem,) = loaded(*pods, reads_tier).problems
    assert problem.message == "pods of one owner differ in labels that policies read: `tier`"


def test_a_pod_that_only_lacks_an_image_is_an_error_and_stays():
    found = loaded(pod(spec={"containers": [{"name": "c", "ports": {}}]}))
    assert not found.complete
    assert len(found.cluster.pods) == 1
    lost = loaded(
        pod(spec={"containers": [{"name": "c", "image": "i", "ports": [{"name": "x", "containerPort": "80"}]}]})
    )
    assert [item.name for item in lost.cluster.lost] == ["web-1"]


def test_a_service_gets_the_servers_defaults():
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }  # fmt: skip
    (found,) = loaded(service).cluster.services
    assert (found.type.value, found.ports[0].target_port, found.ports[0].protocol) == ("ClusterIP", 80, "TCP")
    assert found.internal_traffic_policy == "Cluster"


def test_slices_win_over_endpoints_of_the_same_service():
    def endpoints(name):
        subset = {"addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}]}
        return {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": name, "namespace": "n"},
            "subsets": [subset],
        }

    piece = {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "a-1", "namespace": "n", "labels": {"kubernetes.io/service-name": "a"}},
        "endpoints": [{"addresses": ["10.0.0.2"], "conditions": {"serving": None}}],
    }  # fmt: skip
    found = loaded(endpoints("a"), endpoints("b"), piece).cluster.endpoint_slices
    assert [(item.service, item.legacy, item.address_type) for item in found] == [
        ("a", False, "IPv4"), ("b", True, "IPv4"), ("b", True, "IPv6"),
    ]  # fmt: skip
    assert found[0].endpoints[0].serving
