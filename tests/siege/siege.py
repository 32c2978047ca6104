"""Attacks the server in every way of attacks.py, one after the other, and prints a table of what came of it: how the server
ended it or what bounded it, how another client fared meanwhile, and what it cost. Exits with 1 if that client was failed or
kept waiting, if memory stayed, or if the processor went on after the attack."""

import argparse
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from attacks import ATTACKS
from foe import Foe, assault
from host import MEBIBYTE, Client, Host, dev_cert, knows, many_descriptors

MOST_LATENCY = 1.0  # seconds that another client may wait
MOST_GROWTH = 64 * MEBIBYTE  # that may stay of an attack
MOST_IDLE = 0.1  # share of a core that may be used when the attack is over


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("only", nargs="*", help="parts of names of attacks, or http1, http2 or tls")
    arguments = arguments.parse_args()
    many_descriptors()
    attacks = [attack for attack in ATTACKS if is_wanted(attack, arguments.only)]
    options = ["--head-timeout", "3"] if knows("--head-timeout") else []
    tls = dev_cert(Path(os.environ["SIEGE_FOLDER"]) / "dev-cert") if knows("--tls-cert") else None
    if not tls:
        print("This version of `serve` has no --tls-cert: without the attacks on TLS.")
        attacks = [attack for attack in attacks if attack.protocol != "TLS"]
    failed = 0
    with Host("streams", *options, tls=tls) as host:
        warm_up(host)
        print(f"{len(attacks)} attacks; options: {' '.join(options) or 'none'}\n", flush=True)
        print("| | attack | ended by | other client, ms: median, max | CPU s/s | after | RSS MiB: before, peak, after | descriptors |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for attack in attacks:
            wrong, row = besiege(host, attack)
            failed += bool(wrong)
            print(f"| {attack.protocol} | {attack.name} | {row} |", flush=True)
            for what in wrong:
                print(f"siege: {attack.name}: {what}", file=sys.stderr, flush=True)
            if not host.is_alive():
                sys.exit(f"siege: the server died of: {attack.name}")
        panics = host.said("panicked")
        if panics:
            print(f"siege: the server panicked {panics} times", file=sys.stderr)
    print(f"\n{len(attacks)} attacks, {failed} of them with a failure")
    sys.exit(1 if failed or panics else 0)


def is_wanted(attack, only):
    kind = {"HTTP/2": "http2", "HTTP/1.1": "http1", "TLS": "tls"}[attack.protocol]
    return not only or any(word == kind or word in attack.name for word in only)


def besiege(host, attack):
    """What went wrong, and the row of the table."""
    rss, descriptors = host.rss(), host.descriptors()
    client = Client(host.port)
    peak, cpu, began = Peak(host), host.cpu(), time.monotonic()

    def foe():
        port = host.ports["https" if attack.protocol == "TLS" else "http"]
        return Foe(port, attack.script, reads=attack.reads, is_h2=attack.is_h2, buffer=attack.buffer)

    foes = [foe() for _ in range(attack.connections)]
    assault(foes, attack.seconds, foe)
    took = time.monotonic() - began
    cpu = host.cpu() - cpu
    for foe in foes:
        foe.close()
    latencies = client.stop()
    peak = peak.stop()
    settle(host, descriptors)
    after = host.cpu_over(1)
    grown, left = host.rss() - rss, host.descriptors() - descriptors
    if after > MOST_IDLE or left > 0:
        longer = calm(host, descriptors)

    wrong = []
    if latencies.failures:
        wrong.append(f"{len(latencies.failures)} requests of another client failed: {latencies.failures[0]}")
    if latencies.max > MOST_LATENCY:
        wrong.append(f"another client waited {latencies.max:.2f} s")
    if grown > MOST_GROWTH:
        wrong.append(f"{grown // MEBIBYTE} MiB of memory stayed")
    if after > MOST_IDLE:
        wrong.append(f"{after:.0%} of a core is used after its end, and for {longer:.0f} s more")
    if left > 0:
        wrong.append(f"{left} descriptors stayed, for {longer:.0f} s more")
    row = [
        verdict(foes) + (" **FAILED**" if wrong else ""),
        f"{latencies.median * 1000:.1f}, {latencies.max * 1000:.0f}",
        f"{cpu / took:.2f}",
        f"{after:.2f}",
        f"{rss / MEBIBYTE:.0f}, {peak / MEBIBYTE:.0f}, {(rss + grown) / MEBIBYTE:.0f}",
        f"{descriptors}, {descriptors + left}",
    ]
    return wrong, " | ".join(row)


def verdict(foes):
    """How the server ended the connections, what it said, and how far the attack got."""
    told = []
    ends = Counter(" and ".join(filter(None, [foe.goaway, foe.ended])) or "open to the end" for foe in foes)
    for end, number in ends.most_common():
        times = [foe.ended_after for foe in foes if foe.ended and end.endswith(foe.ended)]
        when = f" in {min(times):.1f} to {max(times):.1f} s" if times else ""
        told.append(f"{number} × {end}{when}")
    heard = sum((foe.heard for foe in foes), Counter())
    told += [f"{number} × {what}" for what, number in heard.most_common(4)]
    told.append(f"{sum(foe.sent for foe in foes) / 1e6:.2f} MB taken, {sum(foe.received for foe in foes) / 1e6:.2f} MB sent")
    return "; ".join(told)


class Peak:
    """The most memory that the server had."""

    def __init__(self, host):
        self.most, self.is_over = host.rss(), threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(host,), daemon=True)
        self.thread.start()

    def _watch(self, host):
        while not self.is_over.wait(0.1):
            self.most = max(self.most, host.rss())

    def stop(self):
        self.is_over.set()
        self.thread.join()
        return self.most


def settle(host, descriptors):
    """Until its connections are gone; for two seconds at most."""
    for _ in range(20):
        time.sleep(0.1)
        if host.descriptors() <= descriptors:
            break


def calm(host, descriptors):
    """How long until it has nothing to do any more, so that the next attack finds it at rest; at most a minute."""
    began = time.monotonic()
    while time.monotonic() < began + 60 and (host.cpu_over(0.5) > MOST_IDLE or host.descriptors() > descriptors):
        pass
    return time.monotonic() - began


def warm_up(host):
    """As much as an ordinary busy minute takes from the system once, and keeps: 200 answers at the same time."""

    def read_large(_):
        yield b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n"

    foes = [Foe(host.port, read_large, is_h2=False) for _ in range(200)]
    assault(foes, 1)
    for foe in foes:
        foe.close()
    time.sleep(1)


if __name__ == "__main__":
    main()
