"""The package websockets, an independent client, against rust-websocket at the address in WINDHOVER. Each test has a
connection of its own; each wait has an end."""

import asyncio
import os
import unittest

import websockets
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

URL = os.environ["WINDHOVER"].replace("http", "ws", 1)
MEBIBYTE = 1 << 20  # the largest message that a deployment takes by default


def dial(query="tick=60000", **options):
    """No proxy: whatever the environment says, the server is on this machine."""
    return connect(f"{URL}/?{query}", proxy=None, open_timeout=10, close_timeout=10, **options)


class Client(unittest.IsolatedAsyncioTestCase):
    async def closes(self, socket, code, reason):
        """The server closes next, with these words."""
        with self.assertRaises(ConnectionClosed) as closed:
            await self.receive(socket)
        self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (code, reason))

    async def receive(self, socket):
        return await asyncio.wait_for(socket.recv(), 10)

    async def echoes(self, socket, message, as_it_comes_back=None):
        await socket.send(message)
        self.assertEqual(await self.receive(socket), as_it_comes_back or message)

    async def test_text_comes_back(self):
        async with dial() as socket:
            for text in ["hello", "", "héllo 世界 🦀", "\0\r\n", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536]:
                await self.echoes(socket, text)

    async def test_binary_comes_back(self):
        async with dial() as socket:
            for data in [b"", bytes(range(256)), b"\xff" * 70_000]:
                await self.echoes(socket, data)

    async def test_a_message_in_fragments_comes_back_whole(self):
        async with dial() as socket:
            await self.echoes(socket, ["one", "", " mess", "age"], "one message")
            await self.echoes(socket, [b"\x00", b"\x01"], b"\x00\x01")

    async def test_a_ping_between_fragments_is_answered(self):
        async with dial() as socket:
            last_may_leave = asyncio.Event()

            async def fragments():
                yield "one "
                await last_may_leave.wait()
                yield "message"

            sending = asyncio.create_task(socket.send(fragments()))
            await asyncio.wait_for(await socket.ping(b"there?"), 10)
            last_may_leave.set()
            await sending
            self.assertEqual(await self.receive(socket), "one message")

    async def test_many_messages_come_back_in_order(self):
        async with dial() as socket:
            sending = asyncio.create_task(self.send_all(socket, (str(number) for number in range(2000))))
            self.assertEqual([await self.receive(socket) for _ in range(2000)], [str(number) for number in range(2000)])
            await sending

    async def send_all(self, socket, messages):
        for message in messages:
            await socket.send(message)

    async def test_the_subprotocol_chat_is_chosen(self):
        async with dial(subprotocols=["superchat", "chat"]) as socket:
            self.assertEqual(socket.subprotocol, "chat")
        async with dial(subprotocols=["superchat"]) as socket:
            self.assertIsNone(socket.subprotocol)

    async def test_compression_is_offered_and_not_taken(self):
        async with dial(compression="deflate") as socket:
            self.assertIn("permessage-deflate", socket.request.headers["Sec-WebSocket-Extensions"])
            self.assertNotIn("Sec-WebSocket-Extensions", socket.response.headers)

    async def test_the_server_pushes(self):
        async with dial("tick=20") as socket:
            self.assertEqual([await self.receive(socket) for _ in range(3)], ["tick 1", "tick 2", "tick 3"])

    async def test_the_largest_message_comes_back(self):
        async with dial(max_size=None) as socket:
            await self.echoes(socket, "x" * MEBIBYTE)
            await self.echoes(socket, [b"x" * (MEBIBYTE // 2)] * 2, b"x" * MEBIBYTE)

    async def test_a_larger_message_closes_with_1009(self):
        for message in ["x" * (MEBIBYTE + 1), [b"x" * MEBIBYTE, b"x"]]:
            async with dial() as socket:
                await socket.send(message)
                await self.closes(socket, 1009, "")

    async def test_text_that_is_not_utf_8_closes_with_1007(self):
        for data in [b"\xff", b"\xed\xa0\x80", b"\xc3", [b"\xc3", b"\x28"]]:
            async with dial() as socket:
                await socket.send(data, text=True)
                await self.closes(socket, 1007, "")

    async def test_a_client_that_goes_on_sending_still_hears_what_was_wrong(self):
        for first, text, code in [(b"\xff", True, 1007), (b"x" * MEBIBYTE, False, 1009)]:
            async with dial() as socket:
                with self.assertRaises(ConnectionClosed) as closed:
                    await socket.send([first] + [b"x" * MEBIBYTE] * 8, text=text)
                    await self.receive(socket)
                self.assertEqual(closed.exception.rcvd.code, code)

    async def test_a_character_may_be_cut_by_a_fragment(self):
        async with dial() as socket:
            await socket.send([b"\xf0\x9f", b"\xa6\x80"], text=True)
            self.assertEqual(await self.receive(socket), "🦀")

    async def test_the_clients_close_is_answered_by_its_own_code(self):
        for code, reason in [(1000, ""), (1001, "left"), (3999, "größer"), (4999, "r" * 123)]:
            async with dial() as socket:
                await socket.close(code, reason)
                self.assertEqual((socket.close_code, socket.close_reason), (code, reason))

    async def test_the_server_closes_with_code_and_reason(self):
        for code, reason in [(1000, ""), (1011, "no"), (3000, "größer"), (4999, "r" * 123)]:
            async with dial() as socket:
                await socket.send(f"close {code} {reason}")
                await self.closes(socket, code, reason)


if __name__ == "__main__":
    print(f"websockets {websockets.__version__}", flush=True)
    unittest.main(verbosity=2)
