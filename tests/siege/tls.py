"""What sslyze finds at the TLS port: versions, cipher suites, known weaknesses, and whether it is what Mozilla calls
intermediate. `tls.py HOST:PORT` asks another server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from host import Checks, Host, dev_cert, knows


def main():
    checks = Checks()
    folder = Path(os.environ["SIEGE_FOLDER"])
    if len(sys.argv) > 1:
        scan(checks, sys.argv[1], folder / "sslyze.json")
        checks.end()
    if not knows("--tls-cert"):
        sys.exit("tls: this version of `serve` has no --tls-cert")
    with Host("streams", tls=dev_cert(folder / "dev-cert")) as host:
        scan(checks, f"localhost:{host.ports['https']}", folder / "sslyze.json")
    checks.end()


def scan(checks, server, report):
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sslyze", f"--json_out={report}", "--early_data", "--resum", server]
    told = subprocess.run([*command, "--mozilla_config=intermediate"], capture_output=True, text=True, timeout=300)
    if not report.is_file():
        sys.exit(f"tls: sslyze wrote no report: {told.stdout}{told.stderr}")
    [result] = json.loads(report.read_text())["server_scan_results"]
    if result["connectivity_status"] != "COMPLETED":
        sys.exit(f"tls: sslyze could not connect: {result['connectivity_error_trace']}")
    found = {name: part["result"] for name, part in result["scan_result"].items() if part["status"] == "COMPLETED"}
    asked = [name for name, part in result["scan_result"].items() if part["status"] != "NOT_SCHEDULED"]
    unknown = sorted(set(asked) - set(found))
    checks.check(set(unknown) <= {"tls_1_3_early_data"}, f"{len(found)} scans; could not be done: {unknown or 'none'}")

    for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]:
        accepted = found[f"{version}_cipher_suites"]["accepted_cipher_suites"]
        checks.check(not accepted, f"{version} is not spoken")
    for version in ["tls_1_2", "tls_1_3"]:
        accepted = [one["cipher_suite"] for one in found[f"{version}_cipher_suites"]["accepted_cipher_suites"]]
        names = [suite["openssl_name"] for suite in accepted]
        weak = [suite["openssl_name"] for suite in accepted if is_weak(suite)]
        checks.check(accepted and not weak, f"{version}: {', '.join(names) or 'nothing'}; weak: {weak or 'none'}")
    keys = [one["ephemeral_key"] for one in found["tls_1_2_cipher_suites"]["accepted_cipher_suites"]]
    checks.check(all(keys), "every suite of TLS 1.2 has forward secrecy")

    def lacks(part, weakness, what):
        checks.check(found[part][weakness] is False, f"no {what}")

    lacks("heartbleed", "is_vulnerable_to_heartbleed", "Heartbleed")
    lacks("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", "CCS injection (CVE-2014-0224)")
    lacks("tls_compression", "supports_compression", "compression (CRIME)")
    lacks("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", "renegotiation by the client")
    robot = found["robot"]["robot_result"]
    checks.check(robot.startswith("NOT_VULNERABLE"), f"ROBOT: {robot}")
    checks.check(found["tls_extended_master_secret"]["supports_ems_extension"], "extended master secret")
    if early := found.get("tls_1_3_early_data"):
        checks.check(not early["supports_early_data"], "no early data, which could be replayed")
    curves = [curve["name"] for curve in found["elliptic_curves"]["supported_curves"] or []]
    checks.note(f"curves: {', '.join(curves)}")
    checks.note(f"resumption: {found['session_resumption']['tls_ticket_resumption_result']} by ticket in TLS 1.2")
    checks.note(f"fallback SCSV: {found['tls_fallback_scsv']['supports_fallback_scsv']} (without TLS 1.1 there is no fallback)")

    # An authority of one's own is in nobody's store; all else must be as Mozilla says.
    issues = dict(re.findall(r"^\s+\* (\w+): (.*)$", told.stdout.partition("COMPLIANCE AGAINST TLS")[2], re.MULTILINE))
    issues.pop("certificate_path_validation", None)
    compliant = "Checking results against Mozilla's" in told.stdout and not issues
    checks.check(compliant, f"Mozilla's intermediate configuration: {issues or 'compliant, but for an authority of our own'}")


def is_weak(suite):
    weak = ("NULL", "EXPORT", "RC4", "RC2", "DES", "MD5", "anon", "CBC", "PSK", "SRP")
    return suite["is_anonymous"] or suite["key_size"] < 128 or any(word in suite["name"] for word in weak)


if __name__ == "__main__":
    main()
