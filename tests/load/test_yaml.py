"""YAML as kubectl reads it, with places."""

import pytest

from netcheck.load.tree import place_of
from netcheck.load.yaml_events import DocumentError, documents


def value_of(text):
    return next(iter(documents(text))).value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", True), ("y", True), ("Yes", True), ("off", False), ("N", False), ("true", True), ("tRue", "tRue"),
        ("~", None), ("", None), ("null", None), ("010", 8), ("0o10", 8), ("0x1F", 31), ("0b101", 5), ("1_000", 1000),
        ("+1", 1), ("-7", -7), ("09876", 9876), ("1e3", 1000), ("80.0", 80), ("80.5", 80.5), (".5", 0.5), ("1:20", "1:20"),
        ("2026-11-22", "2026-11-22"), ("1.2.3", "1.2.3"), ('"1"', "1"), ("'on'", "on"), ("!!str 1", "1"), ("!!int '3'", 3),
        ("0x", "0x"), ("-", "-"), ("1e", "1e"), ("._5", "._5"), ("18446744073709551615", 18446744073709551615),
        ("9" * 500, "9" * 500), ("!custom on", "on"),
    ],
)  # fmt: skip
def test_a_scalar_means_what_kubectl_takes_it_to_mean(written, meant):
    found = value_of(
        f"[{written}]" if written not in {"", "-"} else f"a: {written}x"[:-1] if written == "" else '["-"]'
    )
    assert (found["a"] if isinstance(found, dict) else found[0]) == meant


def test_keys_become_text():
    assert value_of("{on: 1, 1: 2, 1.5: 3}") == {"true": 1, "1": 2, "1.5": 3}


def test_a_merge_key_merges_at_its_place_and_a_later_key_wins():
    assert value_of("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: {<<: [{k: 9}, *x]}") == {
        "a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}, "c": {"k": 9, "l": 2},
    }  # fmt: skip


def test_a_key_written_twice_keeps_its_last_value_and_is_told():
    document = next(iter(documents("a: 1\nb: {c: 1, c: 2}\n")))
    assert document.value == {"a": 1, "b": {"c": 2}}
    assert [(key, mark.line) for key, mark in document.repeated] == [("c", 1)]


def test_every_part_knows_its_place():
    root = value_of("a: 1\nlist:\n- x: {k: z}\n- ~\n")
    assert str(place_of(root, ("list", 0, "x", "k"), "f.yaml")) == "f.yaml:3:10"
    assert str(place_of(root, ("list", 1), "f.yaml", 10)) == "f.yaml:14:3"
    assert str(place_of(root, ("list", 0, "gone"), "f.yaml")) == "f.yaml:3:3"
    assert str(place_of(root, ("list",), "f.yaml", of_key=True)) == "f.yaml:2:1"


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: b: c",
        "\ta: b",
        "&a [*a]",
        "*nowhere",
        "{[1]: 2}",
        "{~: 1}",
        "!!int x",
        "<<: 3",
        "[" * 500,
        "'",
        "a: !!bool 1",
    ],
)
def test_what_kubectl_cannot_read_is_an_error_with_a_place(text):
    with pytest.raises(DocumentError):
        list(documents(text))


def test_aliases_cannot_expand_without_bound():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(DocumentError, match="too many nodes"):
        list(documents("\n".join(lines)))
