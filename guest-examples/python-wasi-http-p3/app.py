"""Greets, describes the request, and echoes its content as a stream, on every server of `wasi:http/service` 0.3."""

from urllib.parse import parse_qs

from componentize_py_async_support import spawn
from componentize_py_async_support.futures import FutureReader
from componentize_py_async_support.streams import ByteStreamReader, ByteStreamWriter
from componentize_py_types import Ok
from wit_world import (
    byte_stream,
    result_option_wasi_http_types_fields_wasi_http_types_error_code_future as trailers_future,
    result_unit_wasi_http_types_error_code_future as outcome_future,
)
from wit_world import exports
from wit_world.imports.wasi_http_types import (
    Fields,
    Method_Get,
    Method_Head,
    Method_Post,
    Request,
    Response,
    Scheme_Https,
)


class Handler(exports.Handler):
    async def handle(self, request: Request) -> Response:
        path, _, query = (request.get_path_with_query() or "/").partition("?")
        match request.get_method(), path:
            case (Method_Get() | Method_Head()), "/":
                return text(200, greeting(query))
            case (Method_Get() | Method_Head()), "/request":
                return text(200, facts(request, path, query))
            case Method_Post(), "/echo":
                return echo(request)
            case _:
                return text(404, "There is nothing here.\n")


def greeting(query: str) -> str:
    names = parse_qs(query, keep_blank_values=True).get("name")
    return f"Hello, {names[0]}!\n" if names else "Hello from Python!\n"


def facts(request: Request, path: str, query: str) -> str:
    method = "HEAD" if isinstance(request.get_method(), Method_Head) else "GET"
    scheme = "https" if isinstance(request.get_scheme(), Scheme_Https) else "http"
    facts = {"method": method, "scheme": scheme, "authority": request.get_authority(), "path": path, "query": query}
    return "".join(f"{name}={value}\n" for name, value in facts.items() if value)


def echo(request: Request) -> Response:
    """Sends each piece back as it arrives, so the response begins before the request has ended."""
    headers = request.get_headers()
    content_type = (headers.get("content-type") or [b"application/octet-stream"])[0]
    content, trailers = Request.consume_body(request, outcome_future(lambda: Ok(None))[1])
    writer, reader = byte_stream()
    spawn(copy(content, writer))
    # The trailers of the request say whether it was complete, and so whether the response is.
    return answer(200, [("content-type", content_type)], reader, trailers)


async def copy(content: ByteStreamReader, writer: ByteStreamWriter) -> None:
    with content, writer:
        while not (content.writer_dropped or writer.reader_dropped):
            await writer.write_all(await content.read(64 * 1024))


def text(status: int, content: str) -> Response:
    writer, reader = byte_stream()
    spawn(write(writer, content.encode()))
    # Dropping the writer sends the default of the future: no trailers.
    return answer(status, [("content-type", b"text/plain; charset=utf-8")], reader, trailers_future(lambda: Ok(None))[1])


async def write(writer: ByteStreamWriter, content: bytes) -> None:
    with writer:
        await writer.write_all(content)


def answer(
    status: int, headers: list[tuple[str, bytes]], content: ByteStreamReader, trailers: FutureReader
) -> Response:
    response, _sent = Response.new(Fields.from_list(headers), content, trailers)
    response.set_status_code(status)
    return response
