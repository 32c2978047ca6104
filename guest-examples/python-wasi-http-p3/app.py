"""A greeting, an echo that streams, and a look at the request: for any server of `wasi:http/service` 0.3."""

from componentize_py_async_support import spawn
from componentize_py_async_support.streams import ByteStreamReader, ByteStreamWriter
from componentize_py_types import Ok
from wit_world import (
    byte_stream,
    result_option_wasi_http_types_fields_wasi_http_types_error_code_future as trailers_future,
    result_unit_wasi_http_types_error_code_future as outcome_future,
)
from wit_world import exports
from wit_world.imports.wasi_http_types import Fields, Method_Get, Method_Post, Request, Response, Scheme_Https


class Handler(exports.Handler):
    async def handle(self, request: Request) -> Response:
        path = (request.get_path_with_query() or "/").partition("?")[0]
        match request.get_method(), path:
            case Method_Get(), "/":
                return text("Hello from Python\n")
            case Method_Get(), "/request":
                scheme = "https" if isinstance(request.get_scheme(), Scheme_Https) else "http"
                return text(f"method=GET\nauthority={request.get_authority()}\nscheme={scheme}\n")
            case Method_Post(), "/echo":
                return echo(request)
            case _:
                return answer(404, [], None)


def echo(request: Request) -> Response:
    """Each piece goes back as it comes: the answer begins before the request has ended."""
    headers = request.get_headers()
    content_type = (headers.get("content-type") or [b"application/octet-stream"])[0]
    content, _trailers = Request.consume_body(request, outcome_future(lambda: Ok(None))[1])
    writer, reader = byte_stream()
    spawn(copy(content, writer))
    return answer(200, [("content-type", content_type)], reader)


async def copy(content: ByteStreamReader, writer: ByteStreamWriter) -> None:
    with content, writer:
        while not (content.writer_dropped or writer.reader_dropped):
            await writer.write_all(await content.read(64 * 1024))


def text(content: str) -> Response:
    writer, reader = byte_stream()
    spawn(write(writer, content.encode()))
    return answer(200, [("content-type", b"text/plain; charset=utf-8")], reader)


async def write(writer: ByteStreamWriter, content: bytes) -> None:
    with writer:
        await writer.write_all(content)


def answer(status: int, headers: list[tuple[str, bytes]], content: ByteStreamReader | None) -> Response:
    # The future's writer is dropped here, which sends its default: there are no trailers.
    response, _sent = Response.new(Fields.from_list(headers), content, trailers_future(lambda: Ok(None))[1])
    response.set_status_code(status)
    return response
