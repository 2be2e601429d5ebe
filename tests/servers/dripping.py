"""A server that answers the first bytes it hears a byte at a time, for as long as somebody listens."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EVERY_SECONDS = 0.05


@dataclass
class Dripping:
    """How far it came."""

    port: int
    dripped: int = 0


@contextmanager
def dripping(answer: bytes, *, at_once: int = 0) -> Iterator[Dripping]:
    """Serves one connection: `at_once` bytes of the answer, then one each twentieth of a second."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        state = Dripping(server.getsockname()[1])

        def drip() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65_536)
                try:
                    client.sendall(answer[:at_once])
                    for octet in answer[at_once:]:
                        if done.wait(EVERY_SECONDS):
                            return
                        client.sendall(bytes([octet]))
                        state.dripped += 1
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield state
        done.set()
        thread.join(10)
