"""400 clients as slow as slowhttptest makes them: heads that never end, bodies that never end, responses that are hardly taken.
All must be gone within 25 seconds, and another client is served all along. With the shortest limits that `serve` lets one
choose; `slow.py defaults` measures what the defaults give, and judges nothing but the client."""

import csv
import re
import subprocess
import sys
import time

from host import MEBIBYTE, Checks, Client, Host, knows, many_descriptors

CLIENTS = 400
MOST = 25  # seconds until all are gone
# -x: bytes of each follow-up; -i: seconds between two; -r: connections a second; -l: length of the test; -p: what its probe
# waits for. -X asks for a window of -w to -y bytes and reads -z bytes each -n seconds.
COMMON = ["-c", CLIENTS, "-r", 200, "-i", 1, "-p", 3, "-g"]
READ = [*COMMON, "-w", 512, "-y", 1024, "-n", 1, "-z", 32, "-k", 1]
WAYS = [
    ("slow heads", ["-H", *COMMON, "-x", 24], "/empty", []),
    ("slow bodies", ["-B", *COMMON, "-x", 10, "-s", 100_000, "-t", "POST"], "/measure", []),
    ("slow readers of pieces", ["-X", *READ], "/endless", []),
    # Room for 160 of them at once. With the 1 GiB of the default there is one turn more, which ends after 28 s; with room for
    # all, writing 3 GiB within two seconds keeps two cores busy, and the other client waits behind that.
    ("slow readers of 8 MiB at once", ["-X", *READ], "/large", ["--max-buffered", "1280"]),
]


def main():
    checks = Checks()
    many_descriptors()
    defaults = sys.argv[1:] == ["defaults"]
    options = ["--head-timeout", "5"] if knows("--head-timeout") and not defaults else []
    print(f"{CLIENTS} clients each, options: {' '.join(options) or 'none'}")
    for name, how, path, room in WAYS:
        with Host("streams", *options, *([] if defaults else room)) as host:
            besiege(checks, host, name, how, path, 45 if defaults else MOST + 5, defaults)
    checks.end()


def besiege(checks, host, name, how, path, seconds, defaults):
    report = host.folder / f"slow-{name.replace(' ', '-')}"
    before, descriptors = host.rss(), host.descriptors()
    client, cpu, began = Client(host.port), host.cpu(), time.monotonic()
    command = ["slowhttptest", *how, "-l", seconds, "-o", report, "-u", f"http://127.0.0.1:{host.port}{path}"]
    tool = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # Looked at from the server's side: the tool's own count knows only of connections that it has tried to use.
    most, all_gone = 0, None
    while tool.poll() is None and time.monotonic() - began < seconds + 20:
        open_now = host.descriptors() - descriptors
        most = max(most, open_now)
        if open_now > 4:  # the other client and the tool's probe have one each
            all_gone = None
        elif most > CLIENTS // 2 and all_gone is None:
            all_gone = time.monotonic() - began
        time.sleep(0.1)
    if all_gone is None and host.descriptors() - descriptors <= 4:
        all_gone = time.monotonic() - began  # the tool ends with its last connection
    tool.kill()
    told = re.sub(r"\x1b\[[0-9;]*m", "", tool.communicate()[0])
    cpu = (host.cpu() - cpu) / (time.monotonic() - began)
    latencies = client.stop()
    with open(f"{report}.csv") as rows:
        rows = list(csv.DictReader(rows))
    closed = max((int(row["Closed"]) for row in rows), default=0)

    gone = f"all gone after {all_gone:.1f} s" if all_gone else f"not all gone within {seconds} s"
    said = f"{name}: {most} at most, {gone}; {closed} closed as the tool counts"
    checks.check(all_gone is not None and all_gone <= MOST, said) if not defaults else checks.note(said)
    checks.check(most >= CLIENTS * 0.9 or all_gone, f"{name}: the tool got its clients through: {most}")
    checks.check(not latencies.failures and latencies.max < 1, f"{name}: another client, {latencies}")
    checks.note(f"{name}: CPU {cpu:.3f} s/s, RSS {before / MEBIBYTE:.0f} to {host.rss() / MEBIBYTE:.0f} MiB")
    if "service available" in told and re.search(r"service available:\s+NO", told):
        checks.check(False, f"{name}: the tool's own probe was not served")


if __name__ == "__main__":
    main()
