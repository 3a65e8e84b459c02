"""The three set types are Boolean algebras, canonical by construction, and mean what their members say."""

from __future__ import annotations

import copy
import ipaddress
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.values import intervals
from netcheck.values.addresses import MAX_V4, MAX_V6, IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import MAX_PORT, MIN_PORT, PROTOCOLS, PortSet, Protocol
from tests.strategies import connection_sets, ip_sets, port_sets, ports

SETS = {PortSet: port_sets, IPSet: ip_sets, ConnectionSet: connection_sets}
KINDS = pytest.mark.parametrize("kind", list(SETS), ids=lambda kind: kind.__name__)


def pick(data, kind, count):
    return tuple(data.draw(SETS[kind]) for _ in range(count))


@KINDS
@given(data=st.data())
def test_union_and_intersection_commute_associate_and_absorb(kind, data):
    a, b, c = pick(data, kind, 3)
    assert a | b == b | a
    assert a & b == b & a
    assert (a | b) | c == a | (b | c)
    assert (a & b) & c == a & (b & c)
    assert a | (a & b) == a
    assert a & (a | b) == a
    assert a | a == a & a == a


@KINDS
@given(data=st.data())
def test_union_and_intersection_distribute_over_each_other(kind, data):
    a, b, c = pick(data, kind, 3)
    assert a & (b | c) == (a & b) | (a & c)
    assert a | (b & c) == (a | b) & (a | c)


@KINDS
@given(data=st.data())
def test_complement_is_an_involution_that_obeys_de_morgan(kind, data):
    a, b = pick(data, kind, 2)
    assert ~~a == a
    assert ~(a | b) == ~a & ~b
    assert ~(a & b) == ~a | ~b
    assert a | ~a == kind.all()
    assert a & ~a == kind.none()


@KINDS
@given(data=st.data())
def test_all_and_none_are_neutral_and_absorbing(kind, data):
    (a,) = pick(data, kind, 1)
    assert a | kind.none() == a
    assert a & kind.all() == a
    assert a | kind.all() == kind.all()
    assert a & kind.none() == kind.none()
    assert ~kind.all() == kind.none()
    assert kind() == kind.none()


@KINDS
@given(data=st.data())
def test_difference_is_intersection_with_the_complement(kind, data):
    a, b = pick(data, kind, 2)
    assert a - b == a & ~b
    assert (a - b) | (a & b) == a
    assert not (a - b) & b
    assert a - a == kind.none()


@KINDS
@given(data=st.data())
def test_containment_is_an_empty_difference_and_an_order(kind, data):
    a, b, c = pick(data, kind, 3)
    assert (a <= b) == (not (a - b)) == (a | b == b) == (a & b == a)
    assert a & b <= a <= a | b
    assert (a <= b and b <= a) == (a == b)
    assert not (a <= b and b <= c) or a <= c
    assert kind.none() <= a <= kind.all()


@KINDS
@given(data=st.data())
def test_a_set_is_true_iff_it_differs_from_the_empty_set(kind, data):
    (a,) = pick(data, kind, 1)
    assert bool(a) == (a != kind.none())


@KINDS
@given(data=st.data())
def test_equal_sets_hash_equal_and_print_the_same_however_they_were_made(kind, data):
    a, b = pick(data, kind, 2)
    made_otherwise = ~(~a & ~b)
    assert made_otherwise == a | b
    assert hash(made_otherwise) == hash(a | b)
    assert str(made_otherwise) == str(a | b)
    assert (str(a) == str(b)) == (a == b)
    assert pickle.loads(pickle.dumps(a)) == copy.deepcopy(a) == a


@KINDS
@given(data=st.data())
def test_an_operation_changes_neither_operand(kind, data):
    a, b = pick(data, kind, 2)
    before = (repr(a), repr(b))
    _ = a | b, a & b, a - b, ~a, a <= b, str(a), bool(a)
    assert (repr(a), repr(b)) == before


@KINDS
def test_no_set_can_be_changed_or_has_an_in_place_operator(kind):
    assert not {"__ior__", "__iand__", "__isub__", "add", "update"} & set(dir(kind))
    field = next(iter(kind.__dataclass_fields__))
    with pytest.raises(AttributeError):
        setattr(kind.all(), field, None)


@given(port_sets, port_sets, ports)
def test_port_membership_is_pointwise(a, b, port):
    assert (port in (a | b)) == (port in a or port in b)
    assert (port in (a & b)) == (port in a and port in b)
    assert (port in (a - b)) == (port in a and port not in b)
    assert (port in ~a) == (port not in a)


@settings(max_examples=30)
@given(port_sets)
def test_a_port_set_is_the_set_of_its_members(a):
    members = [port for port in range(MIN_PORT, MAX_PORT + 1) if port in a]
    assert len(members) == len(a)
    assert a == PortSet.of(*((port, port) for port in members))
    if members:
        assert a.lowest == members[0]
    assert members == [port for low, high in a.ranges for port in range(low, high + 1)]


@given(port_sets)
def test_numbers_outside_the_port_space_are_in_no_port_set(a):
    assert not any(number in a for number in (-1, 0, 65536, 10**9))


def test_an_empty_port_set_has_no_lowest_port():
    with pytest.raises(ValueError, match="no lowest port"):
        _ = PortSet.none().lowest


@pytest.mark.parametrize(
    "ranges",
    [((0, 1),), ((1, 65536),), ((2, 1),), ((1, 2), (3, 4)), ((5, 6), (1, 2)), ((1, 5), (4, 9)), ((1, 1), (1, 1))],
)
def test_ranges_that_are_not_canonical_are_refused_by_every_constructor(ranges):
    with pytest.raises(ValueError, match="not canonical"):
        PortSet(ranges)
    shifted = tuple((low - 1 if low == 0 else low, high) for low, high in ranges)
    if ranges != ((1, 65536),):
        with pytest.raises(ValueError, match="not canonical"):
            IPSet(shifted)
        with pytest.raises(ValueError, match="not canonical"):
            IPSet((), shifted)


@pytest.mark.parametrize("field", [{"v4": ((0, MAX_V4 + 1),)}, {"v6": ((0, MAX_V6 + 1),)}, {"v4": ((-1, 0),)}])
def test_addresses_outside_their_family_are_refused(field):
    with pytest.raises(ValueError, match="not canonical"):
        IPSet(**field)


def members_near(ranges, most):
    around = {number + step for pair in ranges for number in pair for step in (-1, 0, 1)} | {0, most}
    return [number for number in around if 0 <= number <= most]


@given(ip_sets, ip_sets)
def test_address_membership_is_pointwise_in_each_family(a, b):
    for version, most in ((4, MAX_V4), (6, MAX_V6)):
        for number in members_near((*a.of_family(version), *b.of_family(version)), most):
            in_a, in_b = (intervals.contains(one.of_family(version), number) for one in (a, b))
            assert intervals.contains((a | b).of_family(version), number) == (in_a or in_b)
            assert intervals.contains((a & b).of_family(version), number) == (in_a and in_b)
            assert intervals.contains((a - b).of_family(version), number) == (in_a and not in_b)
            assert intervals.contains((~a).of_family(version), number) != in_a


@given(ip_sets)
def test_the_families_never_mix(a):
    four, six = IPSet(v4=a.v4), IPSet(v6=a.v6)
    assert four | six == a
    assert four & six == IPSet.none()
    assert IPSet.of_cidrs("0.0.0.0/0") | IPSet.of_cidrs("::/0") == IPSet.all()
    assert not IPSet.of_cidrs("::ffff:10.0.0.1") & IPSet.of_cidrs("10.0.0.1")


@given(st.integers(0, MAX_V4), st.integers(0, 32))
def test_a_cidr_holds_what_the_standard_library_says(number, length):
    network = ipaddress.ip_network((number, length), strict=False)
    written = f"{ipaddress.ip_address(number)}/{length}"
    assert IPSet.of_cidrs(written).v4 == ((int(network[0]), int(network[-1])),)
    assert IPSet.of_cidrs(written) == IPSet.of_cidrs(str(network))


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0", "::/129", "example.com", "10.0.0.0/8/8"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError):
        IPSet.of_cidrs(text)


@given(connection_sets, st.sampled_from(list(Protocol)), ports)
def test_connections_are_three_port_sets_that_never_mix(a, protocol, port):
    one = ConnectionSet.of({protocol: PortSet.single(port)})
    assert (one <= a) == (port in a.of_protocol(protocol))
    assert dict(one.items()) == {protocol: PortSet.single(port)}
    assert ConnectionSet.of(dict(a.items())) == a
    assert [found for found, _ in a.items()] == [found for found in PROTOCOLS if a.of_protocol(found)]
