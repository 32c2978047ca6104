// Greets, describes the request, and echoes its content as a stream.

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

extern "C" {
#include "app.h"
}

using namespace std::string_view_literals;

namespace {

// Short names for the generated types that this file uses most.
using Head = windhover_http_request_request_head_t;
using Field = app_tuple2_string_list_u8_t;
using Error = windhover_http_response_error_t;

std::string_view view(app_string_t text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }

std::string_view view(app_list_u8_t bytes) { return {reinterpret_cast<const char *>(bytes.ptr), bytes.len}; }

// An argument that a call only reads.
template <typename Lent> Lent lend(std::string_view text) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

void text(uint16_t status, std::string_view content) {
  Field field{lend<app_string_t>("content-type"), lend<app_list_u8_t>("text/plain; charset=utf-8")};
  app_list_tuple2_string_list_u8_t fields{&field, 1};
  auto bytes = lend<app_list_u8_t>(content);
  Error error;
  if (!windhover_http_response_send(status, &fields, &bytes, &error))
    std::abort(); // impossible: nothing was sent before
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

std::string greeting(const Head &head) {
  auto name = head.query.is_some ? query_value(view(head.query.val), "name") : std::nullopt;
  return name ? "Hello, " + *name + "!\n" : "Hello from C++!\n";
}

std::string facts(const Head &head) {
  std::string facts;
  auto add = [&](std::string_view name, std::string_view value) { facts.append(name).append("=").append(value).append("\n"); };
  add("method", view(head.method));
  add("scheme", view(head.scheme));
  add("authority", view(head.authority));
  add("path", view(head.path));
  if (head.query.is_some)
    add("query", view(head.query.val));

  windhover_http_connection_connection_t connection;
  windhover_http_connection_current(&connection);
  if (connection.remote.is_some)
    add("remote", view(connection.remote.val.address));
  windhover_http_connection_connection_free(&connection);
  return facts;
}

// Sends each piece back as it arrives, so the response begins before the request has ended. If the request breaks off,
// the response must too, or it would look complete: a trap breaks it off.
void echo() {
  auto name = lend<app_string_t>("content-type");
  app_list_u8_t asked;
  bool has_type = windhover_http_request_field(&name, &asked);

  Field field{name, has_type ? asked : lend<app_list_u8_t>("application/octet-stream")};
  app_list_tuple2_string_list_u8_t fields{&field, 1};
  Error error;
  if (!windhover_http_response_start(200, &fields, &error))
    std::abort();
  if (has_type)
    app_list_u8_free(&asked);

  for (bool is_end = false; !is_end;) {
    app_list_u8_t piece;
    windhover_http_request_body_error_t broken;
    if (!windhover_http_request_read(0, &piece, &broken))
      std::abort();
    is_end = view(piece).empty();
    if (!is_end && !windhover_http_response_write(&piece, &error))
      std::abort();
    app_list_u8_free(&piece);
  }
}

} // namespace

extern "C" void exports_app_handle() {
  Head head;
  windhover_http_request_head(&head);
  auto method = view(head.method), path = view(head.path);
  bool get = method == "GET"sv || method == "HEAD"sv;

  if (get && path == "/"sv)
    text(200, greeting(head));
  else if (get && path == "/request"sv)
    text(200, facts(head));
  else if (method == "POST"sv && path == "/echo"sv)
    echo();
  else
    text(404, "There is nothing here.\n");

  windhover_http_request_request_head_free(&head);
}
