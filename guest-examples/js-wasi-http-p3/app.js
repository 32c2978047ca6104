// Greets, describes the request, and echoes its content as a stream, on every server of `wasi:http/service` 0.3. The
// engine, QuickJS, has the JavaScript language and the imports of the WIT, but no `URL`, `fetch` or `TextEncoder`.

import types from 'wasi:http/types@0.3.0';

const { Fields, Request, Response } = types;

export const handler = {
  async handle(request) {
    const method = request.getMethod().tag;
    const [path, query] = split(request.getPathWithQuery() ?? '/', '?');
    switch (`${method === 'head' ? 'get' : method} ${path}`) {
      case 'get /':
        return text(200, greeting(query));
      case 'get /request':
        return text(200, facts(request, method, path, query));
      case 'post /echo':
        return echo(request);
      default:
        return text(404, 'There is nothing here.\n');
    }
  },
};

function greeting(query) {
  const name = parameter(query, 'name');
  return name === undefined ? 'Hello from JavaScript!\n' : `Hello, ${name}!\n`;
}

function facts(request, method, path, query) {
  const scheme = request.getScheme()?.tag.toLowerCase() ?? '';
  const authority = request.getAuthority() ?? '';
  const facts = `method=${method.toUpperCase()}\nscheme=${scheme}\nauthority=${authority}\npath=${path}\n`;
  return query ? `${facts}query=${query}\n` : facts;
}

// The response gets the stream and the trailers of the request. The trailers say whether the request was complete, so
// the response is complete only if the request was.
function echo(request) {
  const [contentType = utf8('application/octet-stream')] = request.getHeaders().get('content-type');
  const [content, trailers] = Request.consumeBody(request, promise(wit.Future.RESULT_VOID_ERROR_CODE, { tag: 'ok' }));
  return answer(200, contentType, content, trailers);
}

function text(status, text) {
  const { readable, writable } = wit.Stream(wit.Stream.U8);
  writable.writeAll(utf8(text)).finally(() => writable.drop());
  const trailers = promise(wit.Future.RESULT_OPTION_OTHER_ERROR_CODE, { tag: 'ok', val: null });
  return answer(status, utf8('text/plain; charset=utf-8'), readable, trailers);
}

function answer(status, contentType, content, trailers) {
  const [response, sent] = Response.new(Fields.fromList([['content-type', contentType]]), content, trailers);
  sent.drop(); // ignores whether it was sent
  response.setStatusCode(status);
  return response;
}

// A future that resolves to this value.
function promise(type, value) {
  const { readable, writable } = wit.Future(type);
  writable.write(value).finally(() => writable.drop());
  return readable;
}

function parameter(query, wanted) {
  for (const pair of query?.split('&') ?? []) {
    const [name, value] = split(pair, '=');
    if (decoded(name) === wanted) return decoded(value ?? '');
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text; // invalid UTF-8 stays as sent
  }
}

function split(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function utf8(text) {
  const bytes = encodeURIComponent(text).match(/%..|./g) ?? [];
  return Uint8Array.from(bytes, (byte) => (byte.length > 1 ? Number.parseInt(byte.slice(1), 16) : byte.charCodeAt(0)));
}
