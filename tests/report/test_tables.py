"""What people read: names, ports, wrapping, footnotes and what is not known."""

from __future__ import annotations

import pytest

from netcheck.report.connection_exports import connection_csv, connection_dot, connection_markdown
from netcheck.report.connection_table import connection_table
from netcheck.report.folding import bit_set
from netcheck.report.layout import Style, ports_text, prose, wrapped
from netcheck.report.naming import Names, addresses_name
from netcheck.report.paint import Paint, Role
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet
from tests.report.building import (
    ALL,
    EVERYWHERE,
    LOADED,
    MESSY,
    OWN_NODE,
    addresses,
    listing,
    tcp,
    unknown_row,
    workload,
)


def table(found, loaded=LOADED, **style):
    return "".join(connection_table(loaded, found, Style(**{"width": 80, **style})))


class TestPorts:
    @pytest.mark.parametrize(
        ("connections", "text"),
        [
            (ALL, "all"),
            (tcp(443, 80), "TCP/80,443"),
            (ConnectionSet(tcp=PortSet.all()), "TCP/all"),
            (ConnectionSet(udp=PortSet.of((1, 9))), "UDP/1-9"),
            (ConnectionSet.none(), "none"),
            (tcp(*range(1, 21, 2)), "TCP/1,3,5,7,9,11,13,15,+2 more"),
        ],
    )
    def test_are_short(self, connections, text):
        assert ports_text(connections) == text


class TestNames:
    ends = (workload("web"), workload("db"), workload("x", "b"), EVERYWHERE, OWN_NODE)

    def test_whole_namespaces_and_all_workloads(self):
        names = Names(self.ends)
        assert names.together(bit_set([0, 1])) == ["all of a"]
        assert names.together(bit_set([0, 1, 2, 3, 4])) == ["any outside address", "all workloads", "own node"]
        assert names.together(bit_set([0, 2])) == ["a/web", "b/x"]
        assert names.together(bit_set([1, 2]), besides=bit_set([0])) == ["all other workloads"]

    def test_a_name_with_two_owners_keeps_its_kind(self):
        names = Names((workload("web"), workload("web", kind="Pod")))
        assert [names.one(0), names.one(1)] == ["a/web[Deployment]", "a/web[Pod]"]

    @pytest.mark.parametrize(
        ("cidrs", "text"),
        [
            (["0.0.0.0/0", "::/0"], "any outside address"),
            (["0.0.0.0/0"], "any outside IPv4 address"),
            (["::/0", "10.0.0.0/8"], "10.0.0.0/8, any outside IPv6 address"),
            (["10.0.0.0/9"], "10.0.0.0/9"),
        ],
    )
    def test_addresses(self, cidrs, text):
        assert addresses_name(IPSet.of_cidrs(*cidrs)) == text

    def test_parts_of_the_address_space_are_joined(self):
        names = Names((addresses("0.0.0.0/1"), addresses("128.0.0.0/1")))
        assert names.together(bit_set([0, 1])) == ["any outside IPv4 address"]


class TestTable:
    def test_by_destination_and_by_source(self):
        found = listing([workload("web"), workload("db")], [((0,), (1,), tcp(80))])
        assert "a/db (Deployment, 1 pod)\n  TCP/80  from a/web\n" in table(found)
        turned = "".join(connection_table(LOADED, found, Style(), by_source=True))
        assert "a/web (Deployment, 1 pod)\n  TCP/80  to a/db\n" in turned

    def test_ends_without_connections_are_named(self):
        found = listing([workload("web"), workload("db")], [((0,), (1,), tcp(80))])
        assert "reached by nothing: a/web\n" in table(found)

    def test_switches_are_footnotes(self):
        found = listing([workload("web"), workload("db")], [((0,), (1,), ALL)], depends={(0, 1): ("endPort",)})
        assert "  all [1]  from a/web\n" in table(found)
        assert "[1] another CNI profile answers otherwise: endPort\n" in table(found)

    def test_unknown_pairs_are_folded_by_reason(self):
        ends = [workload(f"w{n}") for n in range(9)]
        found = listing(ends, [], [unknown_row(n, 0) for n in range(1, 9)])
        text = table(found)
        assert "unknown: 8 pairs\n  NP-20: the pod's address is not known\n      all from" in text
        assert text.count("NP-20") == 1

    def test_the_footer_says_what_the_answer_rests_on(self):
        text = table(listing([workload("web")], []), MESSY)
        assert "assumed: pods lie somewhere (--pod-cidr)\n" in text
        assert "not modelled: 2 objects of kind K (g/v1): may deny\n" in text
        assert "incomplete: part of the input could not be read\n" in text

    @pytest.mark.parametrize("width", [80, 120, 200])
    def test_long_lists_are_wrapped_and_cut(self, width):
        ends = [workload(f"service-{n}", f"ns-{n}") for n in range(60)]
        found = listing(ends, [(tuple(range(0, 60, 2)), (1,), ALL), (tuple(range(1, 60, 2)), (2,), ALL)])
        text = table(found, width=width)
        assert max(map(len, text.splitlines())) <= width
        cut = table(listing(ends, [(tuple(range(2, 50)), (1,), ALL)]), width=width)
        assert "and 19 more (-v lists them)" in cut
        assert "more" not in table(listing(ends, [(tuple(range(2, 50)), (1,), ALL)]), width=width, verbose=True)

    def test_colour(self):
        text = table(listing([workload("web")], [], [unknown_row(0, 0)]), paint=Paint(enabled=True))
        assert "\x1b[33munknown" in text
        assert Paint()("x", Role.BAD) == "x"


class TestExports:
    ends = (workload("web"), workload("db"), EVERYWHERE)
    found = listing(ends, [((0,), (1,), tcp(80)), ((2,), (1,), ALL)], [unknown_row(1, 0)])

    def test_csv(self):
        assert "".join(connection_csv(self.found)).splitlines() == [
            "source,destination,verdict,tcp,udp,sctp,depends_on,reasons,via",
            "a/web[Deployment],a/db[Deployment],allowed,80,,,,,",
            "ip:rest,a/db[Deployment],allowed,all,all,all,,,",
            "a/db[Deployment],a/web[Deployment],unknown,all,all,all,,NP-20: the pod's address is not known,",
        ]

    def test_markdown(self):
        text = "".join(connection_markdown(LOADED, self.found))
        assert "| a/db | TCP/80 | a/web |\n|  | all | any outside address |\n" in text
        assert "1 pair unknown:" in text

    def test_dot(self):
        text = "".join(connection_dot(self.found))
        assert '    n0 [label="web[Deployment]"];\n' in text
        assert '  n0 -> n1 [label="TCP/80"];\n' in text
        assert "style=dashed" in text


def test_an_item_is_never_broken():
    assert wrapped(["aaa", "bbb", "ccc"], first="x ", indent=2, width=10) == ["x aaa,", "  bbb, ccc"]
    assert wrapped([], first="x", indent=1, width=80) == ["x"]


def test_prose_keeps_its_first_indent():
    assert prose("  one two three", indent=4, width=9) == ["  one two", "    three"]


def test_a_list_of_too_many_different_connections_says_what_to_ask_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netcheck.report.connection_table.MOST_GROUPS", -1)
    text = table(listing([workload("a", "web")], []))
    assert "too many for a table" in text
    assert "--focus" in text
