"""A hundred restarts by SIGTERM, a thousand changes of the configuration and a thousand of a component, all under load. No
request may fail, and memory stays where it is."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from host import Checks, MEBIBYTE
from load import Load

RESTARTS = 100
CHANGES = 1000  # of each kind
GROWTH = 48 * MEBIBYTE  # of resident memory, from the tenth of the changes to the last


def main():
    checks = Checks()
    folder = Path(os.environ["SIEGE_FOLDER"]) / "changes"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    restarts(checks, folder)
    changes(checks, folder)
    checks.end()


def guest(name):
    return Path(os.environ["GUESTS"]) / f"{name}.wasm"


def restarts(checks, folder):
    """The socket is held by this process, as systemd holds it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    cache = folder / "cache"
    serve = f"exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec {os.environ['WINDHOVER']} serve {guest('rust_hello')} --url systemd:web --cache {cache} --log warn"

    def start():
        process = subprocess.Popen(["sh", "-c", serve], stdin=listener, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("Listening"):
                return process
        sys.exit("changes: the server did not start")

    process = start()
    load, codes, began = Load(listener.getsockname()[1]), [], time.monotonic()
    for _ in range(RESTARTS):
        time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        codes.append(process.wait())
        process = start()
    took = time.monotonic() - began
    load.end()
    process.send_signal(signal.SIGTERM)
    process.wait()
    name = f"{RESTARTS} restarts in {took:.0f} s"
    checks.check(not load.failed and load.answered > RESTARTS, f"{name}: {load.answered} requests, {len(load.failed)} failed {load.failed[:3]}")
    checks.check(set(codes) == {0}, f"{name}: each ended with 0")


def changes(checks, folder):
    component, written = folder / "own.wasm", folder / "windhover.toml"
    versions = [guest("rust_hello"), guest("rust_welcome")]
    shutil.copy(versions[0], component)

    def write(number):
        text = f"""
[server]
watch-interval = "5ms"
[endpoints.web]
url = "http://127.0.0.1:0"
[apps.own]
component = "own.wasm"
[apps.extra-{number % 2}]
component = "{guest('rust_hello')}"
routes = ["/extra"]
[apps.own.limits]
timeout = "{20 + number % 7}s"
"""
        (folder / "new.toml").write_text(text)
        os.rename(folder / "new.toml", written)

    write(0)
    command = [os.environ["WINDHOVER"], "serve", "--config", str(written), "--cache", str(folder / "cache"), "--log", "info"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if found := re.match(r"Listening on http://127\.0\.0\.1:(\d+)", line):
            port = int(found[1])
            break
    threading.Thread(target=process.stdout.read, daemon=True).start()

    def wait_for(what):
        for line in process.stderr:
            if what in line:
                return
        sys.exit(f"changes: the server ended before it said {what!r}")

    def rss():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024

    load = Load(port)
    for kind in ("configuration", "component"):
        began, before, early = time.monotonic(), load.answered, 0
        for number in range(1, CHANGES + 1):
            if kind == "configuration":
                write(number)
                wait_for("the configuration was read again from")
            else:
                shutil.copy(versions[number % 2], folder / "new.wasm")
                os.rename(folder / "new.wasm", component)
                wait_for("the new version of the app is served")
            if number == CHANGES // 10:
                early = rss()
        took, late = time.monotonic() - began, rss()
        name = f"{CHANGES} changes of the {kind} in {took:.0f} s"
        checks.check(not load.failed, f"{name}: {load.answered - before} requests, {len(load.failed)} failed {load.failed[:3]}")
        checks.check(late - early < GROWTH, f"{name}: RSS {early / MEBIBYTE:.0f} MiB after a tenth, {late / MEBIBYTE:.0f} MiB at the end")
    load.end()
    process.send_signal(signal.SIGTERM)
    process.wait()


main()
