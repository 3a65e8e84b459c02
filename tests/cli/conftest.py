from __future__ import annotations

import pytest

from tests.cli.running import Runner


@pytest.fixture
def netcheck(capsys, monkeypatch, tmp_path):
    """Run the command line in an empty folder, so that no configuration is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return Runner(capsys, monkeypatch)
