"""Broken, huge, deep and malicious input: a clear problem in bounded time, never a traceback."""

import random
import time

import pytest

from netcheck.errors import InputError, Severity
from netcheck.load import documents
from netcheck.load.loader import load, load_text
from tests.hostile import fuzz
from tests.hostile.seeds import SEEDS

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
GOOD = HEAD.encode()


def problems(tmp_path, data, name="x.yaml"):
    (tmp_path / "good.yaml").write_bytes(GOOD)
    (tmp_path / name).write_bytes(data)
    began = time.perf_counter()
    loaded = load([str(tmp_path)])
    assert time.perf_counter() - began < 2
    return [problem for problem in loaded.problems if problem.severity is Severity.ERROR]


def test_nul_bytes_are_told(tmp_path):
    (found,) = problems(tmp_path, b"\0\1" + HEAD.replace("name: c", "name: d").encode())
    assert "NUL" in found.message


def test_bytes_that_are_not_utf_8_are_told(tmp_path):
    (found,) = problems(tmp_path, GOOD + b"data: {a: \xff\xfe\xfa}\n")
    assert "UTF-8" in found.message


def test_a_binary_file_that_holds_no_object_is_skipped(tmp_path):
    assert not problems(tmp_path, bytes(range(256)) * 1000)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_byte_order_marks_are_read(encoding, tmp_path):
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    (tmp_path / "x.yaml").write_bytes((mark + HEAD).encode(encoding))
    assert load([str(tmp_path)]).counts == {"ConfigMap": 1}


def test_windows_and_old_mac_line_ends_are_read():
    for end in ("\r\n", "\r"):
        loaded = load_text((HEAD + "---\n" + HEAD.replace("name: c", "name: d") + "labels:\n").replace("\n", end))
        assert loaded.counts == {"ConfigMap": 2}
        assert [problem.place.line for problem in loaded.problems] == [8]


def test_a_tab_in_the_indentation_is_told_with_a_hint(tmp_path):
    (found,) = problems(tmp_path, (HEAD + "data:\n\ta: b\n").encode())
    assert "tabs" in found.hint
    assert found.place.line == 5


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_told(opening, tmp_path):
    text = opening * 5000 if opening != "- " else "\n" + "".join(" " * depth + "-\n" for depth in range(400))
    (found,) = problems(tmp_path, (HEAD + "data: " + text).encode())
    assert found.message


def test_deep_json_is_told(tmp_path):
    text = '{"apiVersion": "v1", "kind": "ConfigMap", "data": ' + "[" * 100_000
    assert problems(tmp_path, text.encode(), "x.json")
    assert problems(tmp_path, (text + "1" + "]" * 100_000 + "}").encode(), "x.json")
    large = '{"apiVersion": "v1", "kind": "List", "items": [' + "[" * 1_500_000
    assert problems(tmp_path, large.encode(), "x.json")


def test_a_billion_laughs_are_told(tmp_path):
    lines = ["a0: &a0 [" + ", ".join("x" * 10) + "]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (found,) = problems(tmp_path, (HEAD + "\n".join(lines)).encode())
    assert "aliases" in found.message


def test_an_anchor_that_contains_itself_is_told(tmp_path):
    (found,) = problems(tmp_path, (HEAD + "data: &a {x: *a}").encode())
    assert "contains itself" in found.message


def test_a_yaml_file_that_is_too_large_is_told_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MOST_YAML_BYTES", 100)
    (found,) = problems(tmp_path, (HEAD + "#" * 100).encode())
    assert "JSON" in found.hint


def test_a_large_file_of_nonsense_takes_little_time(tmp_path):
    for data in (
        b"{" * 500_000,
        b"a: " * 300_000,
        b"- " * 300_000,
        b"'" * 400_000,
        b"\n" * 1_000_000,
        b"---\n" * 200_000,
    ):
        assert not problems(tmp_path, data)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "good.yaml").write_bytes(GOOD)
    (tmp_path / "x.yaml").mkdir()
    (tmp_path / "x.yaml" / "y.yaml").symlink_to(tmp_path / "x.yaml" / "y.yaml")
    assert load([str(tmp_path)]).counts == {"ConfigMap": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "---",
        "# x",
        "null",
        "[]",
        "3",
        "apiVersion: v1",
        "kind: Pod",
        "apiVersion: 1\nkind: 2",
        "apiVersion: [v1]\nkind: {a: b}",
    ],
)
def test_what_holds_no_object_is_an_input_error_or_a_problem(text):
    try:
        loaded = load_text(text)
    except InputError:
        return
    assert loaded.problems


@pytest.mark.parametrize("part", ["metadata", "spec", "status"])
@pytest.mark.parametrize("value", ["null", "3", "[]", "[1, null]", "text", "true", "{a: [1]}"])
def test_parts_of_any_type_never_break_a_kind(part, value):
    for seed in SEEDS[:2] + SEEDS[3:]:
        for chunk in seed.split("---\n"):
            head = [line for line in chunk.split("\n") if line.startswith(("apiVersion", "kind", "metadata: {"))]
            assert load_text("\n".join([*head, f"{part}: {value}"])) is not None


def test_mutated_manifests_load_or_are_refused_in_words():
    draw = random.Random(11)
    for _ in range(300):
        assert fuzz.check(fuzz.mutate(draw, draw.choice(SEEDS)), "x.yaml") < 1
