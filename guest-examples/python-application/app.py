"""Greets, describes the request, and echoes its content as a stream."""

from urllib.parse import parse_qs

import wit_world
from wit_world.imports import connection, request, response


class WitWorld(wit_world.WitWorld):
    def handle(self) -> None:
        head = request.head()
        match head.method, head.path:
            case ("GET" | "HEAD"), "/":
                text(200, greeting(head.query or ""))
            case ("GET" | "HEAD"), "/request":
                text(200, facts(head))
            case "POST", "/echo":
                echo()
            case _:
                text(404, "There is nothing here.\n")


def greeting(query: str) -> str:
    names = parse_qs(query, keep_blank_values=True).get("name")
    return f"Hello, {names[0]}!\n" if names else "Hello from Python!\n"


def facts(head: request.RequestHead) -> str:
    remote = connection.current().remote
    facts = {
        "method": head.method,
        "scheme": head.scheme,
        "authority": head.authority,
        "path": head.path,
        "query": head.query,
        "remote": remote and remote.address,
    }
    return "".join(f"{name}={value}\n" for name, value in facts.items() if value is not None)


def echo() -> None:
    """Sends each piece back as it arrives, so the response begins before the request has ended.

    If the request breaks off, `read` raises an exception, and the response breaks off too.
    """
    response.start(200, [("content-type", request.field("content-type") or b"application/octet-stream")])
    while piece := request.read(0):
        response.write(piece)


def text(status: int, content: str) -> None:
    response.send(status, [("content-type", b"text/plain; charset=utf-8")], content.encode())
