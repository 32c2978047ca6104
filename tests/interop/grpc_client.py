"""The package grpcio, gRPC's own client, against rust-grpc at the addresses in WINDHOVER (cleartext) and WINDHOVER_TLS (with
the certificate authority in WINDHOVER_CA). Messages are what Google's compiler makes of greeter.proto, in the folder PROTO,
and not what the guest was built from. Each wait has an end."""

import os
import queue
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc import StatusCode

sys.path.insert(0, os.environ["PROTO"])  # where it looks for .proto files
messages, services = grpc.protos_and_services("greeter.proto")
Name, Times = messages.Name, messages.Times
WAIT_LIMIT = 20  # seconds
MEBIBYTE = 1 << 20
# The environment's proxy is for others, and a test without a limit on messages is about the server's.
OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Calls:
    """Each test makes its calls on a channel of its own."""

    def setUp(self):
        self.channel = self.dial()
        self.addCleanup(self.channel.close)
        self.greeter = services.GreeterStub(self.channel)

    def fails(self, code, call):
        """The call ends with this status; returns what it tells besides."""
        with self.assertRaises(grpc.RpcError) as failed:
            call()
        self.assertEqual(failed.exception.code(), code, failed.exception.details())
        return failed.exception

    def test_a_unary_call_is_answered(self):
        for name in ["world", "世界 🦀", "x" * 70_000]:
            self.assertEqual(self.greeter.Greet(Name(name=name), timeout=WAIT_LIMIT).text, f"Hello, {name}!")

    def test_the_server_streams(self):
        greetings = list(self.greeter.Repeat(Times(name="you", times=1000), timeout=WAIT_LIMIT))
        self.assertEqual([greeting.number for greeting in greetings], list(range(1, 1001)))
        self.assertEqual({greeting.text for greeting in greetings}, {"Hello, you!"})

    def test_a_streams_first_reply_comes_before_its_second_is_made(self):
        began = time.monotonic()
        call = self.greeter.Repeat(Times(name="you", times=2, pause_milliseconds=1000), timeout=WAIT_LIMIT)
        next(call)
        self.assertLess(time.monotonic() - began, 0.9)
        next(call)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertEqual(call.code(), StatusCode.OK)

    def test_a_stream_may_be_empty(self):
        self.assertEqual(list(self.greeter.Repeat(Times(times=0), timeout=WAIT_LIMIT)), [])
        self.assertEqual(self.greeter.GreetAll(iter([]), timeout=WAIT_LIMIT).number, 0)
        self.assertEqual(list(self.greeter.Chat(iter([]), timeout=WAIT_LIMIT)), [])

    def test_the_client_streams(self):
        greeting = self.greeter.GreetAll((Name(name=str(number)) for number in range(500)), timeout=WAIT_LIMIT)
        self.assertEqual(greeting.number, 500)
        self.assertEqual(greeting.text, f"Hello, {', '.join(map(str, range(500)))}!")

    def test_both_stream_and_each_reply_comes_before_the_next_is_asked_for(self):
        self.converses(100)

    def test_a_conversation_may_pause_for_longer_than_a_slow_body_may(self):
        self.converses(2, pause=6.5)

    def converses(self, turns, pause=0.0):
        names = queue.SimpleQueue()
        replies = self.greeter.Chat(iter(names.get, None), timeout=WAIT_LIMIT)
        for turn in range(1, turns + 1):
            names.put(Name(name=f"turn {turn}"))
            reply = next(replies)
            self.assertEqual((reply.text, reply.number), (f"Hello, turn {turn}!", turn))
            time.sleep(pause)
        names.put(None)
        self.assertEqual(list(replies), [])
        self.assertEqual(replies.code(), StatusCode.OK)

    def test_metadata_come_before_and_behind_the_messages(self):
        sent = (("x-echo", "as sent"), ("x-echo-bin", bytes(range(256))))
        reply, call = self.greeter.Greet.with_call(Name(name="you"), metadata=sent, timeout=WAIT_LIMIT)
        self.assertEqual(reply.number, 1)
        before = dict(call.initial_metadata())
        self.assertEqual((before["x-echo"], before["x-echo-bin"]), ("as sent", bytes(range(256))))
        self.assertEqual(dict(call.trailing_metadata())["x-replies"], "1")

    def test_an_error_has_its_status_and_its_words(self):
        failed = self.fails(StatusCode.INVALID_ARGUMENT, lambda: self.greeter.Greet(Name(), timeout=WAIT_LIMIT))
        self.assertEqual(failed.details(), "a name is missing: naïve greetings cost 100 %")

    def test_an_error_may_follow_messages(self):
        replies = self.greeter.Chat(iter([Name(name="you"), Name(name="x" * (4 * MEBIBYTE + 1))]), timeout=WAIT_LIMIT)
        self.assertEqual(next(replies).number, 1)
        self.fails(StatusCode.RESOURCE_EXHAUSTED, lambda: next(replies))
        self.assertEqual(dict(replies.trailing_metadata())["x-replies"], "1")

    def test_an_unknown_method_is_unimplemented(self):
        unknown = self.channel.unary_unary("/greeter.Greeter/Insult")
        failed = self.fails(StatusCode.UNIMPLEMENTED, lambda: unknown(b"", timeout=WAIT_LIMIT))
        self.assertEqual(failed.details(), "there is no method /greeter.Greeter/Insult")

    def test_a_compressed_message_is_unimplemented(self):
        call = lambda: self.greeter.Greet(Name(name="x" * 1000), compression=grpc.Compression.Gzip, timeout=WAIT_LIMIT)
        self.fails(StatusCode.UNIMPLEMENTED, call)

    def test_a_deadline_ends_a_call_in_time(self):
        began = time.monotonic()
        call = self.greeter.Repeat(Times(name="you", times=2, pause_milliseconds=60_000), timeout=0.5)
        self.assertEqual(next(call).number, 1)
        self.fails(StatusCode.DEADLINE_EXCEEDED, lambda: next(call))
        self.assertLess(time.monotonic() - began, 2)
        self.test_a_unary_call_is_answered()

    def test_a_cancelled_call_ends_and_the_channel_goes_on(self):
        call = self.greeter.Repeat(Times(name="you", times=1_000_000, pause_milliseconds=10), timeout=WAIT_LIMIT)
        for _ in range(3):
            next(call)
        call.cancel()
        self.fails(StatusCode.CANCELLED, lambda: list(call))
        self.test_a_unary_call_is_answered()

    def test_a_call_may_be_cancelled_while_it_waits_for_the_client(self):
        never = threading.Event()
        self.addCleanup(never.set)
        call = self.greeter.GreetAll.future(iter(lambda: never.wait(WAIT_LIMIT) and None, None), timeout=WAIT_LIMIT)
        time.sleep(0.2)
        call.cancel()
        self.assertEqual(call.code(), StatusCode.CANCELLED)
        self.test_a_unary_call_is_answered()

    def test_a_message_of_a_mebibyte_goes_and_comes(self):
        name = "x" * MEBIBYTE
        self.assertEqual(self.greeter.Greet(Name(name=name), timeout=WAIT_LIMIT).text, f"Hello, {name}!")
        for reply in self.greeter.Chat(iter([Name(name=name)] * 8), timeout=WAIT_LIMIT):
            self.assertEqual(len(reply.text), MEBIBYTE + 8)

    def test_a_message_that_is_too_large_is_refused(self):
        name = Name(name="x" * (4 * MEBIBYTE))
        self.fails(StatusCode.RESOURCE_EXHAUSTED, lambda: self.greeter.Greet(name, timeout=WAIT_LIMIT))
        self.test_a_unary_call_is_answered()

    def test_a_hundred_calls_at_once(self):
        calls = [self.greeter.Greet.future(Name(name=str(number)), timeout=WAIT_LIMIT) for number in range(100)]
        self.assertEqual([call.result().text for call in calls], [f"Hello, {number}!" for number in range(100)])

    def test_fifty_streams_at_once(self):
        def stream(number):
            return [reply.text for reply in self.greeter.Repeat(Times(name=str(number), times=50), timeout=WAIT_LIMIT)]

        with ThreadPoolExecutor(50) as threads:
            streams = list(threads.map(stream, range(50)))
        self.assertEqual(streams, [[f"Hello, {number}!"] * 50 for number in range(50)])

    def test_a_stream_that_is_read_late_waits(self):
        name = "x" * 100_000
        call = self.greeter.Repeat(Times(name=name, times=200), timeout=WAIT_LIMIT)
        time.sleep(1)
        self.assertEqual(sum(len(reply.text) for reply in call), 200 * (100_000 + 8))

    def test_the_server_itself_ends_a_call_whose_time_is_over(self):
        """grpcio ends such a call on its own; curl does not."""
        message = Times(times=2, pause_milliseconds=60_000).SerializeToString()
        framed = b"\0" + len(message).to_bytes(4, "big") + message
        fields = ["content-type: application/grpc", "te: trailers", "grpc-timeout: 300m"]
        headers = [option for field in fields for option in ("--header", field)]
        target = [*self.curl(), f"{self.url}/greeter.Greeter/Repeat"]
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "10", *headers, *target]
        command += ["--data-binary", "@-", "--dump-header", "-", "--output", os.devnull]
        told = subprocess.run(command, input=framed, capture_output=True, check=True, timeout=WAIT_LIMIT).stdout.decode()
        self.assertEqual(told.split("\r\n")[0].rstrip(), "HTTP/2 200")
        self.assertIn("grpc-status: 4\r\n", told)
        self.assertIn("x-replies: 1\r\n", told)


class Cleartext(Calls, unittest.TestCase):
    url = os.environ["WINDHOVER"]

    def dial(self):
        return grpc.insecure_channel(self.url.removeprefix("http://"), OPTIONS)

    def curl(self):
        return ["--http2-prior-knowledge"]


class Tls(Calls, unittest.TestCase):
    url = os.environ["WINDHOVER_TLS"].replace("127.0.0.1", "localhost")

    def dial(self):
        with open(os.environ["WINDHOVER_CA"], "rb") as authority:
            credentials = grpc.ssl_channel_credentials(authority.read())
        return grpc.secure_channel(self.url.removeprefix("https://"), credentials, OPTIONS)

    def curl(self):
        return ["--http2", "--cacert", os.environ["WINDHOVER_CA"]]


if __name__ == "__main__":
    print(f"grpcio {grpc.__version__}", flush=True)
    unittest.main(verbosity=2)
