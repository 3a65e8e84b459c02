"""Recorded connections as CSV: the columns by many names, and every line that cannot be used with the reason."""

from __future__ import annotations

import pytest

from netcheck.load.recorded_flows import RecordedFlow, recorded_flows
from netcheck.values.ports import Protocol

HEAD = "source,destination,protocol,port\n"
ONE = RecordedFlow(source="shop/web", destination="shop/api", protocol=Protocol.TCP, port=8080)


def problems(text):
    return [(item.place.line, item.message) for item in recorded_flows(text, "flows.csv")[1]]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "shop/web,shop/api,TCP,8080\n",
        HEAD + "shop/web,shop/api,tcp,8080",
        "\ufeff" + HEAD + "shop/web,shop/api,TCP,8080\r\n",
        "src,dst,port\nshop/web,shop/api,8080\n",
        "from,to,port\nshop/web,shop/api,TCP/8080\n",
        "Port,Source,Destination\n8080,shop/web,shop/api\n",
        "time,source,bytes,destination,destination_port\nnow,shop/web,17,shop/api,8080\n",
        "# recorded on a Monday\n\n" + HEAD + "\n# the web shop\n shop/web , shop/api , TCP , 8080 \n,,,\n",
        HEAD + '"shop/web","shop/api","TCP","8080"\n',
        HEAD + "shop/web,shop/api,,8080\n",
    ],
)
def test_a_connection_is_read_in_many_spellings(text):
    assert recorded_flows(text, "flows.csv") == ((ONE,), ())


def test_connections_stand_once_in_the_order_of_the_file_with_their_line():
    text = HEAD + "b,c,TCP,1\na,b,UDP,2\nb,c,TCP,1\n"
    found, wrong = recorded_flows(text, "flows.csv")
    assert [(item.source, item.destination, item.protocol.value, item.port) for item in found] == [
        ("b", "c", "TCP", 1),
        ("a", "b", "UDP", 2),
    ]
    assert [(item.place.file, item.place.line) for item in found] == [("flows.csv", 2), ("flows.csv", 3)]
    assert wrong == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,b,ICMP,1", "unknown protocol `ICMP`"),
        ("a,b,TCP,http", "`http` is no port"),
        ("a,b,TCP,0", "`0` is no port"),
        ("a,b,TCP,65536", "`65536` is no port"),
        ("a,b,TCP,", "`` is no port"),
        ("a,b,TCP,-1", "`-1` is no port"),
        ("a,b,TCP,8080.0", "`8080.0` is no port"),
        ("a,b,TCP,²", "`²` is no port"),
        (",b,TCP,1", "an end is missing"),
        ("a,,TCP,1", "an end is missing"),
        ("a", "`` is no port"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_with_its_number(line, message):
    assert problems(HEAD + "x,y,TCP,1\n" + line + "\n") == [(3, message)]


def test_every_fault_is_told_and_what_is_right_is_read():
    found, wrong = recorded_flows(HEAD + "a,b,TCP,x\na,b,TCP,1\na,b,QUIC,1\n", "flows.csv")
    assert len(found) == 1
    assert [item.place.line for item in wrong] == [2, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no line in it"),
        ("\n\n# nothing\n", "there is no line in it"),
        ("a,b,TCP,1\n", "there is no column `source` and `destination` and `port`"),
        ("source,destination\na,b\n", "there is no column `port`"),
    ],
)
def test_a_file_without_columns_is_told_once(text, message):
    assert [message for _, message in problems(text)] == [message]


def test_what_is_no_csv_is_told():
    text = HEAD + 'a,"' + "x" * 200_000 + '",TCP,1\n'
    assert [message.partition(":")[0] for _, message in problems(text)] == ["this is no CSV"]


@pytest.mark.parametrize("text", ["\x00", "source,\x00", "\x00,b\n" * 3])
def test_bytes_of_zero_are_no_accident(text):
    assert problems(text)
