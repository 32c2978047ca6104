// Server-sent events: a countdown, and the page that shows it. If the client disconnects, the next write ends it.
package export_wit_world // the bindings import the package by this name

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	types "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/windhover_http_request"
	"wit_component/windhover_http_response"
)

// Handle answers one request.
func Handle() {
	method := windhover_http_request.Method()
	if method != "GET" && method != "HEAD" {
		send(405, "text/plain; charset=utf-8", "Only GET and HEAD.\n")
		return
	}
	switch windhover_http_request.Path() {
	case "/":
		send(200, "text/html; charset=utf-8", page)
	case "/events":
		if from, pause, problem := wanted(windhover_http_request.Query().SomeOr("")); problem != "" {
			send(400, "text/plain; charset=utf-8", problem+"\n")
		} else {
			countdown(from, pause)
		}
	default:
		send(404, "text/plain; charset=utf-8", "There is nothing here.\n")
	}
}

// Parses a query, or says what is wrong with it.
func wanted(query string) (from int, pause time.Duration, problem string) {
	from, pause = 10, time.Second
	values, err := url.ParseQuery(query)
	if err != nil {
		return 0, 0, err.Error()
	}
	if text := values.Get("from"); text != "" {
		if from, err = strconv.Atoi(text); err != nil || from < 1 || from > 20 {
			return 0, 0, "from is a number from 1 to 20"
		}
	}
	if text := values.Get("pause"); text != "" {
		if pause, err = time.ParseDuration(text); err != nil || pause < 0 || pause > time.Second {
			return 0, 0, "pause is a time of one second at most, such as 100ms"
		}
	}
	return from, pause, ""
}

// Each event has a number, so that a client that lost its connection can say where it was (Last-Event-ID).
func countdown(from int, pause time.Duration) {
	if last := windhover_http_request.Field("last-event-id"); last.IsSome() {
		if number, err := strconv.Atoi(string(last.Some())); err == nil && number >= 0 && number < from {
			from = number
		}
	}
	fields := []types.Tuple2[string, []byte]{
		{F0: "content-type", F1: []byte("text/event-stream")},
		{F0: "cache-control", F1: []byte("no-store")},
	}
	windhover_http_response.Start(200, fields).Ok()
	for number := from; number > 0; number-- {
		event := fmt.Sprintf("id: %d\ndata: %d\n\n", number, number)
		windhover_http_response.Write([]byte(event)).Ok()
		windhover_http_response.Flush().Ok()
		time.Sleep(pause) // the server runs other requests meanwhile
	}
	windhover_http_response.Write([]byte("event: end\ndata: lift-off\n\n")).Ok()
}

func send(status uint16, contentType, content string) {
	fields := []types.Tuple2[string, []byte]{{F0: "content-type", F1: []byte(contentType)}}
	windhover_http_response.Send(status, fields, []byte(content)).Ok()
}

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Countdown</title>
<h1 id="count">…</h1>
<script>
  const count = document.getElementById('count');
  const events = new EventSource('/events');
  events.onmessage = (event) => { count.textContent = event.data; };
  events.addEventListener('end', (event) => { events.close(); count.textContent = event.data; });
</script>
</html>
`
