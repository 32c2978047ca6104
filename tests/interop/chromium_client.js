// A browser opens the page of rust-websocket at the address in WINDHOVER and uses it as a person would; then it uses the
// WebSocket of the platform directly. CHROMIUM is the browser, SCREENSHOT a file for what it shows at the end.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

const URL = process.env.WINDHOVER;
const MEBIBYTE = 1 << 20;
const patience = { timeout: 60_000 };
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-proxy-server'],
  });
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
