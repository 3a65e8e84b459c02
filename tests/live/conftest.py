"""A server for each test that asks for one, and how to read from it without waiting."""

from __future__ import annotations

import pytest

from netcheck.load.cluster_api import Access, connect
from netcheck.load.live import Reading, capture
from netcheck.load.live_fetch import Limits
from tests.cli.conftest import netcheck  # noqa: F401 - a fixture
from tests.live.clusters import small
from tests.live.server import Server, kubeconfig

CLEAN = small()
SHORT = Limits(request=0.5, total=20, tries=3, pause=0.001, longest_pause=0.01, page=2, threads=4)


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts a server for documents and gives (server, path of its kubeconfig)."""
    servers = []

    def start(answer, fault=None, token="admin"):
        servers.append(Server(answer, fault))
        return servers[-1], kubeconfig(tmp_path, {"prod": servers[-1].url}, token)

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def ask(serve, netcheck):  # noqa: F811 - the fixture
    """Return a function that runs a command on a cluster that is served."""

    def run(command, *arguments, answer=CLEAN.answer, fault=None, token="admin", source="cluster:"):
        _, config = serve(answer, fault, token)
        return netcheck(command, source, *arguments, "--kubeconfig", config, "-o", "json")

    return run


def read(config, limits=SHORT, **more):
    connection = connect(Access(kubeconfig=config), "")
    return capture("cluster:prod", connection, Reading(limits=limits, **more))


def held(captured):
    """Return what a capture holds, as bytes."""
    return {f"{item.api_version} {item.plural}": [bytes(one) for one in item.items] for item in captured.listings}
