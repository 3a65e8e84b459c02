"""Write a synthetic cluster: pods, namespaces and policies as JSON Lists, or Deployments and policies as YAML.

Shape `realistic`: a namespace for each 100 pods; workloads with lognormal numbers of replicas (mean about 7.6), labels
app, tier, version, role and part-of beside those that controllers add; policies in the mix of `MIX`. Shape
`adversarial`: every policy selects broadly and across namespaces, each with its own port or range, and isolates both
directions. Pods are as large as a real cluster's (about 3.6 KB of compact JSON): status, environment, volumes.

A seed gives the same bytes again. Nothing is kept in memory but the workloads, so 150,000 pods need no room.

    python -m benchmarks.generate OUT --pods 10000 --policies 1000 --form json
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import yaml

from benchmarks.ways import requests, ways

Json = dict[str, Any]

PODS_PER_NAMESPACE = 100
MEAN_REPLICAS, SIGMA = 7.6, 1.0
TIERS = ("frontend", "backend", "data", "cache", "batch")
ROLES = ("web", "api", "worker", "store", "proxy", "job")
ENVIRONMENTS = ("prod", "staging", "dev")
NAMED = {"http": (8080, 8000, 3000), "grpc": (50051, 9000), "metrics": (9090, 9102, 2112)}
DNS: Json = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment or StatefulSet with its labels and named ports; `first` is the running number of its first pod."""

    namespace: str
    name: str
    kind: str
    replicas: int
    first: int
    labels: dict[str, str]
    ports: dict[str, int]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be written: namespaces with labels, workloads by namespace, and the policies."""

    namespaces: dict[str, dict[str, str]]
    workloads: list[Workload]
    policies: list[Json] = field(default_factory=list)

    def of(self, namespace: str) -> list[Workload]:
        """Return the workloads of a namespace."""
        return [workload for workload in self.workloads if workload.namespace == namespace]


# ----------------------------------------------------------------------------------------------------- workloads


def _hash(rng: random.Random) -> str:
    return "".join(rng.choices("bcdfghjklmnpqrstvwxz2456789", k=10))


def plan(rng: random.Random, pods: int) -> Plan:
    """Return namespaces and workloads with exactly `pods` pods."""
    count = max(1, round(pods / PODS_PER_NAMESPACE))
    namespaces = {
        f"ns-{number}": {
            "env": rng.choice(ENVIRONMENTS),
            "team": f"team-{rng.randrange(20)}",
            "kubernetes.io/metadata.name": f"ns-{number}",
        }
        for number in range(count)
    }
    mu = math.log(MEAN_REPLICAS) - SIGMA**2 / 2
    workloads: list[Workload] = []
    numbers = dict.fromkeys(namespaces, 0)
    made = 0
    while made < pods:
        namespace = min(numbers, key=numbers.__getitem__) if len(workloads) < count else rng.choice(list(numbers))
        replicas = min(pods - made, max(1, round(rng.lognormvariate(mu, SIGMA))))
        workloads.append(_workload(rng, namespace, numbers[namespace], replicas, made))
        numbers[namespace] += 1
        made += replicas
    return Plan(namespaces=namespaces, workloads=workloads)


def _workload(rng: random.Random, namespace: str, number: int, replicas: int, first: int) -> Workload:
    named = ["metrics", *rng.sample(("http", "grpc"), rng.randint(1, 2))]
    return Workload(
        namespace=namespace,
        name=f"app-{number}",
        kind="StatefulSet" if rng.random() < 0.15 else "Deployment",
        replicas=replicas,
        first=first,
        labels={
            "app": f"app-{number}",
            "tier": rng.choice(TIERS),
            "version": f"v{rng.randint(1, 5)}",
            "role": rng.choice(ROLES),
            "app.kubernetes.io/part-of": f"product-{rng.randrange(30)}",
        },
        ports={name: rng.choice(NAMED[name]) for name in sorted(named)},
        hash=_hash(rng),
    )


# ------------------------------------------------------------------------------------------------------ policies


def _policy(namespace: str, name: str, spec: Json) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _port(rng: random.Random, target: Workload) -> Json:
    """Return a port of the target: a quarter by name, else by number, of which 15 % are ranges."""
    name = rng.choice(list(target.ports))
    if rng.random() < 0.25:
        return {"port": name, "protocol": "TCP"}
    number = target.ports[name]
    if rng.random() < 0.15:
        return {"port": number, "endPort": min(65535, number + rng.choice((5, 10, 100, 1000))), "protocol": "TCP"}
    return {"port": number, "protocol": "TCP"}


def _app(workload: Workload) -> Json:
    return {"matchLabels": {"app": workload.labels["app"]}}


@dataclass(frozen=True, slots=True)
class Context:
    """Where a policy is made: the plan, one namespace, and a workload of it that is the subject."""

    plan: Plan
    home: list[Workload]
    subject: Workload


def _default_deny(rng: random.Random, _: Context) -> Json:
    if rng.random() < 0.4:
        return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [DNS]}
    return {"podSelector": {}, "policyTypes": ["Ingress"]}


def _ingress(context: Context, peers: list[Json], ports: list[Json]) -> Json:
    rule: Json = {"from": peers, "ports": ports} if ports else {"from": peers}
    return {"podSelector": _app(context.subject), "policyTypes": ["Ingress"], "ingress": [rule]}


def _same_namespace(rng: random.Random, context: Context) -> Json:
    peers = [{"podSelector": _app(rng.choice(context.home))} for _ in range(rng.randint(1, 3))]
    return _ingress(context, peers, [_port(rng, context.subject) for _ in range(rng.randint(1, 2))])


def _cross_namespace(rng: random.Random, context: Context) -> Json:
    label = rng.choice(("team", "env", "kubernetes.io/metadata.name"))
    other = rng.choice(list(context.plan.namespaces.values()))
    peer: Json = {"namespaceSelector": {"matchLabels": {label: other[label]}}}
    peer["podSelector"] = {"matchLabels": {rng.choice(("tier", "role")): rng.choice((*TIERS, *ROLES))}}
    return _ingress(context, [peer], [_port(rng, context.subject)])


def _monitoring(rng: random.Random, context: Context) -> Json:
    peer: Json = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ns-0"}}}
    spec = _ingress(context, [peer], [{"port": "metrics", "protocol": "TCP"}])
    return spec if rng.random() < 0.5 else {**spec, "podSelector": {}}


def _ingress_controller(rng: random.Random, context: Context) -> Json:
    name = f"ns-{min(1, len(context.plan.namespaces) - 1)}"
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "podSelector": {"matchLabels": {"role": "proxy"}},
    }
    return _ingress(context, [peer], [_port(rng, context.subject)])


def _egress(rng: random.Random, context: Context) -> Json:
    if rng.random() < 0.5:
        block = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"]}
        if rng.random() < 0.5:
            second = rng.randrange(256)
            block = {"cidr": f"203.{second}.0.0/16", "except": [f"203.{second}.{rng.randrange(256)}.0/24"]}
        rule: Json = {"to": [{"ipBlock": block}], "ports": [{"port": 443, "protocol": "TCP"}]}
    else:
        target = rng.choice(context.home)
        rule = {"to": [{"podSelector": _app(target)}], "ports": [_port(rng, target)]}
    return {"podSelector": _app(context.subject), "policyTypes": ["Egress"], "egress": [rule, DNS]}


def _expressions(rng: random.Random, context: Context) -> Json:
    expressions: list[Json] = [{"key": "tier", "operator": "In", "values": sorted(rng.sample(TIERS, 2))}]
    operator = rng.choice(("NotIn", "Exists", "DoesNotExist"))
    values = {"values": sorted(rng.sample(ROLES, 2))} if operator == "NotIn" else {}
    expressions.append({"key": "role", "operator": operator, **values})
    peer: Json = {"podSelector": {"matchExpressions": expressions}}
    if rng.random() < 0.5:
        environments = sorted(rng.sample(ENVIRONMENTS, 2))
        expression = {"key": "env", "operator": "In", "values": environments}
        peer["namespaceSelector"] = {"matchExpressions": [expression]}
    return _ingress(context, [peer], [_port(rng, context.subject)])


def _allow_any(_: random.Random, context: Context) -> Json:
    return {"podSelector": _app(context.subject), "policyTypes": ["Ingress"], "ingress": [{}]}


Maker = Callable[[random.Random, Context], Json]
DEFAULT_DENY_SHARE = 0.15
MIX: dict[Maker, float] = {
    _same_namespace: 45,
    _cross_namespace: 15,
    _monitoring: 8,
    _ingress_controller: 8,
    _egress: 12,
    _expressions: 7,
    _allow_any: 5,
}


def realistic_policies(rng: random.Random, plan: Plan, count: int) -> list[Json]:
    """Return `count` policies: 15 % default denies, the rest in the proportions of `MIX`."""
    homes: dict[str, list[Workload]] = {}
    for workload in plan.workloads:
        homes.setdefault(workload.namespace, []).append(workload)
    made = []
    for number in range(count):
        home = homes[rng.choice(list(homes))]
        context = Context(plan, home, rng.choice(home))
        maker = _default_deny if rng.random() < DEFAULT_DENY_SHARE else rng.choices(list(MIX), list(MIX.values()))[0]
        made.append(_policy(context.subject.namespace, f"policy-{number}", maker(rng, context)))
    return made


def _broad_selector(rng: random.Random) -> Json:
    key, pool = rng.choice((("tier", TIERS), ("role", ROLES), ("version", ("v1", "v2", "v3", "v4", "v5"))))
    operator = rng.choice(("In", "NotIn", "Exists"))
    values = {} if operator == "Exists" else {"values": sorted(rng.sample(pool, rng.randint(1, 3)))}
    return {"matchExpressions": [{"key": key, "operator": operator, **values}]}


def _broad_namespaces(rng: random.Random) -> Json:
    if rng.random() < 0.3:
        return {}
    values = sorted(rng.sample(ENVIRONMENTS, rng.randint(1, 2)))
    return {"matchExpressions": [{"key": "env", "operator": rng.choice(("In", "NotIn")), "values": values}]}


def _broad_rule(rng: random.Random, side: str) -> Json:
    port: Json = {"port": rng.randint(1, 65535), "protocol": rng.choice(("TCP", "TCP", "UDP"))}
    if rng.random() < 0.5:
        port["endPort"] = min(65535, port["port"] + rng.randint(1, 5000))
    peer = {"namespaceSelector": _broad_namespaces(rng), "podSelector": _broad_selector(rng)}
    return {side: [peer], "ports": [port]}


def adversarial_policies(rng: random.Random, plan: Plan, count: int) -> list[Json]:
    """Return `count` policies that share nothing: broad peers in all namespaces, random ports, both directions."""
    namespaces = list(plan.namespaces)
    return [
        _policy(
            rng.choice(namespaces),
            f"policy-{number}",
            {
                "podSelector": _broad_selector(rng),
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [_broad_rule(rng, "from")],
                "egress": [_broad_rule(rng, "to")],
            },
        )
        for number in range(count)
    ]


SHAPES = {"realistic": realistic_policies, "adversarial": adversarial_policies}

# -------------------------------------------------------------------------------------------------- pods as JSON

TIME = "2026-01-01T00:00:00Z"
MARK = {
    "name": "@NAME@",
    "address": "@ADDRESS@",
    "host": "@HOST@",
    "node": "@NODE@",
    "uid": "@UID@",
    "index": "@INDEX@",
}


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _owner(workload: Workload) -> Json:
    kind = "StatefulSet" if workload.kind == "StatefulSet" else "ReplicaSet"
    name = workload.name if kind == "StatefulSet" else f"{workload.name}-{workload.hash}"
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"{workload.first:032x}", "controller": True}


def _pod_labels(workload: Workload) -> dict[str, str]:
    if workload.kind == "StatefulSet":
        return {
            **workload.labels,
            "apps.kubernetes.io/pod-index": MARK["index"],
            "controller-revision-hash": workload.hash,
        }
    return {**workload.labels, "pod-template-hash": workload.hash}


def _container(workload: Workload) -> Json:
    keys = ("LOG_LEVEL", "DATABASE_HOST", "QUEUE_HOST")
    probe = {"httpGet": {"path": "/healthz", "port": next(iter(workload.ports)), "scheme": "HTTP"}, "periodSeconds": 10}
    return {
        "name": "main",
        "image": f"registry.example.com/{workload.namespace}/{workload.name}:1.0.{workload.first % 97}",
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": f"{key.lower().replace('_', '-')}.{workload.namespace}.svc"} for key in keys]
        + [{"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
        "ports": [{"containerPort": port, "name": name, "protocol": "TCP"} for name, port in workload.ports.items()],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True},
        "volumeMounts": [
            {"mountPath": "/etc/config", "name": "config"},
            {"mountPath": "/tmp", "name": "scratch"},
            {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "token", "readOnly": True},
        ],
    }


def _status(workload: Workload) -> Json:
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    started = {"running": {"startedAt": TIME}}
    digest = f"{workload.first:064x}"
    return {
        "phase": "Running",
        "conditions": [
            {"lastProbeTime": None, "lastTransitionTime": TIME, "status": "True", "type": name} for name in conditions
        ],
        "containerStatuses": [
            {
                "name": "main",
                "containerID": f"containerd://{digest}",
                "image": f"registry.example.com/{workload.namespace}/{workload.name}:1.0.{workload.first % 97}",
                "imageID": f"registry.example.com/{workload.namespace}/{workload.name}@sha256:{digest}",
                "ready": True,
                "restartCount": 0,
                "started": True,
                "state": started,
            }
        ],
        "hostIP": MARK["host"],
        "hostIPs": [{"ip": MARK["host"]}],
        "podIP": MARK["address"],
        "podIPs": [{"ip": MARK["address"]}],
        "qosClass": "Burstable",
        "startTime": TIME,
    }


def _volumes(workload: Workload) -> list[Json]:
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    return [
        {"name": "config", "configMap": {"name": f"{workload.name}-config", "defaultMode": 420}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "token", "projected": {"defaultMode": 420, "sources": [token, authority]}},
    ]


def pod_template(workload: Workload) -> str:
    """Return the JSON text of a pod of the workload with marks in place of what differs from pod to pod."""
    tolerations = [
        {"effect": "NoExecute", "key": f"node.kubernetes.io/{key}", "operator": "Exists", "tolerationSeconds": 300}
        for key in ("unreachable",)
    ]
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": MARK["name"],
            "namespace": workload.namespace,
            "generateName": f"{workload.name}-",
            "uid": MARK["uid"],
            "resourceVersion": "123456789",
            "creationTimestamp": TIME,
            "annotations": {
                "checksum/config": f"{workload.first * 2654435761 % 2**256:064x}",
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(workload.ports["metrics"]),
            },
            "labels": _pod_labels(workload),
            "ownerReferences": [_owner(workload)],
        },
        "spec": {
            "containers": [_container(workload)],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": True,
            "nodeName": MARK["node"],
            "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0,
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {"fsGroup": 1000},
            "serviceAccountName": workload.name,
            "terminationGracePeriodSeconds": 30,
            "tolerations": tolerations,
            "volumes": _volumes(workload),
        },
        "status": _status(workload),
    }
    return json.dumps(made, separators=(",", ":"))


def pods_of(workload: Workload, nodes: int) -> Iterator[str]:
    """Yield the JSON text of each pod; the n-th pod of the cluster has the n-th address of 10.0.0.0/8."""
    text = pod_template(workload)
    for index in range(workload.replicas):
        number = workload.first + index
        suffix = str(index) if workload.kind == "StatefulSet" else f"{workload.hash}-{number:05x}"
        node = number * 7919 % nodes
        values = {
            "name": f"{workload.name}-{suffix}",
            "address": _address(number + 1),
            "host": f"192.168.{node >> 8 & 255}.{node & 255}",
            "node": f"node-{node}",
            "uid": f"00000000-0000-4000-8000-{number:012x}",
            "index": str(index),
        }
        made = text
        for key, mark in MARK.items():
            made = made.replace(mark, values[key])
        yield made


def _write_list(out: TextIO, items: Iterator[str]) -> None:
    out.write('{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[')
    for number, item in enumerate(items):
        out.write(",\n" if number else "\n")
        out.write(item)
    out.write("\n]}\n")


def _namespace(name: str, labels: dict[str, str]) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def write_json(folder: Path, plan: Plan) -> None:
    """Write `namespaces.json`, `policies.json` and `pods.json`, each a List."""
    nodes = max(1, sum(workload.replicas for workload in plan.workloads) // 30)
    parts: dict[str, Iterator[str]] = {
        "namespaces": (json.dumps(_namespace(name, labels)) for name, labels in plan.namespaces.items()),
        "policies": (json.dumps(policy) for policy in plan.policies),
        "pods": (text for workload in plan.workloads for text in pods_of(workload, nodes)),
    }
    for name, items in parts.items():
        with (folder / f"{name}.json").open("w", encoding="utf-8") as out:
            _write_list(out, items)


# ------------------------------------------------------------------------------------------- workloads as YAML


def _manifest(workload: Workload) -> Json:
    spec: Json = {"replicas": workload.replicas, "selector": {"matchLabels": {"app": workload.labels["app"]}}}
    if workload.kind == "StatefulSet":
        spec["serviceName"] = workload.name
    ports = [{"name": name, "containerPort": port} for name, port in workload.ports.items()]
    container = {"name": "main", "image": f"registry.example.com/{workload.name}:1.0", "ports": ports}
    spec["template"] = {"metadata": {"labels": dict(workload.labels)}, "spec": {"containers": [container]}}
    metadata = {"name": workload.name, "namespace": workload.namespace}
    return {"apiVersion": "apps/v1", "kind": workload.kind, "metadata": metadata, "spec": spec}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes no anchors: repeated parts are written out, as people write them."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- the signature is PyYAML's
        return True


def write_yaml(folder: Path, plan: Plan, *, one_file_each: bool = False) -> None:
    """Write `workloads.yaml`, `namespaces.yaml` and `policies.yaml`, or a file for each object."""
    parts = {
        "namespaces": [_namespace(name, labels) for name, labels in plan.namespaces.items()],
        "workloads": [_manifest(workload) for workload in plan.workloads],
        "policies": plan.policies,
    }
    for name, documents in parts.items():
        if not one_file_each:
            with (folder / f"{name}.yaml").open("w", encoding="utf-8") as out:
                yaml.dump_all(documents, out, Dumper=_Dumper, sort_keys=False)
            continue
        for document in documents:
            home = folder / document["metadata"].get("namespace", "cluster")
            home.mkdir(exist_ok=True)
            path = home / f"{document['kind'].lower()}-{document['metadata']['name']}.yaml"
            path.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False), encoding="utf-8")


# ---------------------------------------------------------------------------------------------------- admin policies


RULES_A_POLICY = 10


def _namespaces(rng: random.Random) -> Json:
    key, values = rng.choice((("env", list(ENVIRONMENTS)), ("team", [f"team-{number}" for number in range(20)])))
    return {"matchLabels": {key: rng.choice(values)}}


def _admin_rule(rng: random.Random, side: str, number: int) -> Json:
    """Return a rule of a cluster-wide policy: half deny or pass, a third name ports, some egress peers are networks."""
    peer: Json = {"namespaces": _namespaces(rng)}
    if side == "to" and rng.random() < 0.3:
        peer = {"networks": [rng.choice(("10.0.0.0/8", "192.168.0.0/16", "203.0.113.0/24", "0.0.0.0/0"))]}
    elif rng.random() < 0.4:
        peer = {"pods": {"namespaceSelector": _namespaces(rng), "podSelector": {"matchLabels": {"tier": "backend"}}}}
    rule: Json = {"name": f"rule-{number}", "action": rng.choice(("Accept", "Deny", "Pass", "Pass")), side: [peer]}
    if rng.random() < 0.35:
        rule["protocols"] = [{"tcp": {"destinationPort": {"number": rng.choice((80, 443, 5432, 8080, 9090))}}}]
    return rule


def admin_policies(rng: random.Random, rules: int) -> list[Json]:
    """Return ClusterNetworkPolicies of both tiers with `rules` rules in all, each policy with its own priority."""
    found = []
    for number in range(0, rules, RULES_A_POLICY):
        count = min(RULES_A_POLICY, rules - number)
        inward = count // 2
        spec: Json = {
            "tier": "Baseline" if rng.random() < 0.2 else "Admin",
            "priority": number,
            "subject": {"namespaces": _namespaces(rng)},
            "ingress": [_admin_rule(rng, "from", index) for index in range(inward)],
            "egress": [_admin_rule(rng, "to", index) for index in range(count - inward)],
        }
        found.append(
            {
                "apiVersion": "policy.networking.k8s.io/v1alpha2",
                "kind": "ClusterNetworkPolicy",
                "metadata": {"name": f"admin-{number}"},
                "spec": {key: value for key, value in spec.items() if value != []},
            }
        )
    return found


# ----------------------------------------------------------------------------------------------------- command line


def generate(
    folder: Path,
    *,
    pods: int,
    policies: int,
    form: str,
    shape: str = "realistic",
    seed: int = 0,
    admin_rules: int = 0,
    ways_in: int = 0,
) -> None:
    """Write one cluster into `folder`, which is made if it is missing. `form`: json, yaml, or files (one an object).

    `ways_in`: so many Services, Ingresses and HTTPRoutes, in a file of their own, and beside the folder, in
    `FOLDER-requests.json`, requests that go through them.
    """
    rng = random.Random(seed)
    bare = plan(rng, pods)
    written = [*SHAPES[shape](rng, bare, policies), *admin_policies(rng, admin_rules)]
    made = Plan(namespaces=bare.namespaces, workloads=bare.workloads, policies=written)
    folder.mkdir(parents=True, exist_ok=True)
    if form == "json":
        write_json(folder, made)
    else:
        write_yaml(folder, made, one_file_each=form == "files")
    if ways_in:
        with (folder / "ways.json").open("w", encoding="utf-8") as out:
            _write_list(out, map(json.dumps, ways(random.Random(seed), bare.workloads, ways_in)))
        beside = folder.with_name(f"{folder.name}-requests.json")
        beside.write_text(json.dumps(requests(ways_in)), encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Write the cluster that the arguments describe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--policies", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=("json", "yaml", "files"), default="json")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="realistic")
    parser.add_argument("--admin-rules", type=int, default=0, help="rules of ClusterNetworkPolicies, in all")
    parser.add_argument("--ways-in", type=int, default=0, help="Services, Ingresses and HTTPRoutes, of each so many")
    given = parser.parse_args(arguments)
    generate(
        given.folder,
        pods=given.pods,
        policies=given.policies,
        form=given.form,
        shape=given.shape,
        seed=given.seed,
        admin_rules=given.admin_rules,
        ways_in=given.ways_in,
    )


if __name__ == "__main__":
    main()
