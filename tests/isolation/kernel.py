"""What a fresh instance finds while the kernel moves the server's memory about: kernel.py WINDHOVER GUESTS FOLDER.

First all of the server's memory is swapped out while instances hold marks in it; then exchanges leave marks and look for
those of others while the kernel compacts memory, which moves pages to other places. Both need root, and the first a swap
file, which is made in FOLDER. What this machine does not let be done is said, and is not a failure; a mark that is found
is. The guests are those of `tests/guests` that leave marks: of each world, and with little data and much.
"""

import ctypes
import http.client
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

APPS = ["uses-features", "wasi-uses-features", "wasi3-uses-features", "marks-with-data"]
PATTERNS = ["few", "regions", "much"]
HOLD = 4  # seconds that instances hold their marks while they are swapped out
COMPACT = 12  # seconds of compaction
WAITING = 4  # instances of each app that are swapped out


class Server:
    """`windhover serve` with all of the apps, until the end of the `with`."""

    def __init__(self, windhover, guests, folder, reuse="never"):
        config = "[endpoints.web]\nurl = 'http://127.0.0.1:0'\n"
        for app in APPS:
            component = Path(guests, f"{app.replace('-', '_')}.wasm").resolve()
            config += f"[apps.{app}]\ncomponent = '{component}'\nroutes = ['{app}.localhost/']\n"
            config += f"limits = {{ timeout = '{HOLD}s' }}\nreuse = {{ mode = '{reuse}' }}\n"
        file = Path(folder, "isolation.toml")
        file.write_text(config)
        self.log = Path(folder, "isolation.log").open("w+")
        command = [windhover, "serve", "--config", str(file), "--log", "warn"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.pid = self.process.pid
        for line in self.process.stdout:
            if told := re.match(r"Listening on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(told[1])
                break
        else:
            self.process.wait()
            sys.exit(f"isolation: the server did not start: {Path(self.log.name).read_text()}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()  # or its pipe might fill up

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


def ask(connection, app, path):
    """The status and content of an answer."""
    connection.request("GET", path, headers={"host": f"{app}.localhost"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def look(connection, app):
    """How many marks a fresh instance finds. One that fails counts too: it has found what its allocator did not expect."""
    status, found = ask(connection, app, "/marks/look")
    told = re.match(r"(\d+) marks, data (\d+), ", found)
    if status != 200 or not told:
        print(f"  {app} answered {status} {found!r}")
        return 1
    return int(told[1]) + (told[2] != "7")


def swapped(server, folder):
    """The most marks found after all was swapped out. `str`: why it was not."""
    if os.geteuid() != 0:
        return "it needs root"
    file = Path(folder, "swap")
    try:
        with file.open("wb") as swap:
            os.posix_fallocate(swap.fileno(), 0, 512 << 20)
        file.chmod(0o600)
        subprocess.run(["mkswap", file], check=True, capture_output=True)
        subprocess.run(["swapon", file], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        file.unlink(missing_ok=True)
        return f"there is no swap file to be had: {error}"
    try:
        threads = ThreadPoolExecutor(len(APPS) * WAITING)
        waiting = [threads.submit(hold, server, app) for app in APPS for _ in range(WAITING)]
        time.sleep(HOLD / 3)
        page_out(server.pid)
        size = int(re.search(r"VmSwap:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())[1])
        for held in waiting:
            held.result()
        if size < len(waiting) * 4 << 10:  # the marks alone are more
            return f"the kernel swapped out {size} KiB and no more"
        print(f"  {size >> 10} MiB of the server were swapped out")
        connection = server.connect()
        return max(look(connection, app) for app in APPS for _ in range(6 * WAITING))
    finally:
        subprocess.run(["swapoff", file], check=False, capture_output=True)
        file.unlink()


def hold(server, app):
    status, _ = ask(server.connect(), app, "/marks/much/wait")
    if status != 504:
        sys.exit(f"isolation: {app} was to hold its marks until its time was over, and answered {status}")


def page_out(pid):
    """Has the kernel swap out all that it can of a process (process_madvise with MADV_PAGEOUT)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd_open, process_madvise, pageout = 434, 440, 21
    pidfd = libc.syscall(pidfd_open, pid, 0)
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, access = line.split()[:2]
        start, end = (int(address, 16) for address in addresses.split("-"))
        while access.startswith("rw") and start < end:
            piece = (ctypes.c_size_t * 2)(start, min(end - start, 1 << 30))
            libc.syscall(process_madvise, pidfd, ctypes.byref(piece), 1, pageout, 0)
            start += piece[1]
    os.close(pidfd)


def compacted(server):
    """The most marks found while memory was compacted. `str`: why it was not."""
    knob = Path("/proc/sys/vm/compact_memory")
    try:
        knob.write_text("1")
    except OSError as error:
        return f"it needs root, and a machine that lets it: {error}"
    end = time.time() + COMPACT

    def leave_and_look(app, pattern):
        connection, found = server.connect(), []
        while time.time() < end:
            ask(connection, app, f"/marks/{pattern}/answer")
            found.append(look(connection, app))
        return found

    moved = migrated()
    threads = ThreadPoolExecutor(len(APPS) * len(PATTERNS))
    looking = [threads.submit(leave_and_look, app, pattern) for app in APPS for pattern in PATTERNS]
    while time.time() < end:
        knob.write_text("1")
    found = [marks for one in looking for marks in one.result()]
    moved = migrated() - moved
    if len(found) < 100 or moved == 0:
        return f"{len(found)} exchanges looked, and the kernel moved {moved} pages: too few"
    print(f"  {len(found)} exchanges looked, and the kernel moved {moved} pages meanwhile")
    return max(found)


def migrated():
    return int(re.search(r"pgmigrate_success (\d+)", Path("/proc/vmstat").read_text())[1])


def main():
    windhover, guests, folder = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Server(windhover, guests, folder, reuse="serial") as server:  # what looks can find
        connection = server.connect()
        for app in APPS:
            ask(connection, app, "/marks/few/answer")
            if look(connection, app) == 0:
                sys.exit(f"isolation: {app} does not find its own marks where its instance is reused")
    passed, failed, skipped = 0, 0, 0
    for name, trial in [("swapped out", lambda: swapped(server, folder)), ("compacted", lambda: compacted(server))]:
        print(f"isolation: memory is {name}")
        with Server(windhover, guests, folder) as server:
            most = trial()
        if isinstance(most, str):
            print(f"  not tried: {most}")
            skipped += 1
        elif most:
            print(f"  FAILED: a fresh instance found {most} marks of another")
            failed += 1
        else:
            print("  no fresh instance found a mark of another")
            passed += 1
    print(f"isolation: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
