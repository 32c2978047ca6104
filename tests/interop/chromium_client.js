// A browser opens the page of rust-websocket at the address in WINDHOVER and uses it as a person would; then it uses the
// WebSocket of the platform directly; then both over TLS, at the address in WINDHOVER_TLS, with HTTP/2. CHROMIUM is the
// browser, SCREENSHOT a file for what it shows at the end, CERTIFICATE that of the server, NET_LOG a file for what went over
// the network.

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

const URL = process.env.WINDHOVER;
const TLS = process.env.WINDHOVER_TLS;
const MEBIBYTE = 1 << 20;
const patience = { timeout: 60_000 };
const options = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-proxy-server'];
let browser;

function launch(...more) {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: [...options, ...more] });
}

before(async () => {
  browser = await launch();
}, patience);
after(() => browser?.close());

test('the page echoes what is typed, shows the push, and closes with 1000', patience, async () => {
  const page = await browser.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  const loaded = await page.goto(`${URL}/?tick=200`);
  assert.equal(loaded.status(), 200);
  await page.getByText('open, subprotocol chat').waitFor();
  await page.getByLabel('Message').fill('héllo 🦀');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('← héllo 🦀').waitFor();
  await page.getByText('← tick 2').waitFor();
  await page.getByLabel('Message').fill('<b>not bold</b>');
  await page.keyboard.press('Enter');
  await page.getByText('← <b>not bold</b>').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByText('closed with 1000 enough').waitFor();
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  assert.deepEqual(complaints, []);
  await page.close();
});

/// What a page's own WebSocket has: events in order, after each wish was sent.
async function converse(wishes, query = 'tick=60000') {
  const page = await browser.newPage();
  await page.goto(URL);
  const events = await page.evaluate(
    ([wishes, query]) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/?${query}`);
        socket.binaryType = 'arraybuffer';
        const events = [];
        const next = () => {
          const wish = wishes.shift();
          if (wish?.text !== undefined) socket.send(wish.text);
          else if (wish?.size !== undefined) socket.send(new Uint8Array(wish.size));
          else if (wish?.close) socket.close(...wish.close);
        };
        socket.onopen = next;
        socket.onmessage = ({ data }) => {
          events.push(typeof data === 'string' ? data : data.byteLength);
          next();
        };
        socket.onclose = ({ code, reason, wasClean }) => resolve([...events, { code, reason, wasClean }]);
        setTimeout(() => reject(new Error(`the socket is still open after ${JSON.stringify(events)}`)), 30_000);
      }),
    [wishes, query],
  );
  await page.close();
  return events;
}

test('text and binary come back, up to the largest message', patience, async () => {
  const wishes = [{ text: 'héllo 世界' }, { text: '\ud800' }, { size: 3 }, { size: MEBIBYTE }, { close: [4321, 'größer'] }];
  const closed = { code: 4321, reason: 'größer', wasClean: true };
  assert.deepEqual(await converse(wishes), ['héllo 世界', '\ufffd', 3, MEBIBYTE, closed]);
});

test('a larger message closes with 1009', patience, async () => {
  const [closed] = await converse([{ size: MEBIBYTE + 1 }]);
  assert.equal(closed.code, 1009);
});

test('the server closes with code and reason', patience, async () => {
  assert.deepEqual(await converse([{ text: 'close 4000 and why' }]), [{ code: 4000, reason: 'and why', wasClean: true }]);
});

test('a close without a code is answered without one', patience, async () => {
  assert.deepEqual(await converse([{ close: [] }]), [{ code: 1005, reason: '', wasClean: true }]);
});

test('the server pushes', patience, async () => {
  const [first, second] = await converse([{}, {}, { close: [1000] }], 'tick=20');
  assert.deepEqual([first, second], ['tick 1', 'tick 2']);
});

// Chromium has a certificate store of its own, and to write to it takes a package more. So it is told to trust this one key;
// that the chain is right, curl and grpcio have proved with the certificate authority.
function launchTrusting(...more) {
  const key = new X509Certificate(readFileSync(process.env.CERTIFICATE)).publicKey.export({ type: 'spki', format: 'der' });
  return launch(`--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`, ...more);
}

test('over TLS the page comes by HTTP/2, is a secure context, and its WebSocket works', patience, async (t) => {
  const trusting = await launchTrusting(`--log-net-log=${process.env.NET_LOG}`, '--net-log-capture-mode=IncludeSensitive');
  try {
    const page = await trusting.newPage();
    const loaded = await page.goto(`${TLS}/?tick=200`);
    assert.equal(loaded.status(), 200);
    const protocol = await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
    assert.equal(protocol, 'h2');
    assert.equal(await page.evaluate(() => isSecureContext), true);
    const { protocol: version, issuer } = await loaded.securityDetails();
    t.diagnostic(`${version}, certificate issued by ${issuer}`);

    await page.getByText('open, subprotocol chat').waitFor();
    await page.getByLabel('Message').fill('héllo 🦀');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('← héllo 🦀').waitFor();
    await page.getByText('← tick 2').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByText('closed with 1000 enough').waitFor();

    const size = await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/?tick=60000`);
          socket.binaryType = 'arraybuffer';
          socket.onopen = () => socket.send(new Uint8Array(1 << 20));
          socket.onmessage = ({ data }) => resolve(data.byteLength);
          socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
        }),
    );
    assert.equal(size, MEBIBYTE);
  } finally {
    await trusting.close(); // and so the log is whole
  }
  const isExtended = readFileSync(process.env.NET_LOG, 'utf8').includes('":protocol: websocket"');
  const how = isExtended ? 'by extended CONNECT in HTTP/2 (RFC 8441)' : 'on HTTP/1.1 connections of their own';
  t.diagnostic(`the WebSockets over TLS went ${how}`);
});

test('over TLS a hundred requests at once share one connection', patience, async () => {
  const trusting = await launchTrusting();
  try {
    const page = await trusting.newPage();
    await page.goto(TLS);
    const answers = await page.evaluate(async () => {
      const requests = Array.from({ length: 100 }, (_, number) => fetch(`/nothing?${number}`, { cache: 'no-store' }));
      const statuses = (await Promise.all(requests)).map(({ status }) => status);
      const hops = performance.getEntriesByType('resource').map(({ nextHopProtocol }) => nextHopProtocol);
      return { statuses: [...new Set(statuses)], hops: [...new Set(hops)] };
    });
    assert.deepEqual(answers, { statuses: [404], hops: ['h2'] });
  } finally {
    await trusting.close();
  }
});
