// Greets, describes the request, and echoes its content as a stream. Uses the Fetch API, on every server of
// `wasi:http/proxy` 0.2.

addEventListener('fetch', (event) => event.respondWith(answer(event.request)));

function answer(request) {
  const url = new URL(request.url);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  switch (`${method} ${url.pathname}`) {
    case 'GET /':
      return text(200, greeting(url));
    case 'GET /request':
      return text(200, facts(request.method, url));
    case 'POST /echo':
      return new Response(request.body, {
        headers: { 'content-type': request.headers.get('content-type') ?? 'application/octet-stream' },
      });
    default:
      return text(404, 'There is nothing here.\n');
  }
}

function greeting(url) {
  const name = url.searchParams.get('name');
  return name === null ? 'Hello from JavaScript!\n' : `Hello, ${name}!\n`;
}

function facts(method, url) {
  const facts = `method=${method}\nscheme=${url.protocol.slice(0, -1)}\nauthority=${url.host}\npath=${url.pathname}\n`;
  return url.search ? `${facts}query=${url.search.slice(1)}\n` : facts;
}

function text(status, content) {
  return new Response(content, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
