"""200 connections for a server that may have 64 descriptors: it must answer again as soon as some are free, and not spin
while there are none. Then the same, but the 200 ask for something and hold the answer."""

import socket
import time

from host import Checks, Host, ask, many_descriptors

NOFILE = 64
CONNECTIONS = 200
MOST_CPU = 0.1  # share of a core while it cannot accept


def main():
    checks = Checks()
    many_descriptors()
    with Host("streams", nofile=NOFILE) as host:
        started_with = host.descriptors()
        for name, words in [
            ("idle", b""),
            ("half a head", b"GET / HTTP/1.1\r\n"),
            ("a response held", b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n"),
        ]:
            ask(host.port)
            held = [connect(host.port, words) for _ in range(CONNECTIONS)]
            time.sleep(0.5)
            full = host.descriptors()
            cpu = host.cpu_over(3)
            checks.check(full >= NOFILE - 1, f"{name}: {full} of {NOFILE} descriptors in use ({started_with} at the start)")
            checks.check(cpu <= MOST_CPU, f"{name}: {cpu:.3f} of a core while it cannot accept")
            checks.check(host.is_alive(), f"{name}: the server is there")
            for connection in held:
                connection.close()
            began = time.monotonic()
            try:
                ask(host.port, limit=10)
                told = f"answers {time.monotonic() - began:.2f} s after they left"
            except OSError as error:
                told = f"does not answer after they left: {error}"
            checks.check(told.startswith("answers") and time.monotonic() - began < 2, f"{name}: {told}")
            time.sleep(1)
            checks.check(host.descriptors() <= started_with + 2, f"{name}: {host.descriptors()} descriptors afterwards")
        lines = sum(1 for _ in open(host.log.name))
        checks.check(lines < 100, f"{lines} lines in the log")
    checks.end()


def connect(port, words):
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    if words:
        connection.sendall(words)
    return connection


if __name__ == "__main__":
    main()
