// A greeting, an echo that streams, and a look at the request: plain Fetch API, for any server of `wasi:http/proxy` 0.2.

addEventListener('fetch', (event) => event.respondWith(answer(event.request)));

function answer(request) {
  const url = new URL(request.url);
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return text('Hello from JavaScript\n');
    case 'POST /echo':
      return new Response(request.body, {
        headers: { 'content-type': request.headers.get('content-type') ?? 'application/octet-stream' },
      });
    case 'GET /request':
      return text(`method=${request.method}\nauthority=${url.host}\nscheme=${url.protocol.slice(0, -1)}\n`);
    default:
      return new Response(null, { status: 404 });
  }
}

function text(body) {
  return new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
