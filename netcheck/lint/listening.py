"""What pods listen on, and which Services lead to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netcheck.lint.snapshot import Snapshot
from netcheck.logic.services import target_number
from netcheck.model.objects import Pod, Service, ServicePort


@dataclass(frozen=True, slots=True, kw_only=True)
class Led:
    """A Service port that leads to a pod: `number` is the pod's port (SVC-7)."""

    service: Service
    item: ServicePort
    pod: int
    number: int


class Listening:
    """Answers about sets of pods, each found once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._pods = snapshot.cluster.pods
        self._led: dict[tuple[int, ...], tuple[Led, ...]] = {}

    def led(self, pods: tuple[int, ...]) -> tuple[Led, ...]:
        """Return the ports of Services with a virtual address that lead to some of `pods`."""
        found = self._led.get(pods)
        if found is None:
            found = self._led[pods] = tuple(self._find(pods))
        return found

    def _find(self, pods: tuple[int, ...]) -> Iterable[Led]:
        wanted = frozenset(pods)
        for namespace in sorted({self._pods[i].namespace for i in pods}):
            for service in self._snapshot.services_in.get(namespace, ()):
                if service.headless:  # SVC-11: nothing translates the port
                    continue
                for position in self._snapshot.backends(service):
                    if position not in wanted:
                        continue
                    for item in service.ports:
                        number = target_number(self._pods[position], item)
                        if number is not None:
                            yield Led(service=service, item=item, pod=position, number=number)


def declares(pod: Pod, protocol: str, number: int) -> bool:
    """Return whether a container of the pod declares a port."""
    return any(port.number == number and port.protocol == protocol for port in pod.ports)


def declares_name(pod: Pod, protocol: str, name: str) -> bool:
    """Return whether a container of the pod declares a port by name, with a protocol (NP-26)."""
    return any(port.name == name and port.protocol == protocol for port in pod.ports)
