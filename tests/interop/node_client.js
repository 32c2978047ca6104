// The package ws, an independent client, against rust-websocket at the address in WINDHOVER. Each test has a connection of
// its own; each wait has an end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';

import WebSocket from 'ws';

const URL = process.env.WINDHOVER.replace('http', 'ws');
const MEBIBYTE = 1 << 20; // the largest message that a deployment takes by default
const patience = { timeout: 20_000 };

async function dial(query = 'tick=60000', protocols = []) {
  const socket = new WebSocket(`${URL}/?${query}`, protocols);
  const messages = [];
  const waiting = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    waiting.length ? waiting.shift()(message) : messages.push(message);
  });
  socket.receive = () => (messages.length ? messages.shift() : new Promise((resolve) => waiting.push(resolve)));
  socket.closed = once(socket, 'close').then(([code, reason]) => [code, reason.toString()]);
  await once(socket, 'open');
  return socket;
}

function behaves(sentence, check) {
  test(sentence, patience, check);
}

behaves('text and binary come back', async () => {
  const socket = await dial();
  for (const message of ['', 'héllo 世界 🦀', 'x'.repeat(126), 'x'.repeat(65536), Buffer.from([0, 255]), Buffer.alloc(70_000, 1)]) {
    socket.send(message);
    assert.deepEqual(await socket.receive(), message);
  }
  socket.close(1000);
  assert.deepEqual(await socket.closed, [1000, '']);
});

behaves('a message in fragments comes back whole, and a ping between them is answered', async () => {
  const socket = await dial();
  socket.send('one ', { fin: false });
  socket.ping('there?');
  const [payload] = await once(socket, 'pong');
  assert.equal(payload.toString(), 'there?');
  socket.send('mess', { fin: false });
  socket.send('age', { fin: true });
  assert.equal(await socket.receive(), 'one message');
  socket.close();
  assert.deepEqual(await socket.closed, [1005, '']); // closed without a code, and answered so
});

behaves('an unasked pong is ignored', async () => {
  const socket = await dial();
  socket.pong('nobody asked');
  socket.send('hello');
  assert.equal(await socket.receive(), 'hello');
  socket.terminate();
});

behaves('the subprotocol chat is chosen, and compression is not', async () => {
  const socket = await dial('', ['superchat', 'chat']);
  assert.deepEqual([socket.protocol, socket.extensions], ['chat', '']);
  socket.terminate();
});

behaves('the server pushes', async () => {
  const socket = await dial('tick=20');
  assert.deepEqual([await socket.receive(), await socket.receive()], ['tick 1', 'tick 2']);
  socket.terminate();
});

behaves('the largest message comes back, in one piece and in 64', async () => {
  const socket = await dial();
  socket.send('x'.repeat(MEBIBYTE));
  assert.equal((await socket.receive()).length, MEBIBYTE);
  for (let piece = 1; piece <= 64; piece++) socket.send(Buffer.alloc(MEBIBYTE / 64), { fin: piece === 64 });
  assert.equal((await socket.receive()).length, MEBIBYTE);
  socket.terminate();
});

behaves('a larger message closes with 1009', async () => {
  const whole = await dial();
  whole.send(Buffer.alloc(MEBIBYTE + 1));
  assert.deepEqual(await whole.closed, [1009, '']);
  const pieces = await dial();
  pieces.send(Buffer.alloc(MEBIBYTE), { fin: false });
  pieces.send(Buffer.alloc(1), { fin: true });
  assert.deepEqual(await pieces.closed, [1009, '']);
});

behaves('text that is not UTF-8 closes with 1007', async () => {
  const socket = await dial();
  socket.send(Buffer.from([0xce, 0xba, 0xff]), { binary: false });
  assert.deepEqual(await socket.closed, [1007, '']);
});

behaves("the client's close is answered by its own code and reason", async () => {
  for (const [code, reason] of [[1000, 'enough'], [3000, 'größer'], [4999, 'r'.repeat(123)]]) {
    const socket = await dial();
    socket.close(code, reason);
    assert.deepEqual(await socket.closed, [code, reason]);
  }
});

behaves('the server closes with code and reason', async () => {
  const socket = await dial();
  socket.send('close 4000 and why');
  assert.deepEqual(await socket.closed, [4000, 'and why']);
});

behaves('frames that break the protocol close with 1002', async () => {
  for (const bytes of [[0x83, 0x80, 0, 0, 0, 0], [0x80, 0x80, 0, 0, 0, 0], [0xc1, 0x80, 0, 0, 0, 0], [0x81, 0x01, 0x78]]) {
    const socket = await dial();
    socket._socket.write(Buffer.from(bytes)); // ws itself sends no such thing
    assert.deepEqual(await socket.closed, [1002, ''], Buffer.from(bytes).toString('hex'));
  }
});
