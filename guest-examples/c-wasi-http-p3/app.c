// Greets, describes the request, and echoes its content as a stream. A standard `wasi:http/service` 0.3 component: it
// imports nothing of Windhover.
//
// The handler returns the head at once. The host then calls its callback whenever an event has come that it waits for,
// and the callback sends the rest.

#define _GNU_SOURCE // asprintf

#include "app.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef wasi_http_types_own_request_t request_t;
typedef wasi_http_types_future_result_option_own_trailers_error_code_t trailers_t;
typedef wasi_http_types_future_result_option_own_trailers_error_code_writer_t trailers_writer_t;
typedef wasi_http_types_future_result_void_error_code_writer_t outcome_writer_t;

// What is still to be sent, in this order. 0: nothing, or it has been sent.
typedef struct {
  app_waitable_set_t set;
  wasi_http_types_stream_u8_writer_t content;
  char *text;
  size_t length, sent;
  trailers_writer_t trailers; // says that there are none
  outcome_writer_t outcome;   // says that the request was accepted
} answer_t;

static wasi_http_types_borrow_request_t borrow(request_t request);
static app_callback_code_t greet(app_string_t target);
static app_callback_code_t echo(request_t request);
static app_callback_code_t describe(request_t request, app_string_t target, bool head);
static app_callback_code_t text(uint16_t status, char *text);
static void answer_with(uint16_t status, wasi_http_types_field_value_t content_type, wasi_http_types_stream_u8_t content,
                        trailers_t trailers);
static app_callback_code_t go_on(answer_t *answer);
static app_callback_code_t wait_for(answer_t *answer, uint32_t waitable);
static void content_went(answer_t *answer, app_waitable_status_t status);
static app_string_t query_of(app_string_t target);
static bool query_value(app_string_t query, const char *name, char *value, size_t size);
static bool path_is(app_string_t target, const char *wanted);

app_callback_code_t exports_wasi_http_handler_handle(request_t request) {
  wasi_http_types_method_t method;
  wasi_http_types_method_request_get_method(borrow(request), &method);
  bool head = method.tag == WASI_HTTP_TYPES_METHOD_HEAD;
  bool get = method.tag == WASI_HTTP_TYPES_METHOD_GET || head;
  bool post = method.tag == WASI_HTTP_TYPES_METHOD_POST;
  wasi_http_types_method_free(&method);

  app_string_t target = {NULL, 0};
  wasi_http_types_method_request_get_path_with_query(borrow(request), &target);

  app_callback_code_t code;
  if (post && path_is(target, "/echo")) {
    code = echo(request); // takes ownership of the request
  } else {
    if (get && path_is(target, "/"))
      code = greet(target);
    else if (get && path_is(target, "/request"))
      code = describe(request, target, head);
    else
      code = text(404, strdup("There is nothing here.\n"));
    wasi_http_types_request_drop_own(request);
  }
  app_string_free(&target);
  return code;
}

app_callback_code_t exports_wasi_http_handler_handle_callback(app_event_t *event) {
  answer_t *answer = app_context_get_0();
  if (event->event == APP_EVENT_STREAM_WRITE) {
    content_went(answer, event->code);
  } else if (event->event == APP_EVENT_FUTURE_WRITE && event->waitable == answer->trailers) {
    wasi_http_types_future_result_option_own_trailers_error_code_drop_writable(answer->trailers);
    answer->trailers = 0;
  } else if (event->event == APP_EVENT_FUTURE_WRITE) {
    wasi_http_types_future_result_void_error_code_drop_writable(answer->outcome);
    answer->outcome = 0;
  }
  return go_on(answer);
}

static wasi_http_types_borrow_request_t borrow(request_t request) {
  return wasi_http_types_borrow_request(request);
}

static app_callback_code_t greet(app_string_t target) {
  char name[256], *greeting;
  if (!query_value(query_of(target), "name", name, sizeof name))
    return text(200, strdup("Hello from C!\n"));
  if (asprintf(&greeting, "Hello, %s!\n", name) < 0)
    abort();
  return text(200, greeting);
}

// The response gets the stream and the trailers of the request, so the bytes do not pass through the guest's memory.
// The trailers say whether the request was complete, so the response is complete only if the request was.
static app_callback_code_t echo(request_t request) {
  wasi_http_types_own_headers_t headers = wasi_http_types_method_request_get_headers(borrow(request));
  wasi_http_types_field_name_t name;
  app_string_set(&name, "content-type");
  wasi_http_types_list_field_value_t types;
  wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(headers), &name, &types);
  wasi_http_types_fields_drop_own(headers);

  answer_t *answer = calloc(1, sizeof *answer);
  wasi_http_types_tuple2_stream_u8_future_result_option_own_trailers_error_code_t content;
  wasi_http_types_static_request_consume_body(
      request, wasi_http_types_future_result_void_error_code_new(&answer->outcome), &content);
  wasi_http_types_field_value_t fallback = {(uint8_t *)"application/octet-stream", 24};
  answer_with(200, types.len > 0 ? types.ptr[0] : fallback, content.f0, content.f1);
  wasi_http_types_list_field_value_free(&types);
  return go_on(answer);
}

static app_callback_code_t describe(request_t request, app_string_t target, bool head) {
  app_string_t authority = {NULL, 0};
  wasi_http_types_method_request_get_authority(borrow(request), &authority);
  wasi_http_types_scheme_t scheme;
  bool https = false;
  if (wasi_http_types_method_request_get_scheme(borrow(request), &scheme)) {
    https = scheme.tag == WASI_HTTP_TYPES_SCHEME_HTTPS;
    wasi_http_types_scheme_free(&scheme);
  }
  app_string_t query = query_of(target);
  size_t path_length = target.len - (query.ptr ? query.len + 1 : 0);
  char *facts;
  int written = asprintf(&facts, "method=%s\nscheme=%s\nauthority=%.*s\npath=%.*s\n%s%.*s%s", head ? "HEAD" : "GET",
                         https ? "https" : "http", (int)authority.len, (char *)authority.ptr, (int)path_length,
                         (char *)target.ptr, query.ptr ? "query=" : "", (int)query.len, (char *)query.ptr,
                         query.ptr ? "\n" : "");
  app_string_free(&authority);
  if (written < 0)
    abort();
  return text(200, facts);
}

// Answers with a text, and frees it when it has been sent.
static app_callback_code_t text(uint16_t status, char *text) {
  answer_t *answer = calloc(1, sizeof *answer);
  answer->text = text;
  answer->length = strlen(text);
  wasi_http_types_stream_u8_t content = wasi_http_types_stream_u8_new(&answer->content);
  trailers_t trailers = wasi_http_types_future_result_option_own_trailers_error_code_new(&answer->trailers);
  const char *content_type = "text/plain; charset=utf-8";
  answer_with(status, (wasi_http_types_field_value_t){(uint8_t *)content_type, strlen(content_type)}, content, trailers);
  return go_on(answer);
}

// Gives the server the head, and the readable ends of the streams for the rest.
static void answer_with(uint16_t status, wasi_http_types_field_value_t content_type, wasi_http_types_stream_u8_t content,
                        trailers_t trailers) {
  wasi_http_types_own_headers_t headers = wasi_http_types_constructor_fields();
  wasi_http_types_field_name_t name;
  app_string_set(&name, "content-type");
  wasi_http_types_header_error_t error;
  wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &content_type, &error);

  wasi_http_types_tuple2_own_response_future_result_void_error_code_t response;
  wasi_http_types_static_response_new(headers, &content, trailers, &response);
  wasi_http_types_method_response_set_status_code(wasi_http_types_borrow_response(response.f0), status);
  wasi_http_types_future_result_void_error_code_drop_readable(response.f1); // ignores whether it was sent
  exports_wasi_http_handler_handle_return(
      (exports_wasi_http_handler_result_own_response_error_code_t){.is_err = false, .val.ok = response.f0});
}

// Sends what can be sent now, and returns what to wait for.
static app_callback_code_t go_on(answer_t *answer) {
  while (answer->content) {
    app_waitable_status_t status = wasi_http_types_stream_u8_write(
        answer->content, (uint8_t *)answer->text + answer->sent, answer->length - answer->sent);
    if (status == APP_WAITABLE_STATUS_BLOCKED)
      return wait_for(answer, answer->content);
    content_went(answer, status);
  }
  if (answer->trailers) {
    static const wasi_http_types_result_option_own_trailers_error_code_t none = {.is_err = false, .val.ok.is_some = false};
    if (wasi_http_types_future_result_option_own_trailers_error_code_write(answer->trailers, &none) ==
        APP_WAITABLE_STATUS_BLOCKED)
      return wait_for(answer, answer->trailers);
    wasi_http_types_future_result_option_own_trailers_error_code_drop_writable(answer->trailers);
    answer->trailers = 0;
  }
  if (answer->outcome) {
    static const wasi_http_types_result_void_error_code_t good = {.is_err = false};
    if (wasi_http_types_future_result_void_error_code_write(answer->outcome, &good) == APP_WAITABLE_STATUS_BLOCKED)
      return wait_for(answer, answer->outcome);
    wasi_http_types_future_result_void_error_code_drop_writable(answer->outcome);
    answer->outcome = 0;
  }
  if (answer->set)
    app_waitable_set_drop(answer->set);
  free(answer->text);
  free(answer);
  return APP_CALLBACK_CODE_EXIT;
}

static app_callback_code_t wait_for(answer_t *answer, uint32_t waitable) {
  if (!answer->set) {
    answer->set = app_waitable_set_new();
    app_context_set_0(answer);
  }
  app_waitable_join(waitable, answer->set);
  return APP_CALLBACK_CODE_WAIT(answer->set);
}

// The server has taken content, or does not want it, for example for HEAD.
static void content_went(answer_t *answer, app_waitable_status_t status) {
  answer->sent += APP_WAITABLE_COUNT(status);
  if (answer->sent == answer->length || APP_WAITABLE_STATE(status) == APP_WAITABLE_DROPPED) {
    wasi_http_types_stream_u8_drop_writable(answer->content);
    answer->content = 0;
  }
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
