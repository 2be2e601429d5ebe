"""The live transport where no page is open: it says so when the layer is away, and works in a process that was forked."""

import asyncio
import multiprocessing
import socket
import threading
from typing import Any

import pytest
from channels.layers import get_channel_layer

from core.notifications.transport import TransportError, Verdict
from core.notifications.transports.websocket import WebSocketTransport, publish
from tests.notifications.transports.conftest import a_message


@pytest.fixture
def closed_port() -> Any:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


def over_redis(port: int) -> dict[str, Any]:
    return {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [f"redis://127.0.0.1:{port}/0"]}}}


def test_with_redis_away_it_is_tried_again_later(settings, closed_port):
    settings.CHANNEL_LAYERS = over_redis(closed_port)
    with pytest.raises(TransportError) as caught:
        WebSocketTransport().send(a_message(to="1"))
    assert (caught.value.verdict, caught.value.code) == (Verdict.RETRY, "layer")


def test_with_redis_hanging_nobody_knows_whether_the_frame_arrived(settings, monkeypatch):
    monkeypatch.setattr("core.notifications.transports.websocket.PATIENCE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CHANNEL_LAYERS = over_redis(silent.getsockname()[1])
        with pytest.raises(TransportError) as caught:
            WebSocketTransport().send(a_message(to="1"))
    assert (caught.value.verdict, caught.value.code) == (Verdict.UNCERTAIN, "layer")


def test_a_frame_that_arrived_though_its_answer_did_not_is_not_called_unsent(monkeypatch):
    """The layer takes it, and says so too late."""
    monkeypatch.setattr("core.notifications.transports.websocket.PATIENCE_SECONDS", 0.2)
    arrived = []

    class SlowToAnswer:
        async def group_send(self, group: str, _: Any) -> None:
            arrived.append(group)
            await asyncio.sleep(30)

    monkeypatch.setattr("core.notifications.transports.websocket.get_channel_layer", SlowToAnswer)
    with pytest.raises(TransportError) as caught:
        WebSocketTransport().send(a_message(to="1"))
    assert arrived == ["user.1"]
    assert caught.value.verdict is Verdict.UNCERTAIN


def test_a_forked_process_sends_by_itself():
    """As a worker's children do: they inherit the loop of their parent, but not the thread that ran it."""
    assert WebSocketTransport().send(a_message(to="1")).provider == "websocket"
    parents, childs = multiprocessing.get_context("fork").Pipe(duplex=False)

    def in_the_child() -> None:
        childs.send(WebSocketTransport().send(a_message(to="1")).provider)

    child = multiprocessing.get_context("fork").Process(target=in_the_child, daemon=True)
    child.start()
    try:
        assert parents.poll(4), "The child waits for a loop that nobody runs."
        assert parents.recv() == "websocket"
    finally:
        child.kill()
        child.join(5)


def test_a_coroutine_of_the_servers_own_loop_may_publish_too(monkeypatch):
    monkeypatch.setattr("core.notifications.transports.websocket._loops.servers", None)

    async def listen_and_publish() -> Any:
        publish("user.1", {"type": "unread"})
        layer = get_channel_layer()
        assert layer is not None
        await layer.group_add("user.1", "here")
        publish("user.1", {"type": "unread"})
        return await asyncio.wait_for(layer.receive("here"), 2)

    loop = asyncio.new_event_loop()
    monkeypatch.setattr("core.notifications.transports.websocket._loops.servers", loop)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(loop.run_until_complete(listen_and_publish())))
    thread.start()
    thread.join(5)
    loop.close()
    assert got == [{"type": "frame", "frame": {"type": "unread"}}]
