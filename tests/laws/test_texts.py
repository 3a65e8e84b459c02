"""Texts are exact: read back by a reader that shares no code with the writer, they give the same set."""

from __future__ import annotations

import ipaddress
import re

from hypothesis import example, given

from netcheck.values.addresses import IPSet, address_number, address_text, describe
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import PortSet, Protocol
from tests.strategies import connection_sets, ip_sets, label_selectors, port_sets


def read_ports(text):
    if text == "*":
        return PortSet.of((1, 65535))
    pairs = [part.partition("-") for part in text.split(",") if part]
    return PortSet.of(*((int(low), int(high or low)) for low, _, high in pairs))


def read_connections(text):
    if text == "all":
        text = "TCP/* UDP/* SCTP/*"
    if text == "none":
        return ConnectionSet()
    parts = (part.partition("/") for part in text.split(" "))
    return ConnectionSet.of({Protocol(name): read_ports(written) for name, _, written in parts})


def read_addresses(text):
    """Read families apart by `; `, or by `, ` where nothing is excepted."""
    if text == "any address":
        return IPSet.of_cidrs("0.0.0.0/0", "::/0")
    if text == "none":
        return IPSet()
    found = IPSet()
    for part in text.split("; "):
        held, _, excepted = part.partition(" except ")
        found |= IPSet.of_cidrs(*held.split(", ")) - IPSet.of_cidrs(*(excepted.split(", ") if excepted else []))
    return found


def read_selector(text):
    if text == "{}":
        return LabelSelector()
    requirements = []
    for part in re.split(r",(?![^(]*\))", text):
        if several := re.fullmatch(r"(\S+) (in|notin) \((.*)\)", part):
            operator = Operator.IN if several[2] == "in" else Operator.NOT_IN
            requirements.append(Requirement(several[1], operator, tuple(several[3].split(","))))
        elif one := re.fullmatch(r"([^!=]+)(!?=)(.*)", part):
            operator = Operator.IN if one[2] == "=" else Operator.NOT_IN
            requirements.append(Requirement(one[1], operator, (one[3],)))
        elif part.startswith("!"):
            requirements.append(Requirement(part[1:], Operator.DOES_NOT_EXIST))
        else:
            requirements.append(Requirement(part, Operator.EXISTS))
    return LabelSelector.of(None, requirements)


@given(port_sets)
def test_the_text_of_a_port_set_reads_back(a):
    assert read_ports(str(a)) == a


@given(connection_sets)
@example(ConnectionSet.all())
@example(ConnectionSet.none())
def test_the_text_of_a_connection_set_reads_back(a):
    assert read_connections(str(a)) == a


@given(ip_sets)
def test_the_cidrs_of_an_address_set_give_it_back_and_are_the_fewest(a):
    written = a.cidrs()
    assert IPSet.of_cidrs(*written) == a
    networks = [ipaddress.ip_network(text) for text in written]
    assert [str(network) for network in networks] == list(written)
    for version in (4, 6):
        family = [network for network in networks if network.version == version]
        assert family == sorted(family)
        assert list(ipaddress.collapse_addresses(family)) == family


@given(ip_sets)
def test_a_set_of_one_address_more_or_less_has_another_text(a):
    hole = IPSet.of_cidrs("10.0.0.77", "fd00::77")
    for other in (a | hole, a - hole):
        assert (describe(other) == describe(a)) == (other == a)


@given(ip_sets)
@example(IPSet.all())
@example(IPSet.none())
@example(IPSet.of_cidrs("0.0.0.0/0"))
@example(IPSet.of_cidrs("0.0.0.0/0", "::/0") - IPSet.of_cidrs("10.0.0.0/8"))
@example(IPSet.of_cidrs("0.0.0.0/0") - IPSet.of_cidrs("10.0.0.0/8", "192.168.0.0/16"))
@example(IPSet.of_cidrs("10.0.0.0/8", "::/0") - IPSet.of_cidrs("10.1.0.0/16", "fd00::/8"))
@example(IPSet.of_cidrs("10.0.0.1", "fd00::1"))
def test_the_description_of_an_address_set_is_exact(a):
    assert read_addresses(describe(a)) == a


@given(ip_sets)
def test_the_description_is_never_longer_than_the_list_of_cidrs(a):
    mentioned = re.findall(r"[0-9a-f.:]+/\d+", describe(a))
    assert len(mentioned) <= max(len(a.cidrs()), 2)


def test_one_except_stands_for_many_cidrs():
    without = IPSet.of_cidrs("10.0.0.0/8") - IPSet.of_cidrs("10.1.0.0/16")
    assert len(without.cidrs()) == 8
    assert describe(without) == "10.0.0.0/8 except 10.1.0.0/16"


def test_the_shorter_form_is_taken_and_at_equal_length_the_list():
    three = IPSet.of_cidrs("10.0.0.0/24") - IPSet.of_cidrs("10.0.0.32/27")
    two = IPSet.of_cidrs("10.0.0.0/24") - IPSet.of_cidrs("10.0.0.64/26")
    assert describe(three) == "10.0.0.0/24 except 10.0.0.32/27"
    assert describe(two) == "10.0.0.0/26, 10.0.0.128/25"


def test_what_is_excepted_of_one_family_cannot_be_read_as_excepting_the_other():
    mixed = IPSet.of_cidrs("10.0.0.0/8", "fd00::/8") - IPSet.of_cidrs("10.1.0.0/16")
    assert describe(mixed) == "10.0.0.0/8 except 10.1.0.0/16; fd00::/8"


@given(ip_sets)
def test_addresses_read_back(a):
    for version in (4, 6):
        for pair in a.of_family(version):
            for number in pair:
                assert address_number(address_text(version, number)) == (version, number)


@given(label_selectors)
@example(LabelSelector.of({"app": ""}))
@example(LabelSelector.of(None, [Requirement("app", Operator.NOT_IN, ("", "a"))]))
def test_the_text_of_a_selector_reads_back(a):
    assert read_selector(str(a)) == a
