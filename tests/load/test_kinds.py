"""The table of kinds and the page that shows it."""

from pathlib import Path

from netcheck.load import kinds

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kinds.md"


def test_the_page_is_the_table():
    assert PAGE.read_text() == kinds.markdown()


def test_a_kind_stands_in_the_table_once():
    assert len(kinds.TABLE) == len(kinds.KINDS)
