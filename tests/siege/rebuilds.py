"""A hundred edits of a source under `windhover dev` and under load: each is compiled and served, and no request fails."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from host import Checks
from load import Load

REBUILDS = 100
WAIT_LIMIT = 60  # seconds for one of them


def main():
    checks = Checks()
    if not shutil.which("clang-19"):
        sys.exit("rebuilds: clang-19 is missing; `windhover new app --lang c` tells how to get it")
    folder = Path(os.environ["SIEGE_FOLDER"]) / "rebuilds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    windhover = os.environ["WINDHOVER"]
    subprocess.run([windhover, "new", "app", "--lang", "c"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    source = folder / "app" / "app.c"
    written = source.read_text()
    command = [windhover, "dev", "--url", "http://127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=folder / "app", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if found := re.match(r"Listening on http://127\.0\.0\.1:(\d+)", line):
            port = int(found[1])
            break
    threading.Thread(target=process.stdout.read, daemon=True).start()

    def wait_for(greeting):
        until = time.monotonic() + WAIT_LIMIT
        while time.monotonic() < until:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/")
            if connection.getresponse().read().decode() == greeting:
                return
            time.sleep(0.01)
        sys.exit(f"rebuilds: {greeting!r} was not served in {WAIT_LIMIT} s")

    wait_for("Hello from C!\n")
    load, began = Load(port), time.monotonic()
    for number in range(REBUILDS):
        draft = source.with_suffix(".draft")
        draft.write_text(written.replace("Hello from C!", f"Hello number {number}!"))
        os.rename(draft, source)
        wait_for(f"Hello number {number}!\n")
    took = time.monotonic() - began
    load.end()
    name = f"{REBUILDS} rebuilds in {took:.0f} s"
    checks.check(not load.failed, f"{name}: {load.answered} requests, {len(load.failed)} failed {load.failed[:3]}")
    process.send_signal(signal.SIGINT)
    checks.check(process.wait() == 0, f"{name}: it left with 0")
    checks.end()


main()
