"""Stands in for the one name that two containers share: hands each connection to the next that listens."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Sequence
from typing import Self


class Relay:
    """Listens on `port` of loopback and takes the targets by turns, as Docker's name server does."""

    def __init__(self, port: int, targets: Sequence[int]) -> None:
        self._turns = itertools.cycle(range(len(targets)))
        self._targets = list(targets)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        first = next(self._turns)
        for port in self._targets[first:] + self._targets[:first]:
            try:
                server = socket.create_connection(("127.0.0.1", port), 2.0)
            except OSError:
                continue
            server.settimeout(None)
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()
            server.close()
            break
        client.close()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Passes on what comes until it ends."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # The other side is gone: so is this one.
        for each in (source, target):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
