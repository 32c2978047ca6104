// Greets, describes the request, and echoes its content as a stream. A standard `wasi:http/proxy` 0.2 component: it
// imports nothing of Windhover.
//
// Each handle has one owner. Drop a child before its parent, such as a stream before its body: otherwise the host
// traps.

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

extern "C" {
#include "app.h"
}

using namespace std::string_view_literals;

namespace {

// Short names for the generated types that this file uses most.
using Request = wasi_http_types_own_incoming_request_t;
using Out = wasi_http_types_own_response_outparam_t;

std::string_view view(app_string_t text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }

// An argument that a call only reads.
template <typename Lent> Lent lend(std::string_view text) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

wasi_http_types_borrow_incoming_request_t borrow(Request request) {
  return wasi_http_types_borrow_incoming_request(request);
}

// A response whose head has been sent. `finish` completes it. If it is dropped before, the host breaks it off.
class Answer {
public:
  Answer(Out out, uint16_t status, std::string_view content_type) {
    auto fields = wasi_http_types_constructor_fields();
    auto name = lend<app_string_t>("content-type");
    auto value = lend<wasi_http_types_field_value_t>(content_type);
    wasi_http_types_header_error_t error; // leaves out a value that the host refuses
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &name, &value, &error);

    auto response = wasi_http_types_constructor_outgoing_response(fields);
    auto borrowed = wasi_http_types_borrow_outgoing_response(response);
    wasi_http_types_method_outgoing_response_set_status_code(borrowed, status);
    // Takes the body first, because `set` consumes the response.
    wasi_http_types_method_outgoing_response_body(borrowed, &body);
    wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream);
    wasi_http_types_result_own_outgoing_response_error_code_t ok{};
    ok.val.ok = response;
    wasi_http_types_static_response_outparam_set(out, &ok);
  }

  Answer(const Answer &) = delete;
  Answer &operator=(const Answer &) = delete;

  ~Answer() {
    if (is_finished)
      return;
    wasi_io_streams_output_stream_drop_own(stream);
    wasi_http_types_outgoing_body_drop_own(body);
  }

  // A write fails if the client has disconnected. `finish` then fails too, so this function ignores the error.
  void write(std::string_view content) {
    while (!content.empty()) {
      auto piece = lend<app_list_u8_t>(content.substr(0, 4096)); // the maximum for one call
      wasi_io_streams_stream_error_t error;
      if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(output(), &piece, &error))
        return wasi_io_streams_stream_error_free(&error);
      content.remove_prefix(piece.len);
    }
  }

  // Sends each piece as it arrives, and returns whether all of them came. The bytes do not pass through the guest's
  // memory.
  bool splice(wasi_io_streams_borrow_input_stream_t source) {
    uint64_t moved;
    wasi_io_streams_stream_error_t error;
    while (wasi_io_streams_method_output_stream_blocking_splice(output(), source, 64 * 1024, &moved, &error) &&
           wasi_io_streams_method_output_stream_flush(output(), &error)) // otherwise a server may buffer it
      ;
    bool is_whole = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
    wasi_io_streams_stream_error_free(&error);
    return is_whole;
  }

  void finish() {
    is_finished = true;
    wasi_io_streams_output_stream_drop_own(stream);
    wasi_http_types_error_code_t error;
    if (!wasi_http_types_static_outgoing_body_finish(body, nullptr, &error))
      wasi_http_types_error_code_free(&error);
  }

private:
  wasi_io_streams_borrow_output_stream_t output() { return wasi_io_streams_borrow_output_stream(stream); }

  wasi_http_types_own_outgoing_body_t body;
  wasi_io_streams_own_output_stream_t stream;
  bool is_finished = false;
};

void text(Out out, uint16_t status, std::string_view content) {
  Answer answer(out, status, "text/plain; charset=utf-8");
  answer.write(content);
  answer.finish();
}

// Decodes a value of a query: each "%C3" is a byte, and "+" is a space.
std::string decoded(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); at++) {
    unsigned byte;
    auto digits = text.substr(at + 1, 2);
    if (text[at] == '%' && digits.size() == 2 &&
        std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2) {
      decoded += static_cast<char>(byte);
      at += 2;
    } else {
      decoded += text[at] == '+' ? ' ' : text[at];
    }
  }
  return decoded;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    auto pair = query.substr(0, query.find('&'));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
      return decoded(pair.substr(name.size() + 1));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
  }
  return std::nullopt;
}

std::string facts(Request request, std::string_view method, std::string_view path, std::string_view query) {
  std::string facts;
  auto add = [&](std::string_view name, std::string_view value) { facts.append(name).append("=").append(value).append("\n"); };
  add("method", method);
  wasi_http_types_scheme_t scheme;
  if (wasi_http_types_method_incoming_request_scheme(borrow(request), &scheme)) {
    add("scheme", scheme.tag == WASI_HTTP_TYPES_SCHEME_HTTPS ? "https" : "http");
    wasi_http_types_scheme_free(&scheme);
  }
  app_string_t authority;
  if (wasi_http_types_method_incoming_request_authority(borrow(request), &authority)) {
    add("authority", view(authority));
    app_string_free(&authority);
  }
  add("path", path);
  if (!query.empty())
    add("query", query);
  return facts;
}

std::string content_type(Request request) {
  auto fields = wasi_http_types_method_incoming_request_headers(borrow(request));
  auto name = lend<wasi_http_types_field_name_t>("content-type");
  wasi_http_types_list_field_value_t values;
  wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(fields), &name, &values);
  std::string type = "application/octet-stream";
  if (values.len > 0)
    type.assign(reinterpret_cast<const char *>(values.ptr[0].ptr), values.ptr[0].len);
  wasi_http_types_list_field_value_free(&values);
  wasi_http_types_fields_drop_own(fields);
  return type;
}

// The response begins before the request has ended.
void echo(Request request, Out out) {
  Answer answer(out, 200, content_type(request));
  // `consume` and `stream` fail only if they are called twice.
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_method_incoming_request_consume(borrow(request), &body);
  wasi_io_streams_own_input_stream_t source;
  wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &source);
  bool is_whole = answer.splice(wasi_io_streams_borrow_input_stream(source));
  wasi_io_streams_input_stream_drop_own(source);
  wasi_http_types_incoming_body_drop_own(body);
  if (is_whole)
    answer.finish(); // not if the request broke off: the response must not look complete then
}

} // namespace

extern "C" void exports_wasi_http_incoming_handler_handle(Request request, Out out) {
  wasi_http_types_method_t method;
  wasi_http_types_method_incoming_request_method(borrow(request), &method);
  bool head = method.tag == WASI_HTTP_TYPES_METHOD_HEAD;
  bool get = head || method.tag == WASI_HTTP_TYPES_METHOD_GET;
  bool post = method.tag == WASI_HTTP_TYPES_METHOD_POST;
  wasi_http_types_method_free(&method);

  app_string_t asked{};
  wasi_http_types_method_incoming_request_path_with_query(borrow(request), &asked);
  std::string target(view(asked));
  app_string_free(&asked);
  auto path = std::string_view(target).substr(0, target.find('?'));
  auto query = std::string_view(target).substr(std::min(target.size(), path.size() + 1));

  if (get && path == "/"sv) {
    auto name = query_value(query, "name");
    text(out, 200, name ? "Hello, " + *name + "!\n" : "Hello from C++!\n");
  } else if (get && path == "/request"sv) {
    text(out, 200, facts(request, head ? "HEAD" : "GET", path, query));
  } else if (post && path == "/echo"sv) {
    echo(request, out);
  } else {
    text(out, 404, "There is nothing here.\n");
  }
  wasi_http_types_incoming_request_drop_own(request);
}
