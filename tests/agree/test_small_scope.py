"""Every cluster with one policy in a tiny universe, through all three ways: enumeration before randomness."""

from __future__ import annotations

from itertools import islice

import pytest

from tests import smallscope
from tests.agree.compare import oracle_against_sets, sets_against_z3

CHUNK = 155
CHUNKS = range(0, smallscope.COUNT, CHUNK)


@pytest.mark.parametrize("start", CHUNKS)
def test_oracle_and_sets_agree_on_every_flow(start: int) -> None:
    flows = smallscope.flows()
    compared = 0
    for number, cluster in enumerate(islice(smallscope.one_policy_clusters(), start, start + CHUNK)):
        count, difference = oracle_against_sets(cluster, flows)
        assert difference is None, f"cluster {start + number}: {difference}"
        compared += count
    assert compared > 100 * CHUNK // 2


@pytest.mark.parametrize("start", CHUNKS)
def test_z3_proves_the_sets_right(start: int) -> None:
    for number, cluster in enumerate(islice(smallscope.one_policy_clusters(), start, start + CHUNK)):
        assert sets_against_z3(cluster) is None, f"cluster {start + number}"
