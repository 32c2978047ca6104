"""The server under siege, seen from outside: started, asked, and measured by what the kernel knows of its process."""

import multiprocessing
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1 << 20


class Host:
    """`windhover serve` with a guest, until the end of the `with`. `knows` tells which options this version has."""

    def __init__(self, guest, *options, tls=None, nofile=None, group=None):
        self.guest, self.folder = guest, Path(os.environ["SIEGE_FOLDER"])
        command = [os.environ["WINDHOVER"], "serve", f"{os.environ['GUESTS']}/{guest}.wasm", "--no-cache"]
        command += ["--url", "http://127.0.0.1:0", "--log", "warn", *options]
        if tls:
            command += ["--url", "https://127.0.0.1:0", "--tls-cert", tls.certificate, "--tls-key", tls.key]
        if nofile:
            command = ["prlimit", f"--nofile={nofile}", *command]
        if group:
            command = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', group / "cgroup.procs", *command]
        self.log = open(self.folder / f"{guest}.log", "w+")
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        self.pid = self.process.pid
        self.ports = {}
        awaited = {"http", "https"} if tls else {"http"}
        for line in self.process.stdout:
            if told := re.match(r"Listening on (https?)://127\.0\.0\.1:(\d+)", line):
                self.ports[told[1]] = int(told[2])
            if self.ports.keys() == awaited:
                break
        else:
            self.process.wait()
            sys.exit(f"siege: the server did not start: {Path(self.log.name).read_text()}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()  # or its pipe might fill up
        self.port = self.ports["http"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def is_alive(self):
        return self.process.poll() is None

    def cpu(self):
        """Seconds of processor time so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss(self):
        """Bytes of memory that are resident."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def said(self, what):
        """How often the log says so."""
        return Path(self.log.name).read_text().count(what)

    def cpu_over(self, seconds):
        """The share of a core that is used now, when nobody asks for anything."""
        before, began = self.cpu(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu() - before) / (time.monotonic() - began)


def knows(option):
    """Whether this version's `serve` has the option."""
    told = subprocess.run([os.environ["WINDHOVER"], "serve", "--help"], capture_output=True, text=True)
    return f"{option} " in told.stdout


@dataclass
class Tls:
    certificate: Path
    key: Path
    authority: Path


def dev_cert(folder):
    """A certificate for localhost by `windhover dev-cert`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    told = subprocess.run(
        [os.environ["WINDHOVER"], "dev-cert", "--out", str(folder)], capture_output=True, text=True
    )
    if told.returncode:
        sys.exit(f"siege: dev-cert: {told.stderr}")
    files = re.findall(r"[^\s`\"']+\.pem", told.stdout + told.stderr)
    certificate, key = Path(folder) / "dev-cert.pem", Path(folder) / "dev-key.pem"
    authority = next((f for f in files if Path(f).is_file() and Path(f).name not in (certificate.name, key.name)), None)
    if not authority:
        sys.exit(f"siege: dev-cert did not tell its authority: {told.stdout}{told.stderr}")
    return Tls(certificate, key, Path(authority))


class Client:
    """Somebody with a plain request every 50 ms, each on a connection of its own, in a process of its own."""

    def __init__(self, port, path="/empty", tls=None, limit=10.0):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=_ask_on, args=(theirs, port, path, tls, limit), daemon=True)
        self.process.start()
        self.pipe.recv()  # the first answer is there

    def stop(self):
        """Latencies in seconds, and what went wrong."""
        self.pipe.send("stop")
        if not self.pipe.poll(30):
            self.process.kill()
            return Latencies([], ["the client itself did not end"])
        return Latencies(*self.pipe.recv())


@dataclass
class Latencies:
    seconds: list
    failures: list

    @property
    def median(self):
        return sorted(self.seconds)[len(self.seconds) // 2] if self.seconds else float("inf")

    @property
    def max(self):
        return max(self.seconds, default=float("inf"))

    def __str__(self):
        failed = f", {len(self.failures)} FAILED ({self.failures[0]})" if self.failures else ""
        return f"{len(self.seconds)} requests: median {self.median * 1000:.1f} ms, max {self.max * 1000:.1f} ms{failed}"


def _ask_on(pipe, port, path, tls, limit):
    latencies, failures, is_first = [], [], True
    while True:
        began = time.monotonic()
        try:
            ask(port, path, tls, limit)
            latencies.append(time.monotonic() - began)
        except Exception as error:  # whatever it is, it is a request that failed
            failures.append(f"{type(error).__name__}: {error}")
        if is_first:
            pipe.send("asked")
            is_first = False
        if pipe.poll(max(0.0, began + 0.05 - time.monotonic())):
            break
    pipe.send((latencies, failures))


def ask(port, path="/empty", tls=None, limit=10.0):
    """One request on a connection of its own; an answer that is not 200 is an error."""
    with socket.create_connection(("127.0.0.1", port), timeout=limit) as plain:
        stream = plain
        if tls:
            stream = ssl.create_default_context(cafile=tls.authority).wrap_socket(plain, server_hostname="localhost")
        stream.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"answered {answer[:40]!r}")
    return answer


class Checks:
    """What a recipe found, a line each; `end` exits with 1 if any of it was wrong."""

    def __init__(self):
        self.failed = 0

    def check(self, holds, what):
        print(f"{'ok    ' if holds else 'FAILED'} {what}", flush=True)
        self.failed += not holds

    def note(self, what):
        print(f"       {what}", flush=True)

    def end(self):
        sys.exit(1 if self.failed else 0)


def many_descriptors():
    """This side needs as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65536, hard))
