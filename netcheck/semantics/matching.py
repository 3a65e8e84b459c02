"""The three tests that every rule is made of: labels, addresses and ports.

These are the oracle's own versions. Nothing here calls the matching of `netcheck.values`, so that a fault there
cannot hide here. No fact is missing here: the caller has settled it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from netcheck.model.policy import PolicyPort
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import Protocol

Labels = Callable[[str], str | None]
"""How labels are read: a key gives its value, or None iff the key is absent."""


def requirement_holds(requirement: Requirement, labels: Labels) -> bool:
    """NP-12: In and Exists need the key; NotIn and DoesNotExist hold where it is absent."""
    value = labels(requirement.key)
    if requirement.operator is Operator.EXISTS:
        return value is not None
    if requirement.operator is Operator.DOES_NOT_EXIST:
        return value is None
    listed = any(value == wanted for wanted in requirement.values)
    return listed if requirement.operator is Operator.IN else not listed


def selector_matches(selector: LabelSelector, labels: Labels) -> bool:
    """NP-12: all requirements hold; an empty selector matches everything."""
    return all(requirement_holds(requirement, labels) for requirement in selector.requirements)


def family_of(text: str) -> int:
    """Return 4 or 6 for an address or a CIDR."""
    return ipaddress.ip_network(text, strict=False).version


def address_in(address: str, cidr: str) -> bool:
    """NP-16, NET-2: the address lies in the CIDR, which it can only do within its own family."""
    network = ipaddress.ip_network(cidr, strict=False)
    return ipaddress.ip_address(address) in network


def block_holds(address: str, cidr: str, excepts: tuple[str, ...]) -> bool:
    """NP-16: the address is in `cidr` and in none of what is carved out of it."""
    return address_in(address, cidr) and not any(address_in(address, hole) for hole in excepts)


def same_address(one: str, other: str) -> bool:
    """Whether two texts write the same address (IPv6 has many spellings)."""
    return ipaddress.ip_address(one) == ipaddress.ip_address(other)


def same_protocol(text: str, protocol: Protocol) -> bool:
    """NP-25, NP-30: protocols are told apart by their exact names."""
    return text == protocol.value


def number_matches(item: PolicyPort, number: int, *, ranges: bool) -> bool:
    """NP-25, NP-28: the one port, or every port of `port..endPort` if ranges are supported; not for named ports."""
    if not isinstance(item.port, int):
        return False
    if item.end_port is None or not ranges:
        return number == item.port
    return item.port <= number <= item.end_port
