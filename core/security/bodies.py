"""How much one request may bring. Django bounds what it parses, not what it takes in: a body is on the disk before a view is asked."""

from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

REFUSAL = b"The request is too large.\n"


class Bounded:
    """An ASGI application that answers 413 to a body of more than `most` bytes, whether its length was announced or not."""

    def __init__(self, application: Application, most: int) -> None:
        self.application = application
        self.most = most

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        announced = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > 15 or int(announced) > self.most:
            await _refuse(send)
            return
        taken = 0
        answered = False

        async def counted() -> dict[str, Any]:
            nonlocal taken
            event = await receive()
            taken += len(event.get("body", b""))
            # As if the client had gone: Django lets go of what it holds, and answers nothing.
            return event if taken <= self.most else {"type": "http.disconnect"}

        async def noted(event: dict[str, Any]) -> None:
            nonlocal answered
            answered = True
            await send(event)

        await self.application(scope, counted, noted)
        if taken > self.most and not answered:
            await _refuse(send)


async def _refuse(send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSAL)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})
