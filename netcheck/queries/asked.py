"""What a question asks about: protocol and port as users write them, and the ports that they mean at a destination."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netcheck.errors import UsageError
from netcheck.model.flow import End, PodEnd
from netcheck.model.objects import Pod
from netcheck.values.ports import PROTOCOLS, PortSet, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which connections a question is about. `port` is kept as text for Services and named ports."""

    port: str | None
    protocol: Protocol | None
    icmp: bool = False

    def text(self) -> str:
        """The question's connections as a user would write them."""
        if self.icmp:
            return "ICMP"
        if self.port is None:
            return f"any {self.protocol.value} port" if self.protocol else "any port"
        return f"{self.protocol.value if self.protocol else 'TCP'}/{self.port}"


def parse_asked(port: str | None, protocol: str | None) -> Asked:
    """Return what `--port` and `--protocol` ask about.

    Raises:
        UsageError: the protocol is not known, or ICMP is asked with a port.

    """
    if protocol is not None and protocol.upper() == "ICMP":
        if port is not None:
            raise UsageError("ICMP has no ports\n  hint: leave `--port` out")
        return Asked(port=None, protocol=None, icmp=True)
    if protocol is not None and protocol.upper() not in {item.value for item in PROTOCOLS}:
        raise UsageError(f"unknown protocol `{protocol}`\n  hint: use TCP, UDP, SCTP or ICMP")
    return Asked(port=port, protocol=Protocol(protocol.upper()) if protocol else None)


def numbers_asked(text: str, protocol: Protocol, end: End | None) -> dict[Protocol, PortSet]:
    """Return the ports that `--port` means at a destination: a number, a range, or the name of a container port.

    Raises:
        UsageError: it is none of these.

    """
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if match:
        low, high = int(match[1]), int(match[2] or match[1])
        if not 1 <= low <= high <= 65535:
            raise UsageError(f"`{text}` is no port\n  hint: ports are 1 to 65535, a range is written 8000-8100")
        return {protocol: PortSet.of((low, high))}
    if isinstance(end, PodEnd):
        found = [port.number for port in end.pod.ports if port.name == text and port.protocol == protocol.value]
        if found:
            return {protocol: PortSet.of(*((number, number) for number in found))}
        names = ", ".join(f"`{port.name}`" for port in end.pod.ports if port.name) or "none"
        raise UsageError(
            f"`{pod_text(end.pod)}` declares no {protocol.value} port named `{text}`\n  hint: its named ports: {names}"
        )
    raise UsageError(f"`{text}` is no port number, and only a pod or Service has named ports")


def pod_text(pod: Pod) -> str:
    """Return the id of the endpoint that a pod is, at the resolution at which it was given."""
    return str(pod.workload) if pod.template else f"{pod.namespace}/{pod.name}[Pod]"
