"""The first part of a way from inside: may the pod ask the cluster's DNS, and what does the name mean to it?"""

from __future__ import annotations

from dataclasses import replace

from netcheck.errors import WitnessMismatch
from netcheck.logic.names import resolve
from netcheck.model.cluster import Assumption, Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.names import Answer, AnswerKind
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.queries.cluster_dns import NODE_LOCAL, dns_servers, has_node_local
from netcheck.queries.trace_flows import Judged
from netcheck.queries.trace_scene import PodSenders, Scene, best, worst
from netcheck.queries.trace_way import Way
from netcheck.semantics import names as semantics
from netcheck.values.ports import Protocol

_BOTH = (Protocol.UDP, Protocol.TCP)
_USUAL_SERVERS = Assumption(
    message="DNS pods that are not in the input are taken to be those of kube-system with the label k8s-app=kube-dns",
    rule="DNS-9",
)


# ---- hops ------------------------------------------------------------------------------------------------------------


def ask_dns(scene: Scene, way: Way, senders: PodSenders) -> None:
    """Add the hops from the pods to the cluster's DNS. UDP decides; without TCP only large answers are lost (DNS-9)."""
    for protocol in _BOTH:
        judged = worst([_asks(scene, position, protocol) for position in senders.positions])
        aside = protocol is Protocol.TCP
        if aside and judged.verdict is Verdict.ALLOWED:
            continue
        what = f"{senders.text} -> cluster DNS {protocol.value}/53"
        way.flow(what, judged, aside=aside)


def _asks(scene: Scene, pod: int, protocol: Protocol) -> Judged:
    if has_node_local(scene.cluster):
        return _asks_node_local(scene, pod, protocol)
    servers = dns_servers(scene.cluster, protocol)
    if servers:
        servers = tuple(server for server in servers if server.ready) or servers
        chosen = {scene.kind(server.pod): server for server in reversed(servers)}.values()
        return best([scene.flows.between(pod, server.pod, protocol, server.port) for server in chosen])
    return _asks_servers_not_loaded(scene, pod, protocol)


def _asks_node_local(scene: Scene, pod: int, protocol: Protocol) -> Judged:
    """DNS-10: the packet goes to the pod's own node, at a link-local address, never to the DNS pods."""
    to_node = scene.flows.to_own_node(pod, protocol, 53)
    if to_node.verdict is Verdict.ALLOWED or scene.cluster.profile.own_node_egress is Switch.YES:
        return to_node
    return best([scene.flows.to_address(pod, NODE_LOCAL, protocol, 53), to_node])


def _asks_servers_not_loaded(scene: Scene, pod: int, protocol: Protocol) -> Judged:
    """DNS-9: no loaded pod is a DNS server; where any would do nothing is missing."""
    found = scene.flows.to_dns(pod, protocol)
    if found.verdict is Verdict.ALLOWED and scene.flows.is_isolated(pod, Direction.EGRESS):
        return replace(
            found,
            said=f"{found.text()}; the DNS pods are not in the input, taken to be kube-system/kube-dns",
            assumed=_USUAL_SERVERS,
        )
    if found.verdict is Verdict.ALLOWED:
        return replace(found, said="no policy isolates the pod; the DNS pods are not in the input")
    message = "the DNS pods are not in the input, and the egress policies may keep the pod from them"
    return Judged(verdict=Verdict.UNKNOWN, reasons=(Reason(rule="DNS-9", message=message),))


def look_up(scene: Scene, way: Way, pod: Pod | None, name: str) -> Answer:
    """Add the hop in which a name is resolved, and return what it means.

    Raises:
        WitnessMismatch: the oracle says otherwise.
    """
    answer = resolve(scene.cluster, pod, name)
    expected = semantics.resolve(scene.cluster, pod, name)
    if _meaning(answer) != _meaning(expected):
        raise WitnessMismatch(f"the resolver and the oracle disagree about `{name}`: {answer} and {expected}")
    what = f"DNS name {name}"
    if answer.kind is AnswerKind.EXTERNAL and _is_of_several_clusters(answer.name):
        message = f"`{answer.name}` is a Service of several clusters: what serves it in the others is not in the input"
        answer = replace(answer, kind=AnswerKind.UNKNOWN, reasons=(Reason(rule="MC-12", message=message),))
    match answer.kind:
        case AnswerKind.UNKNOWN:
            way.unknown(what, answer.reasons)
        case AnswerKind.NXDOMAIN:
            way.add(what, Verdict.DENIED, f"no such name; the last one tried is {answer.name}", rule="DNS-8")
        case AnswerKind.EXTERNAL:
            way.add(
                what,
                Verdict.ALLOWED,
                _said(answer, _outside(scene.cluster, name)),
                rule="DNS-8",
                translation=answer.name,
            )
        case AnswerKind.SERVICE | AnswerKind.PODS:
            assert answer.service is not None
            kind = "headless Service" if answer.kind is AnswerKind.PODS else "Service"
            text = _said(answer, f"{kind} {'/'.join(answer.service)}")
            way.add(what, Verdict.ALLOWED, text, rule="DNS-1", translation=_records(answer))
    return answer


def _is_of_several_clusters(name: str) -> bool:
    """MC-5: names of that zone are those of ServiceImports."""
    return f".{name.lower().rstrip('.')}".endswith(".clusterset.local")


def _meaning(answer: Answer) -> tuple[object, ...]:
    """Return what two resolvers must agree on: of what is not known, that it is not."""
    if answer.kind is AnswerKind.UNKNOWN:
        return (answer.kind,)
    return (answer.kind, answer.name, answer.service, answer.aliases, answer.pods, answer.addresses, answer.ports)


def _outside(cluster: Cluster, name: str) -> str:
    """Return what a name outside is, and why one that looks like `service.namespace` is none."""
    first, _, namespace = name.lower().partition(".")
    if not namespace or "." in namespace:
        return "a name outside the cluster"
    if namespace in cluster.namespaces:
        return f"a name outside the cluster: namespace `{namespace}` has no Service `{first}`"
    return f"taken for a name outside the cluster: nothing in the input tells of a namespace `{namespace}`"


def _said(answer: Answer, text: str) -> str:
    if not answer.aliases:
        return text
    return f"{text}, through the alias {', '.join(answer.aliases)}"


def _records(answer: Answer) -> str:
    held = ", ".join(answer.addresses[:3]) + (", ..." if len(answer.addresses) > 3 else "")
    return f"{answer.name} -> {held}" if held else answer.name
