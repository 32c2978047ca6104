// A greeting, a look at the request, and an echo that streams: a plain `wasi:http/proxy` 0.2 component, with nothing of
// Windhover in it.
//
// Each handle has one owner. A child is dropped before its parent (the stream before its body): the host traps a guest
// that does it the other way round.

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

// Generated names are long; these are for the shapes that come up again and again.
using Request = wasi_http_types_own_incoming_request_t;
using Out = wasi_http_types_own_response_outparam_t;

std::string_view view(app_string_t text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }

// What is lent to a call, which only reads it.
template <typename Lent> Lent lend(std::string_view text) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

wasi_http_types_borrow_incoming_request_t borrow(Request request) {
  return wasi_http_types_borrow_incoming_request(request);
}

// An answer whose head has been sent. It is whole when `finish` is called; dropped before that, the host cuts it off.
class Answer {
public:
  Answer(Out out, uint16_t status, std::string_view content_type) {
    auto fields = wasi_http_types_constructor_fields();
    auto name = lend<app_string_t>("content-type");
    auto value = lend<wasi_http_types_field_value_t>(content_type);
    wasi_http_types_header_error_t error; // a value that the host refuses is left out
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &name, &value, &error);

    auto response = wasi_http_types_constructor_outgoing_response(fields);
    auto borrowed = wasi_http_types_borrow_outgoing_response(response);
    wasi_http_types_method_outgoing_response_set_status_code(borrowed, status);
    // The body is taken first, because `set` gives the response away.
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

  // A failed write means that nobody reads any more; `finish` is then told the same, so it is not an error here.
  void write(std::string_view content) {
    while (!content.empty()) {
      auto piece = lend<app_list_u8_t>(content.substr(0, 4096)); // the most that is taken at once
      wasi_io_streams_stream_error_t error;
      if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(output(), &piece, &error))
        return wasi_io_streams_stream_error_free(&error);
      content.remove_prefix(piece.len);
    }
  }

  // Sends each piece as it arrives; the octets never enter the guest's memory. Whether all of them came.
  bool splice(wasi_io_streams_borrow_input_stream_t source) {
    uint64_t moved;
    wasi_io_streams_stream_error_t error;
    while (wasi_io_streams_method_output_stream_blocking_splice(output(), source, 64 * 1024, &moved, &error) &&
           wasi_io_streams_method_output_stream_flush(output(), &error)) // a server may hold back what nobody told it to
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

// A value of a query: "%C3%AB" is an octet each, and "+" a space.
std::string decoded(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); at++) {
    unsigned octet;
    auto digits = text.substr(at + 1, 2);
    if (text[at] == '%' && digits.size() == 2 &&
        std::from_chars(digits.data(), digits.data() + 2, octet, 16).ptr == digits.data() + 2) {
      decoded += static_cast<char>(octet);
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

// The answer begins before the request has ended.
void echo(Request request, Out out) {
  Answer answer(out, 200, content_type(request));
  // `consume` and `stream` fail only when they are called twice.
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_method_incoming_request_consume(borrow(request), &body);
  wasi_io_streams_own_input_stream_t source;
  wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &source);
  bool is_whole = answer.splice(wasi_io_streams_borrow_input_stream(source));
  wasi_io_streams_input_stream_drop_own(source);
  wasi_http_types_incoming_body_drop_own(body);
  if (is_whole)
    answer.finish(); // else a request that broke off would become an answer that looks whole
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
