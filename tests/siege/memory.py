"""Eight uploads of 8 MB that stall shortly before their end, in a memory cgroup of 128 MB: the server must live, answer others
meanwhile, and take the uploads when they go on. By HTTP/1.1 and by HTTP/2 (eight streams of one connection, and one of
eight), to a guest that reads them piece by piece, to one that does not read, and to one that wants each whole, which
takes their size at least and is told but not judged. `memory.py 64` tries another size, in MB."""

import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from foe import DATA, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, request, settings
from host import MEBIBYTE, Checks, Client, Host

UPLOADS = 8
SIZE = 8_000_000
STALL = 4  # seconds: less than the grace of a slow body
V1 = Path("/sys/fs/cgroup/memory")
WAYS = [
    # Guest, path, whether the uploads are answered in the end, and whether it is the server's fault if they are not.
    ("read by pieces", "streams", "/measure", True, True),
    ("not read", "streams", "/endless", False, True),
    ("wanted whole", "echoes", f"/all?{SIZE * 2}", False, True),
]


def main():
    limit = int(sys.argv[1] if len(sys.argv) > 1 else 128) * 1_000_000
    checks = Checks()
    print(f"{UPLOADS} uploads of {SIZE / 1e6:.0f} MB in a group of {limit / 1e6:.0f} MB")
    protocols = [("HTTP/1.1", over_http1), ("HTTP/2, one connection", over_http2), ("HTTP/2, eight", over_http2_eight)]
    for way, guest, path, is_answered, is_judged in WAYS:
        for protocol, uploads in protocols:
            with Group(limit) as group, Host(guest, group=group.folder) as host:
                found = Checks()
                besiege(found, host, group, f"{protocol}, {way}", lambda: uploads(host.port, path), is_answered)
                checks.failed += found.failed if is_judged else 0
                if found.failed and not is_judged:
                    checks.note(f"{protocol}, {way}: not judged, because the guest itself asks for so much")
    checks.end()


class Group:
    """A memory cgroup; without the right to make one there is nothing to measure."""

    def __init__(self, limit):
        self.folder = V1 / f"windhover-siege-{os.getpid()}"
        try:
            self.folder.mkdir()
            (self.folder / "memory.limit_in_bytes").write_text(str(limit))
        except OSError as error:
            print(f"memory: skipped, because a memory cgroup (v1) cannot be made: {error}")
            sys.exit(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(50):
            try:
                return self.folder.rmdir()
            except OSError:  # a process in it is still ending
                time.sleep(0.1)

    def peak(self):
        return int((self.folder / "memory.max_usage_in_bytes").read_text())

    def has_killed(self):
        return "oom_kill 0" not in (self.folder / "memory.oom_control").read_text()


def besiege(checks, host, group, name, dial, is_answered):
    before, peak = host.rss(), group.peak()
    client = Client(host.port, "/measure" if host.guest == "echoes" else "/empty")
    try:
        # All at once: a connection that waits for its turn would be too slow.
        threads, uploads = ThreadPoolExecutor(UPLOADS), dial()
        taken = sum(threads.map(lambda upload: upload.send_most(), uploads))
        checks.note(f"{name}: {taken / 1e6:.1f} of {UPLOADS * SIZE / 1e6:.0f} MB taken, then a stall of {STALL} s")
        time.sleep(STALL)
        if host.is_alive():
            checks.note(f"{name}: RSS {before / MEBIBYTE:.0f} to {host.rss() / MEBIBYTE:.0f} MiB")
        if is_answered:
            ends = [end for ends in threads.map(lambda upload: upload.end(), uploads) for end in ends]
            checks.check(ends == ["200"] * UPLOADS, f"{name}: the uploads went on and were answered {ends}")
    except OSError as error:
        checks.check(False, f"{name}: the uploads were broken off: {error!r}")
    latencies = client.stop()
    checks.check(not latencies.failures and latencies.max < 1, f"{name}: another client, {latencies}")
    lives, peaks = host.is_alive() and not group.has_killed(), (peak / 1e6, group.peak() / 1e6)
    checks.check(lives, f"{name}: the server lives; group at the peak of its start {peaks[0]:.0f} MB, later {peaks[1]:.0f} MB")


def over_http1(port, path):
    return [Upload1(port, path) for _ in range(UPLOADS)]


def over_http2(port, path):
    return [Uploads2(port, path, UPLOADS)]


def over_http2_eight(port, path):
    return [Uploads2(port, path, 1) for _ in range(UPLOADS)]


class Upload1:
    def __init__(self, port, path):
        self.socket = dial(port)
        self.socket.sendall(f"POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {SIZE}\r\n\r\n".encode())

    def send_most(self):
        """All but the last byte; how much was taken."""
        self.sent = send(self.socket, b"x" * (SIZE - 1))
        return self.sent

    def end(self):
        self.socket.settimeout(20)
        self.socket.sendall(b"x" * (SIZE - self.sent))
        head = self.socket.recv(12)
        while self.socket.recv(1 << 20):
            pass
        return [head[9:12].decode()]


class Uploads2:
    def __init__(self, port, path, streams):
        self.socket, self.streams, self.read = dial(port), [1 + 2 * stream for stream in range(streams)], b""
        self.left = {stream: SIZE for stream in self.streams}
        self.windows = {0: 65_535} | {stream: 65_535 for stream in self.streams}
        self.initial, self.statuses, self.ended = 65_535, {}, set()
        most = frame(WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big"))
        # The answer to an upload is read; one without an end is not, and its guest never comes to read.
        self.socket.sendall(PREFACE + (settings(window=0) if path == "/endless" else settings(window=1 << 30) + most))
        self.socket.sendall(b"".join(request(stream, path, "POST", end=False) for stream in self.streams))

    def send_most(self):
        """All but the last byte of each, as far as the windows let it; how much was taken."""
        return self.send_until(1, 10)

    def end(self):
        self.send_until(0, 20)
        end = time.monotonic() + 20
        while len(self.ended) < len(self.streams) and time.monotonic() < end:
            self.hear(0.2)
        return [self.statuses.get(stream, "nothing") for stream in self.streams]

    def send_until(self, rest, seconds):
        before, end, stuck = sum(self.left.values()), time.monotonic() + seconds, 0
        while any(left > rest for left in self.left.values()) and time.monotonic() < end and stuck < 50:
            moved = False
            self.streams.append(self.streams.pop(0))  # or the first would always take the connection's window
            for stream in self.streams:
                size = min(self.left[stream] - rest, self.windows[0], self.windows[stream], 16_384)
                if size > 0 and stream not in self.ended:
                    self.left[stream] -= size
                    self.windows[0] -= size
                    self.windows[stream] -= size
                    self.socket.settimeout(seconds)
                    self.socket.sendall(frame(DATA, 0 if self.left[stream] else END_STREAM, stream, b"x" * size))
                    moved = True
            stuck = 0 if moved else stuck + 1
            self.hear(0 if moved else 0.1)
        return before - sum(self.left.values())

    def hear(self, seconds):
        self.socket.settimeout(max(seconds, 0.0001))
        try:
            data = self.socket.recv(1 << 20)
        except TimeoutError:
            return
        if not data:
            raise ConnectionError("the server closed the connection")
        self.read += data
        while len(self.read) >= 9 and len(self.read) >= 9 + (size := int.from_bytes(self.read[:3], "big")):
            kind, flags, stream = self.read[3], self.read[4], int.from_bytes(self.read[5:9], "big")
            payload, self.read = self.read[9 : 9 + size], self.read[9 + size :]
            if kind == SETTINGS and not flags:
                self.settings(payload)
            elif kind == WINDOW_UPDATE:
                self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")
            elif kind == HEADERS:
                # 0x88 is `:status: 200`, in the static table; whatever else stands there is not what was hoped for. A
                # change of the table's size may stand before it.
                self.statuses[stream] = "200" if payload[:4].lstrip(b"\x20\x3f\xe1\x1f")[:1] == b"\x88" else payload[:8].hex()
            elif kind == RST_STREAM:
                self.statuses[stream] = f"reset {int.from_bytes(payload, 'big')}"
            if stream and (kind == RST_STREAM or kind in (DATA, HEADERS) and flags & END_STREAM):
                self.ended.add(stream)

    def settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big")
            if name == 4:
                for stream in self.streams:
                    self.windows[stream] += value - self.initial
                self.initial = value
        self.socket.settimeout(5)
        self.socket.sendall(frame(SETTINGS, 1))


def dial(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def send(connection, data):
    """As much of them as is taken without a pause of three seconds."""
    sent = 0
    connection.settimeout(3)
    try:
        while sent < len(data):
            sent += connection.send(data[sent : sent + 262_144])
    except TimeoutError:
        pass
    return sent


if __name__ == "__main__":
    main()
