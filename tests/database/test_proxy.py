"""The proxy sees every packet, and a connection ends just where it is told to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.database.proxy import Cut, Packet, Proxy
from tests.mariadb import MariaDB


class Client:
    """A bare client of a database of its own, through a proxy; and a look past that."""

    def __init__(self, server: MariaDB, proxy: Proxy) -> None:
        self.name = server.make_database()
        self.server, self.proxy = server, proxy
        self._options: dict[str, Any] = {"user": "root", "database": self.name}
        server.sql(
            f"CREATE TABLE {self.name}.kept (id INT PRIMARY KEY, said VARCHAR(9))",
            f"INSERT INTO {self.name}.kept VALUES (1, 'old')",
        )

    def change(self) -> None:
        """One transaction, on a connection of its own."""
        with pymysql.connect(
            host="127.0.0.1", port=self.proxy.port, ssl_disabled=True, **self._options
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("UPDATE kept SET said = 'new'")
            connection.commit()

    def put_back(self) -> None:
        """As it was."""
        self.server.sql(f"UPDATE {self.name}.kept SET said = 'old'")

    def said(self) -> str:
        """What is there."""
        [(said,)] = self.server.sql(f"SELECT said FROM {self.name}.kept")
        return str(said)

    def packet_of(self, statement: str, answer: int = 0) -> Packet:
        """The one packet of a change that says this."""
        self.proxy.watch()
        self.change()
        self.proxy.wait_for_ends()  # its QUIT would be the first of those that are counted next
        [found] = [
            packet
            for packet in self.proxy.packets
            if (packet.statement, packet.answer) == (statement, answer)
        ]
        self.put_back()
        return found


@pytest.fixture
def client(mariadb: MariaDB) -> Iterator[Client]:
    with Proxy(mariadb.socket) as proxy:
        yield Client(mariadb, proxy)


def test_what_is_said_goes_through_and_is_written_down(client: Client) -> None:
    client.change()
    assert client.said() == "new"
    said = ["UPDATE kept SET said = 'new'", "COMMIT", "QUIT"]
    assert client.proxy.statements[-3:] == said


@pytest.mark.parametrize(
    ("statement", "answer", "when", "there"),
    [
        ("UPDATE kept SET said = 'new'", 0, "before", "old"),
        ("UPDATE kept SET said = 'new'", 1, "after", "old"),
        ("COMMIT", 0, "before", "old"),
        ("COMMIT", 0, "after", "new"),
        ("COMMIT", 1, "before", "new"),
    ],
)
def test_a_cut_leaves_what_the_server_had_done(
    client: Client, statement: str, answer: int, when: Any, there: str
) -> None:
    """A COMMIT that went out is made before the client loses its answer."""
    packet = client.packet_of(statement, answer)
    client.proxy.watch(Cut(packet.number, when))
    with pytest.raises(pymysql.err.OperationalError):
        client.change()
    assert client.proxy.met == packet
    assert client.said() == there
    client.proxy.watch()
    client.change()  # the next connection is let through


def test_a_lasting_cut_ends_all_connections_until_it_is_over(client: Client) -> None:
    packet = client.packet_of("COMMIT")
    client.proxy.watch(Cut(packet.number, "before", is_lasting=True))
    for _ in range(2):
        with pytest.raises(pymysql.err.OperationalError):
            client.change()
    client.proxy.watch()
    client.proxy.admit()
    client.change()
    assert client.said() == "new"


def test_a_distant_server_is_that_far_away(client: Client) -> None:
    """Each trip: the login, what PyMySQL says at first, the change, and the COMMIT."""
    client.proxy.trip_seconds = 0.005
    client.proxy.statements.clear()
    began = time.monotonic()
    client.change()
    assert time.monotonic() - began >= 0.005 * len(client.proxy.statements[:-1])
