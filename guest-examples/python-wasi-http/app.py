"""Greets, describes the request, and echoes its content as a stream, on every server of `wasi:http/proxy` 0.2.

`with` drops a child before its parent, such as a stream before its body.
"""

from urllib.parse import parse_qs

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    IncomingRequest,
    Method_Get,
    Method_Head,
    Method_Post,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
    Scheme_Https,
)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path, _, query = (request.path_with_query() or "/").partition("?")
        match request.method(), path:
            case (Method_Get() | Method_Head()), "/":
                text(response_out, 200, greeting(query))
            case (Method_Get() | Method_Head()), "/request":
                text(response_out, 200, facts(request, path, query))
            case Method_Post(), "/echo":
                echo(request, response_out)
            case _:
                text(response_out, 404, "There is nothing here.\n")


def greeting(query: str) -> str:
    names = parse_qs(query, keep_blank_values=True).get("name")
    return f"Hello, {names[0]}!\n" if names else "Hello from Python!\n"


def facts(request: IncomingRequest, path: str, query: str) -> str:
    method = "HEAD" if isinstance(request.method(), Method_Head) else "GET"
    scheme = "https" if isinstance(request.scheme(), Scheme_Https) else "http"
    facts = {"method": method, "scheme": scheme, "authority": request.authority(), "path": path, "query": query}
    return "".join(f"{name}={value}\n" for name, value in facts.items() if value)


def echo(request: IncomingRequest, response_out: ResponseOutparam) -> None:
    """Passes the bytes from stream to stream in the server, as they arrive."""
    with request.headers() as headers:
        content_type = (headers.get("content-type") or [b"application/octet-stream"])[0]
    content, body = request.consume(), start(response_out, 200, content_type)
    # After an error the body stays unfinished, so the server breaks off the response: it must not look complete.
    with content.stream() as source, body.write() as sink:
        while splice(source, sink):
            sink.flush()  # otherwise a server may buffer it
    with IncomingBody.finish(content) as trailers:
        with trailers.subscribe() as told:
            told.block()
        match trailers.get():
            case Ok(Ok(fields)):
                OutgoingBody.finish(body, fields)


def splice(source, sink) -> bool:
    """Returns whether there may be more."""
    try:
        sink.blocking_splice(source, 64 * 1024)
    except Err as error:
        if isinstance(error.value, StreamError_Closed):
            return False
        raise
    return True


def text(response_out: ResponseOutparam, status: int, content: str) -> None:
    body = start(response_out, status, b"text/plain; charset=utf-8")
    with body.write() as sink:
        data = content.encode()
        for at in range(0, len(data), 4096):  # the maximum for one call
            sink.blocking_write_and_flush(data[at : at + 4096])
    OutgoingBody.finish(body, None)


def start(response_out: ResponseOutparam, status: int, content_type: bytes) -> OutgoingBody:
    """Sends the head. Takes the body first, because `set` consumes the response."""
    response = OutgoingResponse(Fields.from_list([("content-type", content_type)]))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    return body
