// Greets, describes the request, and echoes its content as a stream. A standard `wasi:http/proxy` 0.2 component: it
// imports nothing of Windhover.
//
// Each handle has one owner. Drop a child before its parent, such as a stream before its body: otherwise the host
// traps.

#include "app.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef wasi_http_types_own_incoming_request_t request_t;
typedef wasi_http_types_own_response_outparam_t response_out_t;

typedef struct {
  wasi_http_types_own_outgoing_body_t body;
  wasi_io_streams_own_output_stream_t stream;
} answer_t;

static wasi_http_types_borrow_incoming_request_t borrow(request_t request);
static void greet(app_string_t target, response_out_t out);
static void echo(request_t request, response_out_t out);
static void describe(request_t request, app_string_t target, response_out_t out);
static void not_found(response_out_t out);
static answer_t start(response_out_t out, uint16_t status, const char *content_type);
static answer_t start_with_fields(response_out_t out, uint16_t status, wasi_http_types_own_fields_t fields);
static void set_field(wasi_http_types_own_fields_t fields, const char *name, wasi_http_types_field_value_t value);
static void write_bytes(answer_t answer, const uint8_t *bytes, size_t length);
static void write_text(answer_t answer, const char *text);
static void finish(answer_t answer);
static void abandon(answer_t answer);
static app_string_t query_of(app_string_t target);
static bool query_value(app_string_t query, const char *name, char *value, size_t size);
static bool path_is(app_string_t target, const char *wanted);

void exports_wasi_http_incoming_handler_handle(request_t request, response_out_t out) {
  wasi_http_types_method_t method;
  wasi_http_types_method_incoming_request_method(borrow(request), &method);
  bool get = method.tag == WASI_HTTP_TYPES_METHOD_GET || method.tag == WASI_HTTP_TYPES_METHOD_HEAD;
  bool post = method.tag == WASI_HTTP_TYPES_METHOD_POST;
  wasi_http_types_method_free(&method);

  app_string_t target = {NULL, 0};
  wasi_http_types_method_incoming_request_path_with_query(borrow(request), &target);

  if (get && path_is(target, "/"))
    greet(target, out);
  else if (post && path_is(target, "/echo"))
    echo(request, out);
  else if (get && path_is(target, "/request"))
    describe(request, target, out);
  else
    not_found(out);

  app_string_free(&target);
  wasi_http_types_incoming_request_drop_own(request);
}

static wasi_http_types_borrow_incoming_request_t borrow(request_t request) {
  return wasi_http_types_borrow_incoming_request(request);
}

static void greet(app_string_t target, response_out_t out) {
  char name[256], greeting[sizeof name + sizeof "Hello, !\n"];
  if (query_value(query_of(target), "name", name, sizeof name))
    snprintf(greeting, sizeof greeting, "Hello, %s!\n", name);
  else
    strcpy(greeting, "Hello from C!\n");
  answer_t answer = start(out, 200, "text/plain; charset=utf-8");
  write_text(answer, greeting);
  finish(answer);
}

// Sends each piece back as it arrives. The bytes do not pass through the guest's memory.
static void echo(request_t request, response_out_t out) {
  wasi_http_types_own_fields_t asked = wasi_http_types_method_incoming_request_headers(borrow(request));
  wasi_http_types_field_name_t name;
  app_string_set(&name, "content-type");
  wasi_http_types_list_field_value_t types;
  wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(asked), &name, &types);
  wasi_http_types_fields_drop_own(asked);

  answer_t answer;
  if (types.len > 0) {
    wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
    set_field(fields, "content-type", types.ptr[0]);
    answer = start_with_fields(out, 200, fields);
  } else {
    answer = start(out, 200, "application/octet-stream");
  }
  wasi_http_types_list_field_value_free(&types);

  // `consume` and `stream` fail only if they are called twice.
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_method_incoming_request_consume(borrow(request), &body);
  wasi_io_streams_own_input_stream_t source;
  wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &source);

  wasi_io_streams_borrow_input_stream_t from = wasi_io_streams_borrow_input_stream(source);
  wasi_io_streams_borrow_output_stream_t to = wasi_io_streams_borrow_output_stream(answer.stream);
  uint64_t moved;
  wasi_io_streams_stream_error_t error;
  while (wasi_io_streams_method_output_stream_blocking_splice(to, from, 64 * 1024, &moved, &error) &&
         wasi_io_streams_method_output_stream_flush(to, &error)) // otherwise a server may buffer it
    ;
  bool whole = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
  wasi_io_streams_stream_error_free(&error);
  wasi_io_streams_input_stream_drop_own(source);
  wasi_http_types_incoming_body_drop_own(body);

  // If the request broke off, the response must not look complete.
  if (whole)
    finish(answer);
  else
    abandon(answer);
}

static void describe(request_t request, app_string_t target, response_out_t out) {
  answer_t answer = start(out, 200, "text/plain; charset=utf-8");
  wasi_http_types_method_t method;
  wasi_http_types_method_incoming_request_method(borrow(request), &method);
  write_text(answer, method.tag == WASI_HTTP_TYPES_METHOD_HEAD ? "method=HEAD" : "method=GET"); // no other method
  wasi_http_types_method_free(&method);

  write_text(answer, "\nauthority=");
  app_string_t authority;
  if (wasi_http_types_method_incoming_request_authority(borrow(request), &authority)) {
    write_bytes(answer, authority.ptr, authority.len);
    app_string_free(&authority);
  }

  write_text(answer, "\nscheme=");
  wasi_http_types_scheme_t scheme;
  if (wasi_http_types_method_incoming_request_scheme(borrow(request), &scheme)) {
    if (scheme.tag == WASI_HTTP_TYPES_SCHEME_HTTP)
      write_text(answer, "http");
    else if (scheme.tag == WASI_HTTP_TYPES_SCHEME_HTTPS)
      write_text(answer, "https");
    else
      write_bytes(answer, scheme.val.other.ptr, scheme.val.other.len);
    wasi_http_types_scheme_free(&scheme);
  }

  app_string_t query = query_of(target);
  size_t path_length = target.len - (query.ptr ? query.len + 1 : 0);
  write_text(answer, "\npath=");
  write_bytes(answer, target.ptr, path_length);
  if (query.ptr) {
    write_text(answer, "\nquery=");
    write_bytes(answer, query.ptr, query.len);
  }
  write_text(answer, "\n");
  finish(answer);
}

static void not_found(response_out_t out) {
  answer_t answer = start(out, 404, "text/plain; charset=utf-8");
  write_text(answer, "There is nothing here.\n");
  finish(answer);
}

static answer_t start(response_out_t out, uint16_t status, const char *content_type) {
  wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
  set_field(fields, "content-type", (wasi_http_types_field_value_t){(uint8_t *)content_type, strlen(content_type)});
  return start_with_fields(out, status, fields);
}

// Sends the head. Takes the body first, because `set` consumes the response.
static answer_t start_with_fields(response_out_t out, uint16_t status, wasi_http_types_own_fields_t fields) {
  wasi_http_types_own_outgoing_response_t response = wasi_http_types_constructor_outgoing_response(fields);
  wasi_http_types_method_outgoing_response_set_status_code(wasi_http_types_borrow_outgoing_response(response), status);

  answer_t answer;
  wasi_http_types_method_outgoing_response_body(wasi_http_types_borrow_outgoing_response(response), &answer.body);
  wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(answer.body), &answer.stream);

  wasi_http_types_result_own_outgoing_response_error_code_t ok = {.is_err = false, .val.ok = response};
  wasi_http_types_static_response_outparam_set(out, &ok);
  return answer;
}

// Leaves out a field that the host refuses.
static void set_field(wasi_http_types_own_fields_t fields, const char *name, wasi_http_types_field_value_t value) {
  wasi_http_types_field_name_t field;
  app_string_set(&field, name);
  wasi_http_types_header_error_t error;
  wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &field, &value, &error);
}

// A write fails if the client has disconnected. `finish` then fails too, so this function ignores the error.
static void write_bytes(answer_t answer, const uint8_t *bytes, size_t length) {
  wasi_io_streams_borrow_output_stream_t stream = wasi_io_streams_borrow_output_stream(answer.stream);
  while (length > 0) {
    size_t piece = length < 4096 ? length : 4096; // the maximum of blocking-write-and-flush
    app_list_u8_t list = {(uint8_t *)bytes, piece};
    wasi_io_streams_stream_error_t error;
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(stream, &list, &error)) {
      wasi_io_streams_stream_error_free(&error);
      return;
    }
    bytes += piece;
    length -= piece;
  }
}

static void write_text(answer_t answer, const char *text) {
  write_bytes(answer, (const uint8_t *)text, strlen(text));
}

static void finish(answer_t answer) {
  wasi_io_streams_output_stream_drop_own(answer.stream);
  wasi_http_types_error_code_t error;
  if (!wasi_http_types_static_outgoing_body_finish(answer.body, NULL, &error))
    wasi_http_types_error_code_free(&error);
}

// Dropping a body without `finish` tells the host to break off the response.
static void abandon(answer_t answer) {
  wasi_io_streams_output_stream_drop_own(answer.stream);
  wasi_http_types_outgoing_body_drop_own(answer.body);
}

// The part after the first question mark; without one, an empty string whose pointer is NULL.
static app_string_t query_of(app_string_t target) {
  uint8_t *mark = memchr(target.ptr, '?', target.len);
  return mark ? (app_string_t){mark + 1, (size_t)(target.ptr + target.len - mark - 1)} : (app_string_t){NULL, 0};
}

// Decodes the first value of that name; false if there is none, or if it does not fit.
static bool query_value(app_string_t query, const char *name, char *value, size_t size) {
  const char *at = (const char *)query.ptr, *end = at + query.len;
  size_t name_length = strlen(name), length = 0;
  while (at < end && !((size_t)(end - at) > name_length && memcmp(at, name, name_length) == 0 && at[name_length] == '=')) {
    const char *next = memchr(at, '&', (size_t)(end - at));
    at = next ? next + 1 : end;
  }
  if (at == end)
    return false;
  for (at += name_length + 1; at < end && *at != '&'; at++) {
    char letter = *at == '+' ? ' ' : *at;
    char digits[3] = {0};
    if (*at == '%' && end - at > 2) {
      memcpy(digits, at + 1, 2);
      char *rest;
      long byte = strtol(digits, &rest, 16);
      if (rest == digits + 2) {
        letter = (char)byte;
        at += 2;
      }
    }
    if (letter == 0 || length + 1 == size)
      return false;
    value[length++] = letter;
  }
  value[length] = 0;
  return true;
}

// The query is not part of the path.
static bool path_is(app_string_t target, const char *wanted) {
  app_string_t query = query_of(target);
  size_t length = target.len - (query.ptr ? query.len + 1 : 0);
  return length == strlen(wanted) && memcmp(target.ptr, wanted, length) == 0;
}
