// Greets, describes the request, and echoes its content as a stream, on every server of `wasi:http/proxy` 0.2.
package export_wasi_http_incoming_handler // the bindings import the package by this name

import (
	"fmt"
	"net/url"
	"strings"

	types "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/wasi_http_types"
	"wit_component/wasi_io_streams"
)

// Handle answers one request.
func Handle(request *wasi_http_types.IncomingRequest, out *wasi_http_types.ResponseOutparam) {
	defer request.Drop()
	path, query, _ := strings.Cut(request.PathWithQuery().SomeOr("/"), "?")
	isGet := request.Method().Tag() == wasi_http_types.Method_Get || request.Method().Tag() == wasi_http_types.Method_Head
	isPost := request.Method().Tag() == wasi_http_types.Method_Post
	switch {
	case isGet && path == "/":
		text(out, 200, greeting(query))
	case isGet && path == "/request":
		text(out, 200, facts(request, path, query))
	case isPost && path == "/echo":
		echo(request, out)
	default:
		text(out, 404, "There is nothing here.\n")
	}
}

func greeting(query string) string {
	values, _ := url.ParseQuery(query) // ignores malformed parts
	if values.Has("name") {
		return fmt.Sprintf("Hello, %s!\n", values.Get("name"))
	}
	return "Hello from Go!\n"
}

func facts(request *wasi_http_types.IncomingRequest, path, query string) string {
	method, scheme := "GET", "http"
	if request.Method().Tag() == wasi_http_types.Method_Head {
		method = "HEAD"
	}
	if known := request.Scheme(); known.IsSome() && known.Some().Tag() == wasi_http_types.Scheme_Https {
		scheme = "https"
	}
	facts := fmt.Sprintf("method=%s\nscheme=%s\nauthority=%s\npath=%s\n", method, scheme, request.Authority().SomeOr(""), path)
	if query != "" {
		facts += fmt.Sprintf("query=%s\n", query)
	}
	return facts
}

// Sends each piece back as it arrives, so the response begins before the request has ended.
func echo(request *wasi_http_types.IncomingRequest, out *wasi_http_types.ResponseOutparam) {
	asked := request.Headers()
	contentType := []byte("application/octet-stream")
	if values := asked.Get("content-type"); len(values) > 0 {
		contentType = values[0]
	}
	asked.Drop()

	source := request.Consume().Ok()
	from := source.Stream().Ok()
	sink := start(out, 200, contentType)
	to := sink.Write().Ok()
	isWhole := copy(to, from)
	// Drop streams before their bodies, because they are children of these.
	from.Drop()
	source.Drop()
	to.Drop()
	if isWhole {
		wasi_http_types.OutgoingBodyFinish(sink, types.None[*wasi_http_types.Fields]())
	} else {
		sink.Drop() // without `finish`: if the request broke off, the response must not look complete
	}
}

// Copies until the end, and returns whether it was reached without an error. The bytes do not pass through the app's
// memory.
func copy(to *wasi_io_streams.OutputStream, from *wasi_io_streams.InputStream) bool {
	for {
		if moved := to.BlockingSplice(from, 64*1024); moved.IsErr() {
			return moved.Err().Tag() == wasi_io_streams.StreamError_Closed
		}
		if to.Flush().IsErr() { // otherwise a server may buffer it
			return false
		}
	}
}

func text(out *wasi_http_types.ResponseOutparam, status uint16, content string) {
	body := start(out, status, []byte("text/plain; charset=utf-8"))
	stream := body.Write().Ok()
	// An error means that the client has disconnected. The server knows that already.
	for rest := []byte(content); len(rest) > 0; {
		piece := rest[:min(len(rest), 4096)] // the maximum for one call
		if stream.BlockingWriteAndFlush(piece).IsErr() {
			break
		}
		rest = rest[len(piece):]
	}
	stream.Drop()
	wasi_http_types.OutgoingBodyFinish(body, types.None[*wasi_http_types.Fields]())
}

// Sends the head. Takes the body first, because `Set` consumes the response.
func start(out *wasi_http_types.ResponseOutparam, status uint16, contentType []byte) *wasi_http_types.OutgoingBody {
	fields := wasi_http_types.MakeFields()
	fields.Append("content-type", contentType) // leaves out a value that the server refuses
	response := wasi_http_types.MakeOutgoingResponse(fields)
	response.SetStatusCode(status)
	body := response.Body().Ok()
	wasi_http_types.ResponseOutparamSet(out, types.Ok[*wasi_http_types.OutgoingResponse, wasi_http_types.ErrorCode](response))
	return body
}
