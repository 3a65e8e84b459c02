"""Edits of manifests: small, in the style that is there, with comments and layout kept; refused where that cannot be."""

from __future__ import annotations

import pytest

from netcheck.errors import Place
from netcheck.load.rewrite import NotEditable, Source, changed_objects, edits_of, overlap
from netcheck.model.edits import AppendText, DropComment, Edit, Field, InsertField, InsertItem, RenameKey, SetField

DNS = (Field("port", 53), Field("protocol", "TCP"))
NAMED = Field("namespaceSelector", (Field("matchLabels", (Field("kubernetes.io/metadata.name", "shop"),)),))


def place(text, words, *, skip=0):
    """Return the place of the last of several words, each looked for behind the one before it."""
    at = 0
    for word in words:
        at = text.index(word, at + skip)
    return Place("a.yaml", text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def edited(text, operation):
    source = Source(text.encode())
    return source.with_edits(edits_of(source, [operation])).decode()


BLOCK = """\
ports:
  # names
  - port: 53  # by UDP
    protocol: UDP
  - protocol: UDP
    port: 54
"""


def test_an_item_is_written_before_another_in_its_order_and_indentation():
    at = place(BLOCK, ["port: 53"])
    assert edited(BLOCK, InsertItem(at=at, item=DNS)) == BLOCK.replace(
        "  - port: 53  #", "  - port: 53\n    protocol: TCP\n  - port: 53  #"
    )
    at = place(BLOCK, ["protocol: UDP\n    port"])
    assert edited(BLOCK, InsertItem(at=at, item=DNS)) == BLOCK.replace(
        "  - protocol: UDP\n    port: 54", "  - protocol: TCP\n    port: 53\n  - protocol: UDP\n    port: 54"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ports: [{port: 53}]\n", "ports: [{port: 53, protocol: TCP}, {port: 53}]\n"),
        ("ports:\n- {port: 53}\n", "ports:\n- {port: 53, protocol: TCP}\n- {port: 53}\n"),
        ("ports:\n-   {port: 53}\n", "ports:\n-   {port: 53, protocol: TCP}\n-   {port: 53}\n"),
        ('{"ports": [{"port": 53}]}', '{"ports": [{"port": 53, "protocol": "TCP"}, {"port": 53}]}'),
        (
            '{\n  "ports": [\n    {"port": 53}\n  ]\n}\n',
            '{\n  "ports": [\n    {"port": 53, "protocol": "TCP"},\n    {"port": 53}\n  ]\n}\n',
        ),
        ("a:\n- - {port: 53}\n", "a:\n- - {port: 53, protocol: TCP}\n  - {port: 53}\n"),
    ],
)
def test_an_item_is_written_in_the_style_of_the_one_that_is_there(text, wanted):
    assert edited(text, InsertItem(at=place(text, ["{"], skip=1), item=DNS)) == wanted


SPEC = """\
spec:
  podSelector: {}  # every pod
  # what may leave

  # all of it
  egress:
    - {}
"""


def test_a_key_is_written_above_the_comments_of_the_one_behind_it():
    operation = InsertField(
        at=Place("a", 1, 1), path=("spec",), field=Field("policyTypes", ("Egress",)), before=("egress",)
    )
    assert edited(SPEC, operation) == SPEC.replace("  # all", "  policyTypes: [Egress]\n  # all")
    flow = "spec: {podSelector: {}, egress: [{}]}\n"
    assert edited(flow, operation) == "spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}\n"
    in_json = '{"spec": {"egress": [{}]}}'
    assert edited(in_json, operation) == '{"spec": {"policyTypes": ["Egress"], "egress": [{}]}}'


def test_a_key_is_written_into_an_item():
    text = "from:\n- podSelector:\n    matchLabels: {app: web}\n"
    assert edited(text, InsertField(at=place(text, ["podSelector"]), field=NAMED)) == (
        "from:\n- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}\n  podSelector:\n"
        "    matchLabels: {app: web}\n"
    )


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        ("a: {port: 80} # x\n", 8080, "a: {port: 8080} # x\n"),
        ("a: {port: http}\n", "http-alt", "a: {port: http-alt}\n"),
        ("a: {port: 'http'}\n", "web", "a: {port: 'web'}\n"),
        ('{"a": {"port": "http"}}', "web", '{"a": {"port": "web"}}'),
        ('{"a": {"port":80,"endPort":81}}', 8080, '{"a": {"port":8080,"endPort":81}}'),
        ("a: {port: http}\n", "8080-tcp", 'a: {port: "8080-tcp"}\n'),
    ],
)
def test_a_scalar_is_replaced(text, value, wanted):
    assert edited(text, SetField(at=place(text, ["{"], skip=1), key="port", value=value)) == wanted


def test_a_key_that_is_not_there_is_written():
    text = "a:\n- port: 514  # syslog\n"
    assert edited(text, SetField(at=place(text, ["port"]), key="protocol", value="UDP")) == (
        "a:\n- protocol: UDP\n  port: 514  # syslog\n"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("types: [Ingress]  # x\n", "types: [Ingress, Egress]  # x\n"),
        ('types: ["Ingress"]\n', 'types: ["Ingress", "Egress"]\n'),
        ("types:\n  - Ingress  # x\nother: 1\n", "types:\n  - Ingress  # x\n  - Egress\nother: 1\n"),
        ("types:\n- Ingress", "types:\n- Ingress\n- Egress"),
    ],
)
def test_a_text_is_written_behind_the_last(text, wanted):
    assert edited(text, AppendText(at=Place("a", 1, 1), path=("types",), value="Egress")) == wanted


def test_a_key_is_renamed():
    operation = RenameKey(at=Place("a", 1, 1), path=("labels",), old="name", new="kubernetes.io/metadata.name")
    assert edited("labels: {a: b, name: x}\n", operation) == "labels: {a: b, kubernetes.io/metadata.name: x}\n"
    assert edited("labels:\n  'name': x # y\n", operation) == "labels:\n  'kubernetes.io/metadata.name': x # y\n"
    with pytest.raises(NotEditable, match="cannot be renamed"):
        edited("labels: {b: c}\n", operation)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: 1  # netcheck: x\nb: 2\n", "a: 1\nb: 2\n"),
        ("  # netcheck: x\nb: 2\n", "b: 2\n"),
        ("a: 1  # netcheck: x  # the rest\n", "a: 1  # the rest\n"),
        ("b: 2\n# netcheck: x", "b: 2\n"),
    ],
)
def test_a_comment_is_taken_away_with_its_line_if_nothing_else_is_there(text, wanted):
    assert edited(text, DropComment(at=place(text, ["# netcheck"]))) == wanted


def test_line_ends_and_the_byte_order_mark_stay():
    text = "\ufeff" + BLOCK.replace("\n", "\r\n")
    source = Source(text.encode())
    data = source.with_edits(edits_of(source, [InsertItem(at=Place("a", 3, 5), item=DNS)]))
    assert data.decode() == "\ufeff" + edited(BLOCK, InsertItem(at=Place("a", 3, 5), item=DNS)).replace("\n", "\r\n")


def test_later_documents_are_found_by_their_line():
    text = f"a: 1\n---\n{BLOCK}--- # b\nports: [{{port: 53}}]\n"
    assert edited(text, InsertItem(at=place(text, ["{"]), item=DNS)) == text.replace(
        "[{port: 53}]", "[{port: 53, protocol: TCP}, {port: 53}]"
    )


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("a: {port: 0x50}\n", Place("a", 1, 4), "not written plainly"),
        ("a: &x {port: 80}\n", Place("a", 1, 4), "anchor"),
        ("a: {port: 80}\n", Place("a", 9, 4), "not found"),
        ("a: {port: 80}\n", Place("a"), "not known"),
        ("b: &b {port: 80}\na:\n  <<: *b\n  protocol: TCP\n", Place("a", 3, 3), "merged in"),
        ("a: {port: 80}\u2028\n", Place("a", 1, 4), "line ends"),
        ("a: {port: 80\n", Place("a", 1, 4), "cannot be read"),
    ],
)
def test_what_is_not_written_plainly_is_refused(text, at, why):
    with pytest.raises(NotEditable, match=why):
        edited(text, SetField(at=at, key="port", value=1))


def test_items_that_are_not_plain_are_refused():
    for text, at in (("a:\n-\n  port: 53\n", Place("a", 3, 3)), ("a: {port: 53}\n", Place("a", 1, 4))):
        with pytest.raises(NotEditable):
            edited(text, InsertItem(at=at, item=DNS))
    with pytest.raises(NotEditable, match="line to itself"):
        edited("types:\n-\n  Ingress\n", AppendText(at=Place("a", 1, 1), path=("types",), value="Egress"))


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(NotEditable, match="UTF-8"):
        Source("a: 1".encode("utf-16"))


def test_edits_that_touch_are_found():
    one = Edit(1, 1, 1, 5, "")
    assert overlap([one], [Edit(1, 5, 1, 5, "x")])
    assert not overlap([one], [Edit(1, 6, 1, 6, "x"), Edit(2, 1, 2, 1, "y")])


def test_objects_that_differ_are_named():
    item = "kind: A\nmetadata: {name: x, namespace: shop}\nspec: %d\n"
    other = "kind: B\nmetadata: {name: other}\n"

    def changed(one, two):
        return changed_objects(one.encode(), two.encode())

    assert changed(f"{item % 1}---\n{other}", f"# c\n{item % 2}---\n{other}") == {("A", "shop", "x")}
    assert changed(f"{item % 1}", f"{item % 1}---\n{other}") is None
    assert changed("a: 1\n", "a: 2\n") == {("", "", "")}
    assert changed("- 1\n", "- 2\n") is None
    listed = "kind: List\nitems:\n- {kind: A, metadata: {name: %s}, spec: %d}\n- {kind: B, metadata: {name: other}}\n"
    assert changed(listed % ("x", 1), listed % ("x", 2)) == {("A", "", "x")}
    assert changed(listed % ("x", 1), listed % ("z", 1)) is None
