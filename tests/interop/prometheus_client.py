"""Debian's Prometheus scrapes the metrics at the address in WINDHOVER_ADMIN, of a server at WINDHOVER, and its promtool
looks for faults in them. Prometheus keeps its files in FOLDER."""

import json
import os
import shutil
import socket
import subprocess
import time
import unittest
import urllib.request

SERVER, ADMIN = os.environ["WINDHOVER"], os.environ["WINDHOVER_ADMIN"]
FOLDER = os.path.join(os.environ["FOLDER"], "prometheus")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url):
    with NO_PROXY.open(url, timeout=10) as answer:
        return answer.read()


class Prometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for _ in range(10):
            get(f"{SERVER}/")
        with socket.create_connection(SERVER.removeprefix("http://").split(":"), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")  # refused: it names no host
            assert client.recv(512).startswith(b"HTTP/1.1 400 ")

    def test_promtool_finds_no_fault(self):
        told = subprocess.run(
            ["promtool", "check", "metrics"], input=get(f"{ADMIN}/metrics"), capture_output=True, timeout=30
        )
        self.assertEqual((told.returncode, told.stdout + told.stderr), (0, b""))

    def test_prometheus_knows_what_it_has_scraped(self):
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = "127.0.0.1:%d" % free.getsockname()[1]
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "windhover", "static_configs": [{"targets": [ADMIN.removeprefix("http://")]}]}
            ],
        }
        with open(f"{FOLDER}/prometheus.yml", "w") as file:
            json.dump(config, file)  # which is YAML too
        with open(f"{FOLDER}/log", "w") as log:
            prometheus = subprocess.Popen(
                ["prometheus", f"--config.file={FOLDER}/prometheus.yml", f"--storage.tsdb.path={FOLDER}/data",
                 f"--web.listen-address={address}"], stdout=log, stderr=log,
            )
        try:
            for query, least in [
                ("up", 1),
                ('sum(http_server_request_duration_seconds_count{http_response_status_code="200"})', 10),
                ('sum(windhover_rejected_requests_total)', 1),
            ]:
                self.assertGreaterEqual(self.ask(address, query, least), least, query)
        finally:
            prometheus.terminate()
            prometheus.wait(30)

    def ask(self, address, query, least):
        """The value, when it is large enough, or when a minute has passed."""
        value, end = -1, time.monotonic() + 60
        while value < least and time.monotonic() < end:
            try:
                url = f"http://{address}/api/v1/query?query={urllib.request.quote(query)}"
                result = json.loads(get(url))["data"]["result"]
                value = float(result[0]["value"][1]) if result else -1
            except OSError:
                pass  # it is not up yet
            time.sleep(0.2)
        return value


if __name__ == "__main__":
    unittest.main()
