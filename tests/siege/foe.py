"""One hostile connection: what it sends comes from a generator, what it hears is counted. It never answers by itself."""

import re
import select
import socket
import struct
import time
from collections import Counter

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS = 4
PADDED = 8
HEADER_TABLE_SIZE, _, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = range(1, 5)
CODES = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
    "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
]  # fmt: skip
MOST = (1 << 31) - 1


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def settings(**values):
    names = {"table": HEADER_TABLE_SIZE, "streams": MAX_CONCURRENT_STREAMS, "window": INITIAL_WINDOW_SIZE}
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", names[name], value) for name, value in values.items()))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", size))


def rst(stream, code=8):
    return frame(RST_STREAM, stream=stream, payload=struct.pack(">I", code))


def literal(name, value):
    """A field that no table keeps, without Huffman coding: the same bytes on every connection."""
    return b"\x00" + length(len(name), 7) + name + length(len(value), 7) + value


def length(number, bits):
    """An integer of HPACK (RFC 7541 section 5.1)."""
    most = (1 << bits) - 1
    if number < most:
        return bytes([number])
    data, number = [most], number - most
    while number >= 128:
        data.append(number % 128 | 128)
        number //= 128
    return bytes([*data, number])


def block(path="/empty", method="GET", fields=b""):
    """A request's fields: method and path as literals, scheme by the static table."""
    pseudo = literal(b":method", method.encode()) + b"\x86" + literal(b":path", path.encode())
    return pseudo + literal(b":authority", b"localhost") + fields


def request(stream, path="/empty", method="GET", fields=b"", end=True):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(path, method, fields))


class Foe:
    def __init__(self, port, script, reads=True, is_h2=True, buffer=None):
        self.sent = self.received = 0
        self.heard = Counter()  # what the server said: statuses, resets, frames
        self.goaway = None
        self.ended = None  # how, when the server has ended the connection
        self.ended_after = None
        self._credits, self._initial = Counter({0: 65_535}), 65_535  # what it may send, by the rules
        self.reads, self.is_h2 = reads, is_h2
        self._in, self._out, self._wakes = b"", b"", 0.0
        self._decoder = hpack.Decoder()
        self._decoder.max_header_list_size = 1 << 24
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(5)
        self.began = time.monotonic()
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError as error:
            self._ends(f"connect: {error}")
        self.socket.setblocking(False)
        self._script = script(self)

    def wants_to_write(self, now):
        """Whether there is something to send now; asks the script for more."""
        while not self._out and self._script and now >= self._wakes:
            try:
                step = next(self._script)
            except StopIteration:
                self._script = None
                break
            if isinstance(step, (int, float)):
                self._wakes = now + step
            else:
                self._out = step
        return bool(self._out)

    def write(self):
        try:
            for _ in range(16):
                sent = self.socket.send(self._out)
                self.sent += sent
                self._out = self._out[sent:]
                if self._out or not self.wants_to_write(time.monotonic()):
                    break
        except BlockingIOError:
            pass
        except OSError as error:
            self.read()  # what it said before, if that is still there
            self._ends(type(error).__name__)

    def read(self):
        try:
            for _ in range(64):
                data = self.socket.recv(65536)
                if not data:
                    return self._ends("closed")
                self.received += len(data)
                self._in += data
                self._hear_h2() if self.is_h2 else self._hear_h1()
        except BlockingIOError:
            pass
        except OSError as error:
            self._ends(type(error).__name__)

    def _hear_h1(self):
        for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self._in):
            self.heard[status.decode()] += 1
        # The last bytes may be the beginning of a status line.
        cut = max(self._in.rfind(b"HTTP/1"), len(self._in) - 16)
        self._in = self._in[cut:] if not re.match(rb"HTTP/1\.[01] \d{3} ", self._in[cut:]) else b""

    def _hear_h2(self):
        while len(self._in) >= 9:
            size = int.from_bytes(self._in[:3], "big")
            if len(self._in) < 9 + size:
                return
            kind, flags, stream = self._in[3], self._in[4], int.from_bytes(self._in[5:9], "big") & MOST
            payload, self._in = self._in[9 : 9 + size], self._in[9 + size :]
            if kind == WINDOW_UPDATE:
                self._credits[stream] += int.from_bytes(payload, "big")
            elif kind == HEADERS and flags & END_HEADERS:
                fields = dict(self._decoder.decode(payload, raw=True))
                self.heard[fields.get(b":status", b"trailers").decode()] += 1
            elif kind == RST_STREAM:
                self.heard[f"RST {name_of(payload)}"] += 1
            elif kind == GOAWAY:
                debug = payload[8:].decode(errors="replace")
                self.goaway = f"GOAWAY {name_of(payload[4:8])}" + (f" ({debug})" if debug else "")
            elif kind == SETTINGS and flags & ACK:
                self.heard["SETTINGS ack"] += 1
            elif kind == SETTINGS:
                for name, value in struct.iter_unpack(">HI", payload):
                    self._initial = value if name == INITIAL_WINDOW_SIZE else self._initial
            elif kind == PING and flags & ACK:
                self.heard["PING ack"] += 1

    def credit(self, stream, most):
        """How many bytes of content it may send, and takes them as sent: a flood within the rules."""
        size = max(0, min(self._credits[0], self._initial + self._credits[stream], most))
        self._credits[0] -= size
        self._credits[stream] -= size
        return size

    def _ends(self, how):
        if not self.ended:
            self.ended = how
            self.ended_after = time.monotonic() - self.began

    def close(self):
        self.socket.close()


def name_of(code):
    code = int.from_bytes(code, "big")
    return CODES[code] if code < len(CODES) else hex(code)


def assault(foes, seconds, another=None, most=200):
    """Lets them do what they want until the time is over. Where the server ends one, `another` takes its place, until there
    were `most`; all of them are in `foes` then."""
    end = time.monotonic() + seconds
    at_once = len(foes)
    while (now := time.monotonic()) < end:
        alive = [foe for foe in foes if not foe.ended]
        if another and len(alive) < at_once and len(foes) < most:
            foes.append(another())
            alive.append(foes[-1])
        if not alive:
            break
        writers = [foe for foe in alive if foe.wants_to_write(now)]
        readers = [foe for foe in alive if foe.reads]
        poll, by_descriptor = select.poll(), {foe.socket.fileno(): foe for foe in alive}
        for foe in alive:
            events = (select.POLLIN if foe in readers else 0) | (select.POLLOUT if foe in writers else 0)
            poll.register(foe.socket, events)
        ready = poll.poll(20)
        for descriptor, events in ready:
            foe = by_descriptor[descriptor]
            if events & select.POLLOUT:
                foe.write()
            if events & select.POLLIN and not foe.ended:
                foe.read()
            if events & (select.POLLERR | select.POLLHUP) and not foe.ended:
                foe.read()  # its last words, which one that does not read hears at the end too
                foe._ends("reset" if events & select.POLLERR else "closed")
    for foe in foes:
        if not foe.ended and not foe.reads:
            foe.read()  # what it might have heard
