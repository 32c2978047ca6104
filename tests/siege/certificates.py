"""A thousand changes of the certificate under load: 500 as Kubernetes does it, by a symbolic link to a folder that is replaced,
and 500 as certbot or a person does it, one file after the other. No handshake may fail, no connection may be dropped, and
in the end the server shows what is in the files."""

import datetime
import multiprocessing
import os
import shutil
import socket
import ssl
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from host import Checks, Host, Tls, knows

SWAPS = 500  # in each way
PAUSE = 0.02  # seconds between two
WAIT_LIMIT = 15  # seconds until the last one must be seen
PAIRS = 4


def main():
    if not knows("--tls-cert"):
        sys.exit("certificates: this version of `serve` has no --tls-cert")
    checks = Checks()
    folder = Path(os.environ["SIEGE_FOLDER"]) / "certificates"
    shutil.rmtree(folder, ignore_errors=True)
    authority, pairs = make(folder)
    besiege(checks, "symbolic link", Linked(folder / "linked", pairs), authority, pairs)
    besiege(checks, "files one by one", Copied(folder / "copied", pairs), authority, pairs)
    checks.end()


def besiege(checks, name, files, authority, pairs):
    with Host("streams", tls=Tls(files.certificate, files.key, authority)) as host:
        port, stop = host.ports["https"], multiprocessing.Event()
        results = multiprocessing.Queue()
        load = [multiprocessing.Process(target=work, args=(port, authority, stop, results)) for work in (short, short, long)]
        for process in load:
            process.start()
        cpu, began = host.cpu(), time.monotonic()
        for swap in range(SWAPS):
            files.swap(swap % PAIRS)
            time.sleep(PAUSE)
        took = time.monotonic() - began
        last = pairs[(SWAPS - 1) % PAIRS][2]
        seen = None
        while time.monotonic() < began + took + WAIT_LIMIT:
            if serial(port, authority) == last:
                seen = time.monotonic() - began - took
                break
            time.sleep(0.05)
        cpu = (host.cpu() - cpu) / (time.monotonic() - began)
        stop.set()
        told = [results.get(timeout=30) for _ in load]
        for process in load:
            process.join(10)
        requests = sum(one["requests"] for one in told)
        failures = [failure for one in told for failure in one["failures"]]
        serials = {number for one in told for number in one["serials"]}
        told = f"{requests} requests, {len(failures)} failed {failures[:3]}"
        checks.check(not failures, f"{name}: {SWAPS} swaps in {took:.0f} s, {told}")
        shown = "is never shown" if seen is None else f"is shown after {seen:.1f} s"
        checks.check(seen is not None, f"{name}: the last certificate {shown}")
        checks.check(len(serials) > 1, f"{name}: handshakes saw {len(serials)} of {PAIRS} certificates")
        checks.check(host.is_alive(), f"{name}: the server lives; CPU {cpu:.2f} s/s, {host.descriptors()} descriptors")


def short(port, authority, stop, results):
    """A connection for each request."""
    requests, failures, serials = 0, [], set()
    while not stop.is_set():
        try:
            with dial(port, authority) as stream:
                serials.add(int(stream.getpeercert()["serialNumber"], 16))
                fetch(stream)
                requests += 1
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
    results.put({"requests": requests, "failures": failures, "serials": serials})


def long(port, authority, stop, results):
    """Sixteen connections that live through all of it, with requests in turn."""
    requests, failures = 0, []
    streams = [dial(port, authority) for _ in range(16)]
    while not stop.is_set():
        for stream in streams:
            try:
                fetch(stream)
                requests += 1
            except Exception as error:
                failures.append(f"kept: {type(error).__name__}: {error}")
                stop.wait(0.5)
        time.sleep(0.01)
    results.put({"requests": requests, "failures": failures, "serials": set()})


def dial(port, authority):
    # By HTTP/1.1: no ALPN. Sessions are not resumed, so each handshake uses the certificate.
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    return ssl.create_default_context(cafile=authority).wrap_socket(plain, server_hostname="localhost")


def fetch(stream):
    stream.sendall(b"GET /empty HTTP/1.1\r\nhost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\n") or (b"chunked" in answer and b"\r\n0\r\n\r\n" not in answer):
        piece = stream.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        answer += piece
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"answered {answer[:40]!r}")


def serial(port, authority):
    with dial(port, authority) as stream:
        return int(stream.getpeercert()["serialNumber"], 16)


class Linked:
    """As a Kubernetes secret: tls.crt -> ..data/tls.crt, and ..data -> the folder of this version, replaced at once."""

    def __init__(self, folder, pairs):
        folder.mkdir()
        self.folder, self.certificate, self.key = folder, folder / "tls.crt", folder / "tls.key"
        for number, (certificate, key, _) in enumerate(pairs):
            version = folder / f"..version-{number}"
            version.mkdir()
            shutil.copy(certificate, version / "tls.crt")
            shutil.copy(key, version / "tls.key")
        self.swap(0)
        self.certificate.symlink_to("..data/tls.crt")
        self.key.symlink_to("..data/tls.key")

    def swap(self, number):
        new = self.folder / "..data_tmp"
        new.symlink_to(f"..version-{number}")
        new.replace(self.folder / "..data")


class Copied:
    """One file after the other, every other time written over in place: in between, they do not belong together."""

    def __init__(self, folder, pairs):
        folder.mkdir()
        self.pairs, self.swaps, self.certificate, self.key = pairs, 0, folder / "tls.crt", folder / "tls.key"
        self.swap(0)

    def swap(self, number):
        self.swaps += 1
        for source, target in zip(self.pairs[number][:2], (self.certificate, self.key)):
            if self.swaps % 2:
                new = target.with_suffix(".new")
                shutil.copy(source, new)
                new.replace(target)
            else:
                shutil.copyfile(source, target)


def make(folder):
    """An authority and some certificates for localhost by it: files of certificate and key, and the serial number."""
    folder.mkdir(parents=True)
    today = datetime.datetime.now(datetime.timezone.utc)
    authority_key = ec.generate_private_key(ec.SECP256R1())

    def certify(name, key, usage, number):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Siege")]))
            .public_key(key.public_key())
            .serial_number(number)
            .not_valid_before(today - datetime.timedelta(days=1))
            .not_valid_after(today + datetime.timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        )
        for extension, critical in usage:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    authority = folder / "authority.pem"
    is_authority = [(x509.BasicConstraints(ca=True, path_length=0), True), (signs, True)]
    authority.write_bytes(certify("Siege", authority_key, is_authority, 1))
    pairs = []
    for number in range(2, 2 + PAIRS):
        key = ec.generate_private_key(ec.SECP256R1())
        usage = [
            (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
        ]
        certificate, private = folder / f"{number}.crt", folder / f"{number}.key"
        certificate.write_bytes(certify("localhost", key, usage, number))
        private.touch(0o600)
        private.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        pairs.append((certificate, private, number))
    return authority, pairs


if __name__ == "__main__":
    main()
