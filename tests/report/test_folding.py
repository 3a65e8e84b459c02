"""Folding stands for exactly the rows: unfolding gives them back, whatever the groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netcheck.report.folding import fold
from netcheck.values.connections import ConnectionSet
from tests.report.building import ALL, OWN_NODE, listing, tcp, workload

CONNECTIONS = st.sampled_from([ALL, tcp(80), tcp(443), tcp(80, 443)])


@st.composite
def listings(draw):
    number = draw(st.integers(1, 5))
    ends = [workload(f"w{n}", several=draw(st.booleans())) for n in range(number)]
    if draw(st.booleans()):
        ends.append(OWN_NODE)
    positions = st.sets(st.integers(0, len(ends) - 1), min_size=1).map(lambda found: tuple(sorted(found)))
    groups = draw(st.lists(st.tuples(positions, positions, CONNECTIONS), max_size=5))
    pairs = st.tuples(st.integers(0, len(ends) - 1), st.integers(0, len(ends) - 1))
    depends = draw(st.dictionaries(pairs, st.sampled_from([("endPort",), ("cidrMatchesPods", "endPort")]), max_size=3))
    return listing(ends, groups, depends=depends)


def unfolded(found, folded, by_source):
    rows = set()
    for section in folded.sections:
        for end in section.ends:
            for entry in section.entries:
                for other in entry.others:
                    pair = (end, other) if by_source else (other, end)
                    if end != other or found.endpoints[end].several:
                        rows.add((*pair, entry.connections, entry.depends_on))
    if folded.own_node is not None:
        for position in range(folded.own_node):
            pair = (position, folded.own_node) if by_source else (folded.own_node, position)
            rows.add((*pair, ConnectionSet.all(), ()))
    return rows


@given(listings(), st.booleans())
def test_unfolding_gives_the_rows_back(found, by_source):
    folded = fold(found, by_source=by_source)
    rows = {(row.source, row.destination, row.connections, row.depends_on) for row in found.rows()}
    assert unfolded(found, folded, by_source) == rows
    assert folded.pairs == len(rows)


@given(listings(), st.booleans())
def test_each_end_is_in_one_section_at_most(found, by_source):
    ends = [end for section in fold(found, by_source=by_source).sections for end in section.ends]
    assert len(ends) == len(set(ends))


def test_ends_alike_share_a_section():
    ends = [workload("a"), workload("b"), workload("c")]
    folded = fold(listing(ends, [((2,), (0, 1), tcp(80))]))
    assert [section.ends for section in folded.sections] == [(0, 1)]


def test_the_own_node_is_said_once():
    ends = [workload("a"), workload("b"), OWN_NODE]
    folded = fold(listing(ends, [((2,), (0, 1), ALL), ((0,), (1,), tcp(80))]))
    assert folded.own_node == 2
    assert [section.ends for section in folded.sections] == [(1,)]
    assert folded.pairs == 3
