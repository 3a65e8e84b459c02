"""Needs that the configuration of containers tells of: a Service that it names, an address, a host outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from netcheck.logic.names import resolve
from netcheck.logic.services import Near, Target, find_service, targets
from netcheck.model.cluster import Cluster
from netcheck.model.evidence import Evidence, Mention
from netcheck.model.names import Answer, AnswerKind
from netcheck.model.objects import Pod, PodDNS, Service, ServicePort, ServiceType
from netcheck.queries.ends import NOT_PUBLIC
from netcheck.queries.suggest_needs import api_server, single
from netcheck.queries.suggest_results import Dropped, Need, NeedEnd, NeedKind
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import Protocol

_SCHEMES: Mapping[str, int] = {
    "http": 80, "https": 443, "ws": 80, "wss": 443, "grpc": 443, "grpcs": 443, "ftp": 21, "ssh": 22, "smtp": 25,
    "smtps": 465, "ldap": 389, "ldaps": 636, "mongodb": 27017, "mysql": 3306, "mariadb": 3306, "postgres": 5432,
    "postgresql": 5432, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "nats": 4222, "mqtt": 1883,
    "mqtts": 8883, "kafka": 9092, "etcd": 2379, "clickhouse": 9000, "elasticsearch": 9200,
}  # fmt: skip
_ITSELF = ("localhost", "0.0.0.0", "::", "::1")  # noqa: S104 - names to pass over
INTERNET = NeedEnd(text="internet", addresses=~IPSet.of_cidrs(*NOT_PUBLIC))


def named_needs(cluster: Cluster, evidence: Evidence, near: Near) -> Iterator[Need | Dropped]:
    """Yield what each mention tells, and what service accounts with rights tell of the API server."""
    finder = _Finder(cluster, near)
    for mention in evidence.mentions:
        yield from finder.of(mention)
    yield from _api_clients(cluster, evidence)


class _Finder:
    def __init__(self, cluster: Cluster, near: Near) -> None:
        self._cluster = cluster
        self._near = near
        self._answers: dict[tuple[str, bool, PodDNS | None, str], Answer] = {}
        self._by_owner: dict[tuple[str, str, str], list[int]] = {}
        for position, pod in enumerate(cluster.pods):
            keys = {(pod.namespace, pod.workload.kind, pod.workload.name)}
            if not pod.template:
                keys.add((pod.namespace, "Pod", pod.name))
            for key in keys:
                self._by_owner.setdefault(key, []).append(position)

    def of(self, mention: Mention) -> Iterator[Need | Dropped]:
        owner = mention.owner
        positions = self._by_owner.get((owner.namespace, owner.kind, owner.name), ())
        chosen = [position for position in positions if not self._cluster.pods[position].host_network]
        if not chosen or mention.host in _ITSELF or mention.host.startswith("127."):
            return
        source = NeedEnd(text=str(self._cluster.pods[chosen[0]].workload), pods=frozenset(chosen))
        if _is_address(mention.host):
            yield from self._address(mention, source)
            return
        answer = self._resolved(self._cluster.pods[chosen[0]], mention.host)
        if answer.kind in (AnswerKind.SERVICE, AnswerKind.PODS) and answer.service is not None:
            service = find_service(self._cluster, *answer.service)
            if service is not None:
                yield from self._service(mention, source, service)
        elif answer.kind is AnswerKind.EXTERNAL:
            yield from self._outside(mention, source)
        elif not mention.bare and not mention.in_file and (mention.scheme or mention.port):
            why = "; ".join(reason.message for reason in answer.reasons) or "there is no such name in the cluster"
            yield Dropped(
                text=f"{source.text} -> {mention.host}", reason=f"{mention.where}: {why}", place=mention.place
            )

    def _resolved(self, pod: Pod, host: str) -> Answer:
        """Return what a name stands for: the same for all pods of a namespace whose DNS is set up alike."""
        key = (pod.namespace, pod.host_network, pod.dns, host)
        if key not in self._answers:
            self._answers[key] = resolve(self._cluster, pod, host)
        return self._answers[key]

    def _address(self, mention: Mention, source: NeedEnd) -> Iterator[Need | Dropped]:
        for service in self._cluster.services:
            if mention.host in service.cluster_ips:
                yield from self._service(mention, source, service)
                return
        port = mention.port or _SCHEMES.get(mention.scheme)
        held = [i for i, pod in enumerate(self._cluster.pods) if mention.host in pod.addresses and not pod.host_network]
        if port is None or mention.in_file:
            return
        end = NeedEnd(text=mention.host, pods=frozenset(held))
        if not held:
            end = NeedEnd(text=mention.host, addresses=IPSet.of_cidrs(mention.host))
        yield _need(mention, source, end, single(Protocol.TCP, port))

    def _outside(self, mention: Mention, source: NeedEnd) -> Iterator[Need | Dropped]:
        """A policy knows no names, only addresses (NP-16): a host outside is every address outside, on the port that the URL tells."""
        port = mention.port or _SCHEMES.get(mention.scheme)
        if port is None or mention.in_file or not mention.host.rpartition(".")[2].isalpha():
            return
        yield _need(mention, source, replace(INTERNET, text=f"internet ({mention.host})"), single(Protocol.TCP, port))

    def _service(self, mention: Mention, source: NeedEnd, service: Service) -> Iterator[Need | Dropped]:
        text = f"Service {service.namespace}/{service.name}"
        if service.type is ServiceType.EXTERNAL_NAME:
            yield from self._outside(mention, source)
            return
        chosen = _ports(mention, service)
        if not chosen and service.headless and mention.port is not None:
            chosen = [ServicePort(port=mention.port, target_port=mention.port)]
        if not chosen:
            reason = f"{mention.where} names port {mention.port}, which {text} does not have"
            yield Dropped(text=f"{source.text} -> {text}", reason=reason, place=mention.place)
        found = [target for item in chosen for target in targets(self._cluster, service, item, self._near)]
        for held, positions in _by_port(found).items():
            yield _need(mention, source, NeedEnd(text=text, pods=frozenset(positions)), held)
        for target in found:
            if target.pod is None:
                addresses = IPSet.of_cidrs(target.address)
                yield _need(
                    mention, source, NeedEnd(text=text, addresses=addresses), single(target.protocol, target.number)
                )


def _need(mention: Mention, source: NeedEnd, destination: NeedEnd, held: ConnectionSet) -> Need:
    why = f"{mention.where} names {mention.host}"
    return Need(
        kind=NeedKind.NAMES, source=source, destination=destination, connections=held, why=why, place=mention.place
    )


def _by_port(found: Sequence[Target]) -> dict[ConnectionSet, list[int]]:
    out: dict[ConnectionSet, list[int]] = {}
    for target in found:
        if target.pod is not None:
            out.setdefault(single(target.protocol, target.number), []).append(target.pod)
    return out


def _ports(mention: Mention, service: Service) -> list[ServicePort]:
    """Return the Service's ports that a mention means: the one that it names, else the scheme's, else all."""
    if mention.port is not None:
        return [item for item in service.ports if item.port == mention.port]
    usual = [item for item in service.ports if item.port == _SCHEMES.get(mention.scheme)]
    return usual or list(service.ports)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _api_clients(cluster: Cluster, evidence: Evidence) -> Iterator[Need | Dropped]:
    """A service account with rights of its own is there to talk to the API server."""
    bindings = {(item.namespace, item.service_account): item for item in reversed(evidence.api_clients)}
    addresses, ports = api_server(cluster)
    by_workload: dict[object, list[int]] = {}
    for position, pod in enumerate(cluster.pods):
        if (pod.namespace, pod.service_account) in bindings and not pod.host_network:
            by_workload.setdefault(pod.workload, []).append(position)
    for workload, positions in by_workload.items():
        pod = cluster.pods[positions[0]]
        binding = bindings[pod.namespace, pod.service_account]
        why = f"{binding.binding} gives its service account `{pod.service_account}` rights"
        if addresses and ports:
            yield Need(
                kind=NeedKind.NAMES,
                source=NeedEnd(text=str(workload), pods=frozenset(positions)),
                destination=NeedEnd(text="the API server", addresses=addresses),
                connections=ports,
                why=why,
                place=binding.place,
            )
        else:
            reason = f"{why}, and where the API server listens is not in the input; an intent can say it"
            yield Dropped(text=f"{workload} -> the API server", reason=reason, place=binding.place)
