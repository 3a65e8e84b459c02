from tests.cli.conftest import netcheck  # noqa: F401 - a fixture
