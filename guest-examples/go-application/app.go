// Greets, describes the request, and echoes its content as a stream.
package export_wit_world // the bindings import the package by this name

import (
	"fmt"
	"net/url"
	"strings"

	types "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/windhover_http_connection"
	"wit_component/windhover_http_request"
	"wit_component/windhover_http_response"
)

// Handle answers one request.
func Handle() {
	head := windhover_http_request.Head()
	method := head.Method
	if method == "HEAD" {
		method = "GET"
	}
	switch method + " " + head.Path {
	case "GET /":
		text(200, greeting(head.Query.SomeOr("")))
	case "GET /request":
		text(200, facts(head))
	case "POST /echo":
		echo()
	default:
		text(404, "There is nothing here.\n")
	}
}

func greeting(query string) string {
	values, _ := url.ParseQuery(query) // ignores malformed parts
	if values.Has("name") {
		return fmt.Sprintf("Hello, %s!\n", values.Get("name"))
	}
	return "Hello from Go!\n"
}

func facts(head windhover_http_request.RequestHead) string {
	var facts strings.Builder
	fmt.Fprintf(&facts, "method=%s\nscheme=%s\nauthority=%s\npath=%s\n", head.Method, head.Scheme, head.Authority, head.Path)
	if head.Query.IsSome() {
		fmt.Fprintf(&facts, "query=%s\n", head.Query.Some())
	}
	if remote := windhover_http_connection.Current().Remote; remote.IsSome() {
		fmt.Fprintf(&facts, "remote=%s\n", remote.Some().Address)
	}
	return facts.String()
}

// Sends each piece back as it arrives, so the response begins before the request has ended. If the request breaks off,
// the response must too, or it would look complete: `Ok` panics on an error, and that breaks it off.
func echo() {
	contentType := windhover_http_request.Field("content-type").SomeOr([]byte("application/octet-stream"))
	windhover_http_response.Start(200, []types.Tuple2[string, []byte]{{F0: "content-type", F1: contentType}}).Ok()
	for {
		piece := windhover_http_request.Read(0).Ok()
		if len(piece) == 0 {
			return
		}
		windhover_http_response.Write(piece).Ok()
	}
}

func text(status uint16, content string) {
	fields := []types.Tuple2[string, []byte]{{F0: "content-type", F1: []byte("text/plain; charset=utf-8")}}
	windhover_http_response.Send(status, fields, []byte(content)).Ok()
}
