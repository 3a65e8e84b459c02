"""`diff` beside policies of unknown effect: what nothing that decides it tells apart is no difference, all else is unknown."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from netcheck.load.loader import load_text
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, OpaquePolicy
from netcheck.queries.compare import Outcome, Relation, compare
from netcheck.queries.diff import diff
from netcheck.queries.endpoints import Resolution
from netcheck.semantics.decide import decide
from netcheck.values.connections import ConnectionSet
from tests import strategies
from tests.queries.test_diff import counterpart, end_id, mutated

NOTHING = ConnectionSet.none()

PODS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: Namespace
metadata: {name: other}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front, release: "1"}}
spec: {serviceAccountName: web, containers: [{name: c, image: i, ports: [{containerPort: 80, name: http}]}]}
status: {podIP: 10.1.0.7}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: other, labels: {app: job}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop, labels: {role: reader}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: job, namespace: other}
spec: {podSelector: {matchLabels: {app: job}}, policyTypes: [Ingress]}
---
"""
CALICO = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: app == 'db'
  types: [Ingress]
  ingress: [{action: Allow, source: {selector: "tier == 'front' || role == 'list'"}}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: list, labels: {role: list}}
spec: {nets: [10.1.0.0/16]}
"""
CILIUM = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress: [{toServices: [{k8sService: {serviceName: db, namespace: shop}}]}]
"""
ISTIO = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: PERMISSIVE}}
"""
REFUSED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {tier: front}}}], ports: [{port: 99999}]}]}
"""
BROKEN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}
"""
STATUS = """  uid: 0000
  resourceVersion: "7"
"""


def cluster(text):
    return load_text(text).cluster


def compared(text, old="", new=""):
    """Return the diff between a text and itself with one part replaced."""
    assert old in text
    return diff(cluster(text), cluster(text.replace(old, new) if old else text))


def pairs(found):
    ids = [item.id for item in found.endpoints]
    return {(ids[row.source], ids[row.destination]) for row in found.unknown}


TO_DB = {("shop/web[Pod]", "shop/db[Pod]"), ("other/job[Pod]", "shop/db[Pod]"), ("ip:rest-ipv4", "shop/db[Pod]")}


@pytest.mark.parametrize("policy", [CALICO, CILIUM, ISTIO, REFUSED, BROKEN, CALICO + "---" + CILIUM + "---" + ISTIO])
def test_a_cluster_with_policies_of_unknown_effect_does_not_differ_from_itself(policy):
    found = compared(PODS + policy)
    assert not found.differs
    assert not found.unknown
    assert cluster(PODS + policy).opaque


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tier == 'front'", "tier == 'back'"),
        ("10.1.0.0/16", "10.2.0.0/16"),
        ("labels: {role: list}", "labels: {role: none}"),
        (
            "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet",
            "---\napiVersion: x.io/v3\nkind: GlobalNetworkSet",
        ),
        ("labels: {role: reader}", "labels: {role: writer}"),  # pcsa.role, serviceAccountSelector
    ],
)
def test_a_changed_policy_or_set_leaves_exactly_the_pairs_unknown_that_it_concerns(old, new):
    found = compared(PODS + CALICO, old, new)
    assert not found.differs
    assert pairs(found) >= TO_DB
    assert {destination for _, destination in pairs(found)} == {"shop/db[Pod]"}


def test_what_differs_is_named():
    found = compared(PODS + CALICO, "10.1.0.0/16", "10.2.0.0/16")
    told = {reason.message for row in found.unknown for reason in row.reasons}
    assert any("GlobalNetworkSet list differs" in message for message in told)
    found = compared(PODS + CALICO, "tier == 'front'", "tier == 'back'")
    told = {reason.message for row in found.unknown for reason in row.reasons}
    assert "NetworkPolicy shop/db of Calico differs" in told


@pytest.mark.parametrize(
    ("old", "new", "unknown"),
    [
        ("tier: front", "tier: back", True),  # a key that the policy reads
        ('release: "1"', 'release: "2"', False),  # one that nothing reads
        ("podIP: 10.1.0.7", "podIP: 10.1.0.8", False),  # in the same of the ranges that are written
        ("podIP: 10.1.0.7", "podIP: 10.2.0.7", True),
        ("name: http", "name: https", True),
        ("serviceAccountName: web", "serviceAccountName: other", True),
    ],
)
def test_a_changed_pod_is_unknown_where_the_policy_can_read_what_changed(old, new, unknown):
    found = compared(PODS + CALICO, old, new)
    assert not found.differs
    assert pairs(found) == ({("shop/web[Pod]", "shop/db[Pod]")} if unknown else set())


def test_changed_labels_of_a_namespace_leave_the_pairs_of_its_pods_unknown():
    found = compared(PODS + CALICO, "team: a", "team: b")
    assert pairs(found) >= TO_DB
    assert {destination for _, destination in pairs(found)} == {"shop/db[Pod]"}


def test_services_matter_to_policies_that_name_them():
    change = ("spec: {selector: {app: db}, ports: [{port: 80}]}", "spec: {selector: {app: job}, ports: [{port: 80}]}")
    found = compared(PODS + CILIUM, *change)
    assert {source for source, _ in pairs(found)} == {"shop/web[Pod]"}
    by_labels = CILIUM.replace("toServices: [{k8sService: {serviceName: db, namespace: shop}}]", "toEndpoints: [{}]")
    assert not pairs(compared(PODS + by_labels, *change))
    assert not pairs(compared(PODS + CALICO, *change))


def test_an_unrelated_change_of_a_network_policy_is_told_exactly():
    found = compared(
        PODS + CALICO + "---" + CILIUM, "policyTypes: [Ingress]}", "policyTypes: [Ingress], ingress: [{}]}"
    )
    ids = [item.id for item in found.endpoints]
    assert {ids[row.destination] for row in found.rows()} == {"other/job[Pod]"}
    assert pairs(found) == {("shop/web[Pod]", "other/job[Pod]")}  # Cilium decides of what web sends


ISOLATED = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80}]}]}
"""


def test_a_changed_network_policy_leaves_open_the_ports_that_it_changes():
    found = compared(PODS + CALICO + ISOLATED, "ports: [{port: 80}]}]}\n", "ports: [{port: 80}, {port: 443}]}]}\n")
    assert pairs(found) >= TO_DB
    assert {str(row.connections) for row in found.unknown} == {"TCP/443"}


def test_the_same_network_policy_in_other_words_is_the_same_beside_the_unknown():
    other = "ports: [{port: 80, endPort: 80}]}, {from: [{podSelector: {}}], ports: [{port: 80}]}]}\n"
    assert not pairs(compared(PODS + CALICO + ISOLATED, "ports: [{port: 80}]}]}\n", other))


def test_isolation_counts_even_where_everything_passes():
    open_to_all = ISOLATED.replace("ports: [{port: 80}]", "")
    found = diff(cluster(PODS + CALICO), cluster(PODS + CALICO + open_to_all))
    assert pairs(found) >= TO_DB


def test_a_mesh_policy_without_a_reach_of_its_own_is_read_all_the_same():
    found = compared(PODS + ISTIO, "PERMISSIVE", "DISABLE")
    assert pairs(found) >= TO_DB


def test_annotations_that_put_a_pod_into_a_mesh_are_read():
    injected = PODS.replace(
        "name: web, namespace: shop, labels: {app: web",
        'name: web, namespace: shop, annotations: {sidecar.istio.io/inject: "true"}, labels: {app: web',
    )
    assert injected != PODS
    found = diff(cluster(PODS + ISTIO), cluster(injected + ISTIO))
    assert ("shop/web[Pod]", "shop/db[Pod]") in pairs(found)


def test_a_changed_refused_policy_is_unknown():
    found = compared(PODS + REFUSED, "99999", "99998")
    assert pairs(found) >= TO_DB


def test_a_template_that_cannot_be_read_is_never_the_same():
    found = compared(PODS + BROKEN.replace("app: db}", "app: {{ x }}"))
    assert pairs(found) >= TO_DB


def test_what_servers_add_to_a_policy_makes_no_difference():
    live = CALICO.replace(
        "metadata: {name: db, namespace: shop}",
        'metadata: {name: db, namespace: shop, uid: x, resourceVersion: "7", generation: 3}',
    )
    found = diff(cluster(PODS + CALICO), cluster(PODS + live))
    assert not found.unknown


# ---- ways in -------------------------------------------------------------------------------------------------------

DOOR = """
---
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: shop, labels: {app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller, tier: edge}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: db, namespace: shop}
spec: {ingressClassName: nginx, defaultBackend: {service: {name: db, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: db-outside, namespace: shop}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 80}]}
"""


def through(found):
    return {row.via.partition(" (")[0] for row in found.unknown if row.via}


def test_ways_in_beside_the_unknown_are_the_same_unless_what_leads_in_differs():
    text = PODS + CALICO + DOOR
    assert not compared(text).unknown
    assert not compared(text, "policyTypes: [Ingress]}", "policyTypes: [Ingress], ingress: [{}]}").unknown
    assert through(compared(text, "tier: edge", "tier: front")) == {"Ingress shop/db"}
    assert through(compared(text, "tier == 'front'", "tier == 'x'")) == {"Ingress shop/db", "Service shop/db-outside"}


# ---- policies alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [CALICO, CILIUM, REFUSED])
def test_equal_policies_of_unknown_effect_are_proved_equal(policy):
    one, other = (cluster(PODS + policy) for _ in range(2))
    assert compare(one, other, Relation.EQUAL, same_unknown=True).outcome is Outcome.HOLDS


def test_of_pods_that_the_unknown_may_select_nothing_is_said_unless_it_is_asked_for():
    one = cluster(PODS + CALICO)
    assert compare(one, one, Relation.EQUAL).outcome is Outcome.UNKNOWN


def test_policies_beside_the_unknown_are_compared_in_each_direction():
    text = PODS + CALICO + ISOLATED
    words = text.replace("ports: [{port: 80}]}]}\n", "ports: [{port: 80, endPort: 80}]}]}\n")
    assert compare(cluster(text), cluster(words), Relation.EQUAL, same_unknown=True).outcome is Outcome.HOLDS
    isolating = PODS + CALICO + ISOLATED.replace("ports: [{port: 80}]", "")
    assert (
        compare(cluster(PODS + CALICO), cluster(isolating), Relation.EQUAL, same_unknown=True).outcome
        is Outcome.UNKNOWN
    )
    changed = (PODS + CALICO).replace("10.1.0.0/16", "10.2.0.0/16")
    assert (
        compare(cluster(PODS + CALICO), cluster(changed), Relation.EQUAL, same_unknown=True).outcome is Outcome.UNKNOWN
    )


# ---- generated: whatever the policy does, as long as it is a function of what it can read --------------------------


def hidden(rng, seed, base):
    """Return a policy and how it looks to somebody who does not know its kind: its text holds whatever it reads."""
    other = strategies.of_seed(seed + 9_000, size="tiny", admin=True)
    if other.admin and rng.random() < 0.5:
        policy = replace(rng.choice(other.admin), name="hidden")
        seen = OpaquePolicy(
            kind="AdminNetworkPolicy", namespace=None, name="unknown", directions=tuple(Direction), text=repr(policy)
        )
        return seen, lambda drawn: replace(drawn, opaque=(), admin=(*drawn.admin, policy))
    policy = strategies.policy(rng, rng.choice(sorted(base.namespaces)), "hidden")
    seen = OpaquePolicy(
        kind="CiliumNetworkPolicy",
        namespace=policy.namespace,
        name="unknown",
        directions=policy.types,
        subject=policy.pod_selector if rng.random() < 0.7 else None,
        additive=rng.random() < 0.5,
        text=repr(policy),
    )
    return seen, lambda drawn: replace(drawn, opaque=(), policies=(*drawn.policies, policy))


def drawn(seed):
    rng = random.Random(seed)
    base = replace(strategies.of_seed(seed, size="tiny", admin=bool(seed % 2)), opaque=())
    if seed % 3:
        head = mutated(rng, base, seed)
    elif base.policies:
        gone = rng.choice(base.policies)
        head = replace(base, policies=tuple(item for item in base.policies if item is not gone))
    else:
        head = base
    seen, known = hidden(rng, seed, base)
    return rng, replace(base, opaque=(seen,)), replace(head, opaque=(seen,)), known


def said(text_of, rows):
    found = {}
    for row in rows:
        if not row.via:
            key = (text_of[row.source], text_of[row.destination])
            found[key] = found.get(key, NOTHING) | row.connections
    return found


@pytest.mark.parametrize("first", range(0, 240, 20))
def test_what_is_no_difference_differs_under_no_policy_that_could_be_meant(first):
    asked = changed = 0
    for seed in range(first, first + 20):
        rng, base, head, known = drawn(seed)
        found = diff(base, head, resolution=Resolution.POD)
        ids = [item.id for item in found.endpoints]
        unknown = said(ids, found.unknown)
        rows = {(ids[row.source], ids[row.destination]): (row.before, row.after) for row in found.rows() if not row.via}
        worlds = (known(base), known(head))
        for flow in strategies.sample_flows(rng, worlds[0], 150):
            pair = (end_id(found, flow.source), end_id(found, flow.destination))
            ends = [[counterpart(world, end) for end in (flow.source, flow.destination)] for world in worlds]
            if None in pair or pair[0] == pair[1] or None in (*ends[0], *ends[1]):
                continue
            if not any(isinstance(end, PodEnd) for end in ends[0]):
                continue
            verdicts = [
                decide(world, Flow(source=both[0], destination=both[1], protocol=flow.protocol, port=flow.port)).verdict
                for world, both in zip(worlds, ends, strict=True)
            ]
            asked += 1
            if Verdict.UNKNOWN in verdicts or verdicts[0] is verdicts[1]:
                continue
            changed += 1
            told = [flow.port in one.of_protocol(flow.protocol) for one in rows.get(pair, (NOTHING, NOTHING))]
            doubt = flow.port in unknown.get(pair, NOTHING).of_protocol(flow.protocol)
            assert doubt or told == [verdict is Verdict.ALLOWED for verdict in verdicts], f"seed {seed}: {flow}"
    assert asked > 800
    assert changed > 10


@pytest.mark.parametrize("seed", range(60))
def test_generated_clusters_do_not_differ_from_themselves(seed):
    _, base, _, _ = drawn(seed)
    found = diff(base, base)
    assert not found.differs
    assert not found.unknown
    assert compare(base, base, Relation.EQUAL, same_unknown=True).outcome is Outcome.HOLDS


def test_pairs_are_the_same_beside_the_unknown_often_enough():
    same = open_pairs = 0
    for seed in range(0, 120, 3):
        _, base, head, _ = drawn(seed)
        blind = [replace(one, opaque=tuple(replace(item, text="") for item in one.opaque)) for one in (base, head)]
        left, before = len(diff(base, head).unknown), len(diff(*blind).unknown)
        assert left <= before
        same += before - left
        open_pairs += left
    assert same > 200
    assert open_pairs > 50
