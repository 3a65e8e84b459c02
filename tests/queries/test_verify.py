"""`verify`: agreement with the oracle by enumeration, vacuity, unknowns, witnesses, coverage and what proofs rest on."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest

from netcheck.load.intents import intent_documents, read_intents
from netcheck.load.loader import load_text
from netcheck.model.flow import AddressEnd, Flow, NodeEnd, PodEnd, Verdict
from netcheck.model.intents import Closes, Demand, Intent, IntentPort, IntentScope, NamedEnd, SelectedPods
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, WorkloadId
from netcheck.queries.draft_intents import draft_intents
from netcheck.queries.verify import IntentsRefused, verify
from netcheck.queries.verify_results import Outcome
from netcheck.report.intents_yaml import intents_yaml
from netcheck.semantics.decide import decide
from netcheck.values.addresses import address_number
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol
from tests import strategies

ANYBODY = NamedEnd(text="anybody")
OTHER = "some-other-value"


# ---- brute force -------------------------------------------------------------------------------------------------------


def namespace_bounds(cluster, name, selector):
    """Whether a namespace must and may match: every value is tried for each label that is not known."""
    namespace = cluster.namespaces[name]
    keys = [] if namespace.labels_known else sorted({r.key for r in selector.requirements} - set(namespace.labels))
    found = []
    for values in product([None, OTHER, *strategies.VALUES], repeat=len(keys)):
        extra = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        found.append(selector.matches({**namespace.labels, **extra}))
    return all(found), any(found)


def members(cluster, end, everything):
    """The ends that an intent's end surely, and that it perhaps stands for."""
    if end is ANYBODY:
        return everything, everything
    certain, possible = [], []
    for one in everything:
        if not isinstance(one, PodEnd):
            continue
        pod = one.pod
        in_namespace = end.namespaces is None or pod.namespace in end.namespaces
        must, may = namespace_bounds(cluster, pod.namespace, end.namespace_labels)
        if in_namespace and end.pods.matches(pod.labels):
            certain += [one] if must else []
            possible += [one] if may else []
    return certain, possible


def is_pair(cluster, source, destination):
    if not isinstance(source, PodEnd) and not isinstance(destination, PodEnd):
        return False
    if source is not destination:
        return True
    pod = source.pod
    return pod.replicas > 1 or (pod.template and cluster.workloads[pod.workload].several)


def families(cluster, end):
    """The families that an end talks: of an unknown address those in which it may lie."""
    if isinstance(end, AddressEnd):
        return {address_number(end.address)[0]}
    one = end.pod if isinstance(end, PodEnd) else end.node
    addressing = cluster.addressing
    host = isinstance(end, NodeEnd) or one.host_network
    texts = one.addresses or (addressing.nodes_lie_in() if host else addressing.pods_lie_in())
    return {6 if ":" in text else 4 for text in texts}


class Brute:
    def __init__(self, cluster, extra_ports):
        self.cluster = cluster
        self.ends = [end for end in strategies.ends(cluster) if type(end) in (PodEnd, NodeEnd, AddressEnd)]
        numbers = sorted({*strategies.boundary_numbers(cluster), *extra_ports})
        self.all_ports = [(protocol, number) for protocol in Protocol for number in numbers]
        self.known = {}

    def verdict(self, source, destination, port):
        key = (id(source), id(destination), port)
        if key not in self.known:
            flow = Flow(source=source, destination=destination, protocol=port[0], port=port[1])
            self.known[key] = decide(self.cluster, flow).verdict
        return self.known[key]

    def ports(self, intent):
        return self.all_ports if intent.ports is None else [(Protocol(p.protocol), int(p.port)) for p in intent.ports]

    def sides(self, ends):
        both = [members(self.cluster, end, self.ends) for end in ends]
        certain, possible = ([x for part in both for x in part[i]] for i in (0, 1))
        return certain, possible

    def lacks_family(self, source, destination):
        return not families(self.cluster, source) & families(self.cluster, destination)

    def outcome(self, intent):
        """The outcome of an intent whose ends all stand for something."""
        judge = self.allow if intent.demand is Demand.ALLOW else self.forbid
        (sc, sp), (dc, dp) = self.sides(intent.sources), self.sides(intent.destinations)
        if judge(intent, (sc, sp), (dc, dp), certainly=True):
            return Outcome.VIOLATED
        return Outcome.UNKNOWN if judge(intent, (sc, sp), (dc, dp), certainly=False) else Outcome.HOLDS

    def allow(self, intent, sources, destinations, *, certainly):
        at = 0 if certainly else 1
        for source, destination in product(sources[at], destinations[at]):
            if not is_pair(self.cluster, source, destination) or self.lacks_family(source, destination):
                continue
            found = [self.verdict(source, destination, port) for port in self.ports(intent)]
            bad = [v is Verdict.DENIED if certainly else v is not Verdict.ALLOWED for v in found]
            if all(bad) if intent.ports is None else any(bad):
                return True
        return False

    def forbid(self, intent, sources, destinations, *, certainly):
        bad = (Verdict.ALLOWED,) if certainly else (Verdict.ALLOWED, Verdict.UNKNOWN)
        for source, destination in product(self.ends, self.ends):
            if not is_pair(self.cluster, source, destination):
                continue
            if any(
                self.verdict(source, destination, port) in bad
                for port in self.all_ports
                if self.forbidden(intent, source, destination, port, (sources, destinations), certainly=certainly)
            ):
                return True
        return False

    def forbidden(self, intent, source, destination, port, sides, *, certainly):
        (sc, sp), (dc, dp) = sides
        asked = port in self.ports(intent)
        mine, theirs = (sc, dc) if certainly else (sp, dp)
        if intent.demand is Demand.DENY:
            return asked and source in mine and destination in theirs
        if intent.closes is Closes.TO:
            return asked and destination in theirs and source not in (sp if certainly else sc)
        return source in mine and not (asked and destination in (dp if certainly else dc))


def outcome_of_all_completions(cluster, intent):
    """The outcome if it is the same under every labelling of the one namespace that no source defines."""
    (name,) = [one.name for one in cluster.namespaces.values() if not one.labels_known]
    found = set()
    for values in product([None, OTHER, *strategies.VALUES], repeat=len(strategies.KEYS)):
        given = {key: value for key, value in zip(strategies.KEYS, values, strict=True) if value is not None}
        namespace = cluster.namespaces[name]
        whole = replace(namespace, labels={**namespace.labels, **given}, labels_known=True)
        found.add(
            Brute(replace(cluster, namespaces={**cluster.namespaces, name: whole}), (79, 80, 81, 443)).outcome(intent)
        )
    return found.pop() if len(found) == 1 else Outcome.UNKNOWN


def selector(rng):
    return strategies.selector(rng) if rng.random() < 0.6 else LabelSelector()


def an_end(rng, cluster):
    if rng.random() < 0.12:
        return ANYBODY
    names = sorted(cluster.namespaces)
    return SelectedPods(
        namespaces=frozenset(rng.sample(names, 1)) if rng.random() < 0.5 else None,
        namespace_labels=strategies.namespace_selector(rng) if rng.random() < 0.3 else LabelSelector(),
        pods=selector(rng),
    )


def drawn_intents(rng, cluster, count):
    found = []
    for number in range(count):
        numbers = rng.sample((79, 80, 81, 443), rng.randint(1, 2))
        ports = tuple(IntentPort(port=str(n), protocol=rng.choice(("TCP", "UDP"))) for n in numbers)
        found.append(
            Intent(
                name=f"intent-{number}",
                demand=rng.choice(list(Demand)),
                sources=tuple(an_end(rng, cluster) for _ in range(rng.choice((1, 1, 2)))),
                destinations=tuple(an_end(rng, cluster) for _ in range(rng.choice((1, 1, 2)))),
                ports=ports if rng.random() < 0.7 else None,
                closes=rng.choice(list(Closes)),
                allow_empty=True,
            )
        )
    return found


@pytest.mark.parametrize("seed", range(24))
def test_outcomes_are_those_of_the_oracle_flow_by_flow(seed):
    cluster = strategies.of_seed(seed, size="tiny" if seed % 3 else "small", admin=seed % 4 == 0)
    rng = random.Random(seed)
    intents = drawn_intents(rng, cluster, 5)
    brute = Brute(cluster, (79, 80, 81, 443))
    found = {item.intent.name: item for item in verify(cluster, intents).results}
    for intent in intents:
        ours = found[intent.name]
        if any(
            not members(cluster, end, brute.ends)[0] and members(cluster, end, brute.ends)[1]
            for end in (*intent.sources, *intent.destinations)
        ):
            continue  # whether an end stands for anything is not known
        theirs = brute.outcome(intent)
        if theirs is Outcome.UNKNOWN and ours.outcome is not theirs:
            theirs = outcome_of_all_completions(cluster, intent)
        assert ours.outcome is theirs, (seed, intent, ours)


# ---- pods that could be created ----------------------------------------------------------------------------------------


def new_pods(rng, cluster, count):
    """Clusters with one pod more, and that pod: in any namespace, also a new one, with any labels."""
    lies_in = cluster.addressing.pods_lie_in()
    addresses = tuple(
        next((cidr.split("/")[0] for cidr in lies_in if (":" in cidr) == six), "") for six in (False, True)
    )
    for number in range(count):
        namespaces = dict(cluster.namespaces)
        name = rng.choice([*sorted(namespaces), "brand-new"])
        if name not in namespaces:
            namespaces[name] = Namespace(name=name, labels={**strategies.labels(rng), NAMESPACE_NAME_LABEL: name})
        pod = Pod(
            namespace=name,
            name=f"new-{number}",
            workload=WorkloadId(name, "Pod", f"new-{number}"),
            labels=strategies.labels(rng),
            addresses=tuple(text for text in addresses if text),
            ports=strategies.container_ports(rng),
        )
        yield replace(cluster, namespaces=namespaces, pods=(*cluster.pods, pod)), pod


def selects(cluster, end, pod):
    """Whether a selector surely selects a pod."""
    in_namespace = end.namespaces is None or pod.namespace in end.namespaces
    return (
        in_namespace
        and end.pods.matches(pod.labels)
        and namespace_bounds(cluster, pod.namespace, end.namespace_labels)[0]
    )


@pytest.mark.parametrize("seed", [*range(30), 432, 456])  # the last two: a selection that hangs on unknown labels
def test_what_holds_for_any_pod_holds_for_pods_that_are_created(seed):
    """Violations are replayed by `verify` itself; here what it proves is tried on pods with labels drawn at random."""
    cluster = strategies.of_seed(seed, size="tiny", admin=seed % 3 == 0)
    rng = random.Random(seed)
    target = rng.choice(cluster.pods)
    to = NamedEnd(text=f"{target.namespace}/{target.workload.kind.lower()}/{target.workload.name}")
    ports = (IntentPort(port="80", protocol="TCP"), IntentPort(port="443", protocol="TCP"))
    chosen = [end for end in (an_end(rng, cluster) for _ in range(4)) if end is not ANYBODY]
    intents = [
        Intent(name=f"{demand.value}-{n}", demand=demand, sources=(end,), destinations=(to,), ports=ports,
               scope=IntentScope.ANY_POD, allow_empty=True)
        for n, end in enumerate(chosen) for demand in Demand
    ]  # fmt: skip
    held = [item.intent for item in verify(cluster, intents).results if item.outcome is Outcome.HOLDS]
    position = [pod.workload for pod in cluster.pods].index(target.workload)
    for bigger, pod in new_pods(rng, cluster, 12):
        for intent in held:
            inside = selects(bigger, intent.sources[0], pod)
            perhaps = namespace_bounds(bigger, pod.namespace, intent.sources[0].namespace_labels)[1]
            if (intent.demand is Demand.ONLY and (inside or perhaps)) or (
                intent.demand is not Demand.ONLY and not inside
            ):
                continue
            for port in (80, 443):
                flow = Flow(
                    source=PodEnd(pod), destination=PodEnd(bigger.pods[position]), protocol=Protocol.TCP, port=port
                )
                if not families(bigger, flow.source) & families(bigger, flow.destination):
                    continue
                wanted = Verdict.ALLOWED if intent.demand is Demand.ALLOW else Verdict.DENIED
                assert decide(bigger, flow).verdict is wanted, (seed, intent, pod)


@pytest.mark.parametrize("seed", [*range(12), 106, 384])  # the last two: destinations outside, with a name in doubt
def test_every_witness_of_any_ends_is_the_oracles(seed):
    """`verify` replays each witness and raises if the oracle disagrees; what exists is never judged better than alone."""
    cluster = strategies.of_seed(seed, size="tiny", admin=seed % 3 == 0)
    for intent in drawn_intents(random.Random(seed), cluster, 4):
        asked = replace(intent, ports=intent.ports or (IntentPort(port="80", protocol="TCP"),))
        (existing,) = verify(cluster, [asked], coverage=False).results
        (found,) = verify(cluster, [replace(asked, scope=IntentScope.ANY_POD)], why=True, coverage=False).results
        assert existing.outcome is not Outcome.VIOLATED or found.outcome is Outcome.VIOLATED
        assert found.evidence is not None or found.outcome is not Outcome.VIOLATED or found.message


# ---- single stories ----------------------------------------------------------------------------------------------------

SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Namespace
metadata: {name: dev, labels: {env: dev}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: i, ports: [{containerPort: 5432, name: sql}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: test, namespace: dev}
spec:
  selector: {matchLabels: {app: test}}
  template: {metadata: {labels: {app: test}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: sql}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: sql}]}]
"""
WALL = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wall, namespace: %s}
spec: {podSelector: {}, policyTypes: [%s]}
"""
STRAY = """---
apiVersion: v1
kind: Pod
metadata: {name: stray, namespace: %s, labels: {app: stray}}
spec: {containers: [{name: c, image: i}]}
"""
AUDIT = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: audit, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {env: audit}}}]}]}
"""
REFUSED = """---
apiVersion: v1
kind: Pod
metadata: {name: broken, namespace: dev}
spec: {containers: 7}
"""


def judged(body, text=SHOP, **options):
    """The result of one intent over a text."""
    document = f"apiVersion: netcheck/v1\nkind: Intents\nintents:\n  - name: it\n    {body}\n"
    intents, problems = read_intents(intent_documents(document.encode(), "i.yaml")[0])
    assert not problems, problems
    return verify(load_text(text).cluster, intents, **options).results[0]


NO_NEW_PODS = "assuming: {noNewNamespaces: true, noNewPods: [{namespace: shop}, {namespace: dev}]}"
NO_NEW_SPACES = "allowEmpty: true\n    assuming: {noNewNamespaces: {matchLabels: {env: test}}}"
STORIES = [
    ("allow: {from: shop/web, to: 'svc:shop/db', ports: [80]}", Outcome.HOLDS),
    ("allow: {from: shop/web, to: shop/db, ports: [sql]}", Outcome.HOLDS),
    ("allow: {from: shop/web, to: shop/db}", Outcome.HOLDS),
    ("allow: {from: shop/web, to: shop/db, ports: [5432, 5433]}", Outcome.VIOLATED),
    ("allow: {from: dev/test, to: 'svc:shop/db'}", Outcome.VIOLATED),
    ("deny: {from: dev/test, to: 'svc:shop/db'}", Outcome.HOLDS),
    ("deny: {from: 'ns:env=dev', to: shop/db}", Outcome.HOLDS),
    ("deny: {from: all-pods, to: shop/db}", Outcome.VIOLATED),
    ("deny: {from: internet, to: shop/db}", Outcome.HOLDS),
    ("deny: {from: internet, to: shop/web}", Outcome.VIOLATED),
    ("only: {from: shop/web, to: shop/db}", Outcome.HOLDS),
    ("only: {from: [], to: shop/db, ports: [5433]}", Outcome.HOLDS),
    ("only: {from: [], to: shop/db}", Outcome.VIOLATED),
    ("only: {from: shop/web, to: shop/db, closes: from}", Outcome.VIOLATED),
    ("only: {from: shop/web, to: anybody, closes: from}", Outcome.HOLDS),
    ("deny: {from: shop/db, to: shop/db}", Outcome.VIOLATED),  # there is one pod of it: no two ends (NET-6)
    ("deny: {from: shop/db, to: shop/db}\n    allowEmpty: true", Outcome.HOLDS),
    ("deny: {from: 'app=none', to: shop/db}", Outcome.VIOLATED),
    ("deny: {from: 'app=none', to: shop/db}\n    allowEmpty: true", Outcome.HOLDS),
    ("deny: {from: [shop/web, shop/wbe], to: shop/web, ports: [1]}", Outcome.VIOLATED),
    ("deny: {from: dev/test, to: shop/db, ports: [nosuchname]}", Outcome.VIOLATED),
    ("deny: {from: 'ns=shop,tier=x', to: shop/db}\n    scope: any-pod", Outcome.VIOLATED),
    ("deny: {from: 'ns=dev', to: shop/db}\n    scope: any-pod", Outcome.HOLDS),
    ("only: {from: 'ns=shop,app=web', to: shop/db}\n    scope: any-pod", Outcome.HOLDS),
    ("only: {from: shop/web, to: shop/db}\n    scope: any-pod", Outcome.HOLDS),
    ("deny: {from: all-pods, to: shop/db, ports: [5433]}\n    scope: any-pod", Outcome.HOLDS),
    ("allow: {from: 'ns=shop,app=web', to: 'ns=shop,app=db', ports: [5433]}\n    scope: any-pod", Outcome.VIOLATED),
    (f"deny: {{from: 'app=x', to: shop/web}}\n    scope: any-pod\n    {NO_NEW_PODS}", Outcome.VIOLATED),
    ("deny: {from: 'ns:env=test', to: shop/web}\n    scope: any-pod", Outcome.VIOLATED),
    (f"deny: {{from: 'ns:env=test', to: shop/web}}\n    scope: any-pod\n    {NO_NEW_SPACES}", Outcome.HOLDS),
]  # fmt: skip


@pytest.mark.parametrize(("body", "outcome"), STORIES, ids=[body.replace("\n    ", " ") for body, _ in STORIES])
def test_a_story(body, outcome):
    assert judged(body).outcome is outcome


class TestVacuity:
    def test_names_what_is_not_there_and_what_is(self):
        found = judged("deny: {from: [shop/web, shop/wbe], to: shop/db}")
        assert found.vacuous
        assert (
            found.message
            == "vacuous: `shop/wbe` names no loaded workload or pod; did you mean `shop/web` or `shop/db`?"
        )

    def test_an_end_that_cannot_be_read_is_no_vacuous_one(self):
        with pytest.raises(IntentsRefused, match=r"i\.yaml:5:18: .*is not a CIDR"):
            judged("deny: {from: 10.0.0.0/99, to: shop/db}")

    def test_a_service_opens_no_connections(self):
        with pytest.raises(IntentsRefused, match="opens no connections"):
            judged("deny: {from: 'svc:shop/db', to: shop/db}")


class TestUnknown:
    def test_labels_of_a_namespace_that_nobody_defines(self):
        found = judged("deny: {from: 'ns:env=dev', to: shop/web}", SHOP + STRAY % "elsewhere")
        assert found.outcome is Outcome.VIOLATED  # by dev/test, surely
        found = judged("deny: {from: 'ns:env=test', to: shop/web}\n    allowEmpty: true", SHOP + STRAY % "elsewhere")
        assert (found.outcome, found.reasons[0].rule) == (Outcome.UNKNOWN, "WL-3")

    def test_either_way_it_is_violated(self):
        """With the label the stray pod gets through, without it the intent is about nothing."""
        found = judged("deny: {from: 'ns:env=test', to: shop/web}", SHOP + STRAY % "elsewhere")
        assert found.outcome is Outcome.VIOLATED
        assert found.message.startswith("it is violated whatever the labels of `elsewhere` are: ")

    def test_one_label_decides_about_selection_and_policy_alike(self):
        """Who is let in by env=audit is not one of those with env=test, whatever the label is."""
        text = SHOP + AUDIT + STRAY % "elsewhere"
        found = judged("deny: {from: 'ns:env=test', to: shop/db}\n    allowEmpty: true", text)
        assert found.outcome is Outcome.HOLDS
        found = judged("deny: {from: 'ns:env in (test,audit)', to: shop/db}\n    allowEmpty: true", text)
        assert found.outcome is Outcome.UNKNOWN

    def test_they_do_not_matter_where_nobody_gets_through(self):
        found = judged(
            "deny: {from: ['ns:env=test', dev/test], to: shop/db}\n    allowEmpty: true", SHOP + STRAY % "elsewhere"
        )
        assert found.outcome is Outcome.HOLDS

    def test_a_refused_pod_is_perhaps_meant(self):
        found = judged("deny: {from: 'ns=dev', to: shop/db}", SHOP + REFUSED)
        assert (found.outcome, found.reasons[0].rule) == (Outcome.UNKNOWN, "LIVE-16")

    def test_a_solver_without_time(self):
        found = judged("deny: {from: 'ns=dev', to: shop/db}\n    scope: any-pod", timeout_ms=1)
        assert found.outcome in (Outcome.UNKNOWN, Outcome.HOLDS)  # a millisecond may be enough
        assert found.outcome is Outcome.HOLDS or found.reasons[0].rule == "LIMIT"


class TestWitness:
    def test_of_a_new_pod_has_the_labels_that_let_it_through(self):
        found = judged("deny: {from: 'ns=shop,tier=x', to: shop/db}\n    scope: any-pod")
        assert found.evidence.flow.source_labels == "app=web, tier=x"
        assert found.evidence.flow.port == 5432
        assert [item.policy for item in found.evidence.decided_by] == ["", "NetworkPolicy shop/db"]

    def test_of_a_denial_names_the_policy(self):
        found = judged("allow: {from: dev/test, to: 'svc:shop/db'}")
        assert [item.policy for item in found.evidence.decided_by] == ["NetworkPolicy shop/db"]
        assert found.evidence.verdict is Verdict.DENIED


class TestWhy:
    def test_one_policy_is_essential_and_selects_by_labels(self):
        basis = judged("deny: {from: 'ns=dev', to: shop/db}", why=True).basis
        ((support,),) = basis.ways
        assert (support.policy, support.essential) == ("NetworkPolicy shop/db", True)
        assert support.evaded_by == "a destination pod whose creator does not label it `app=db`"
        assert [item.flow.destination_labels for item in basis.evasions] == ["no labels"]

    def test_independent_reasons_are_ways_of_their_own(self):
        basis = judged("deny: {from: 'ns=dev', to: shop/db}", SHOP + WALL % ("dev", "Egress"), why=True).basis
        assert [[item.policy for item in way] for way in basis.ways] == [
            ["NetworkPolicy dev/wall"],
            ["NetworkPolicy shop/db"],
        ]
        assert not any(item.essential for way in basis.ways for item in way)
        assert [item.evaded_by for item in basis.ways[0]] == [""]
        assert basis.unevadable

    def test_several_policies_together(self):
        basis = judged(
            "deny: {from: 'ns=dev', to: [shop/db, shop/web]}", SHOP + WALL % ("shop", "Ingress"), why=True
        ).basis
        assert [[item.policy for item in way] for way in basis.ways] == [["NetworkPolicy shop/wall"]]
        assert basis.ways[0][0].essential

    @pytest.mark.parametrize(
        "ends",
        ["from: 'ns=shop', to: shop/web", "from: shop/web, to: [shop/web, shop/db]", "from: 'ns=shop', to: 'ns=shop'"],
    )
    def test_ends_that_overlap_and_that_no_policy_tells_apart(self, ends):
        walled = SHOP.replace("kind: NetworkPolicy", "kind: ConfigMap") + WALL % ("shop", "Ingress")
        basis = judged(f"deny: {{{ends}}}", walled, why=True).basis
        assert [[item.policy for item in way] for way in basis.ways] == [["NetworkPolicy shop/wall"]]

    def test_a_pod_alone_needs_no_policy_to_be_kept_from_itself(self):
        assert judged("deny: {from: shop/web, to: shop/web}\n    allowEmpty: true", why=True).basis.ways == ()

    def test_who_takes_the_name_of_another(self):
        basis = judged("only: {from: shop/web, to: shop/db}", why=True).basis
        assert [item.flow.source_labels for item in basis.evasions] == ["app=web"]

    @pytest.mark.parametrize("seed", range(20))
    def test_the_sets_are_what_they_are_said_to_be(self, seed):
        """Deleting an essential policy breaks the intent; each way holds it up with every other policy deleted."""
        cluster = strategies.of_seed(seed, size="tiny")
        cluster = replace(cluster, opaque=())
        rng = random.Random(seed)
        for end in (an_end(rng, cluster) for _ in range(4)):
            target = rng.choice(cluster.pods)
            to = NamedEnd(text=f"{target.namespace}/{target.workload.kind.lower()}/{target.workload.name}")
            intent = Intent(name="x", demand=Demand.DENY, sources=(end,), destinations=(to,), allow_empty=True)
            found = verify(cluster, [intent], why=True, coverage=False).results[0]
            if found.basis and not found.basis.ways and not found.basis.unfinished:
                bare = replace(cluster, policies=(), admin=())
                assert verify(bare, [intent], coverage=False).results[0].outcome is Outcome.HOLDS, seed
            for way in found.basis.ways if found.basis else ():
                labels = {item.policy for item in way}
                alone = replace(cluster, policies=tuple(one for one in cluster.policies if one.label in labels))
                assert verify(alone, [intent], coverage=False).results[0].outcome is Outcome.HOLDS
                for item in way:
                    rest = tuple(one for one in cluster.policies if one.label != item.policy)
                    without = verify(replace(cluster, policies=rest), [intent], coverage=False).results[0]
                    assert (without.outcome is not Outcome.HOLDS) == item.essential, (seed, item)


class TestCoverage:
    def test_names_what_no_intent_speaks_of(self):
        intents, _ = read_intents(
            intent_documents(
                b"apiVersion: netcheck/v1\nkind: Intents\nintents:\n"
                b"  - {name: a, only: {from: anybody, to: [shop/web, dev/test]}}\n"
                b"  - {name: b, deny: {from: all-pods, to: anybody, ports: [UDP, SCTP]}}\n",
                "i.yaml",
            )[0]
        )
        found = verify(load_text(SHOP).cluster, intents).uncovered
        shown = [(item.sources, item.destinations, str(item.connections)) for item in found]
        pods = ("dev/test[Deployment]", "shop/db[Deployment]", "shop/web[Deployment]")
        assert shown == [
            (pods, ("ip:rest",), "TCP/*"),
            (("shop/web[Deployment]",), ("shop/db[Deployment]",), "TCP/5432"),
        ]

    @pytest.mark.parametrize("seed", range(25))
    def test_a_draft_holds_and_speaks_of_everything(self, seed):
        cluster = strategies.of_seed(seed, admin=seed % 3 == 0)
        text = "".join(intents_yaml(draft_intents(cluster)))
        intents, problems = read_intents(intent_documents(text.encode(), "draft.yaml")[0])
        assert not problems
        found = verify(cluster, intents)
        assert {item.outcome for item in found.results} <= {Outcome.HOLDS}
        assert found.uncovered == ()


PROXY = """---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec: {gatewayClassName: c, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""


class TestEndsThatAreNotLoaded:
    @pytest.mark.parametrize(
        ("body", "outcome"),
        [
            (
                "deny: {from: 'gateway:edge/public', to: shop/db, ports: [5433]}",
                Outcome.HOLDS,
            ),  # nobody is let in there
            ("allow: {from: 'gateway:edge/public', to: shop/web, ports: [80]}", Outcome.HOLDS),  # everybody is
            ("deny: {from: 'gateway:edge/public', to: shop/web}", Outcome.VIOLATED),
            ("deny: {from: 'gateway:edge/public', to: shop/db}", Outcome.UNKNOWN),
            ("deny: {from: shop/web, to: 'gateway:edge/public'}", Outcome.UNKNOWN),
            ("only: {from: [shop/web, 'gateway:edge/public'], to: shop/db}", Outcome.HOLDS),
            ("deny: {from: shop/web, to: 'domain:api.example.com'}", Outcome.VIOLATED),
            ("allow: {from: shop/web, to: 'domain:api.example.com', ports: [443]}", Outcome.HOLDS),
            ("only: {from: shop/web, to: 'domain:api.example.com'}", Outcome.UNKNOWN),
        ],
    )
    def test_are_judged_as_anybody_could_be(self, body, outcome):
        found = judged(body, SHOP + PROXY)
        assert found.outcome is outcome
        assert outcome is not Outcome.UNKNOWN or found.reasons

    def test_an_only_that_lists_everybody_holds_of_pods_to_come(self):
        assert judged("only: {from: anybody, to: shop/db}\n    scope: any-pod").outcome is Outcome.HOLDS
