// Greets, describes the request, and echoes its content as a stream.

import { current } from 'windhover:http/connection@0.1.0';
import { field, head, read, type RequestHead } from 'windhover:http/request@0.1.0';
import { send, start, write } from 'windhover:http/response@0.1.0';

export function handle(): void {
  const request = head();
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  switch (`${method} ${request.path}`) {
    case 'GET /':
      return text(200, greeting(request));
    case 'GET /request':
      return text(200, facts(request));
    case 'POST /echo':
      return echo();
    default:
      return text(404, 'There is nothing here.\n');
  }
}

function greeting({ query }: RequestHead): string {
  const name = new URLSearchParams(query ?? '').get('name');
  return name === null ? 'Hello from TypeScript!\n' : `Hello, ${name}!\n`;
}

function facts({ method, scheme, authority, path, query }: RequestHead): string {
  const { remote } = current();
  const facts = { method, scheme, authority, path, query, remote: remote?.address };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return known.map(([name, value]) => `${name}=${value}\n`).join('');
}

// Sends each piece back as it arrives, so the response begins before the request has ended. If the request breaks off,
// `read` throws, and the response breaks off too.
function echo(): void {
  start(200, [['content-type', field('content-type') ?? bytes('application/octet-stream')]]);
  for (let piece = read(0); piece.length > 0; piece = read(0)) {
    write(piece);
  }
}

function text(status: number, content: string): void {
  send(status, [['content-type', bytes('text/plain; charset=utf-8')]], bytes(content));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
