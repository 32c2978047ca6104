// Greets, describes the request, and echoes its content as a stream.

#include "app.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Short names for the generated types that this file uses most.
typedef windhover_http_request_request_head_t head_t;
typedef windhover_http_response_error_t error_t;

static void greet(const head_t *head);
static void describe(const head_t *head);
static void echo(void);
static void send_text(uint16_t status, const char *text, size_t length);
static bool query_value(app_string_t query, const char *name, char *value, size_t size);
static bool is(app_string_t string, const char *wanted);

void exports_app_handle(void) {
  head_t head;
  windhover_http_request_head(&head);
  bool get = is(head.method, "GET") || is(head.method, "HEAD");

  if (get && is(head.path, "/"))
    greet(&head);
  else if (get && is(head.path, "/request"))
    describe(&head);
  else if (is(head.method, "POST") && is(head.path, "/echo"))
    echo();
  else
    send_text(404, "There is nothing here.\n", strlen("There is nothing here.\n"));

  windhover_http_request_request_head_free(&head);
}

static void greet(const head_t *head) {
  char name[256], greeting[sizeof name + sizeof "Hello, !\n"];
  if (head->query.is_some && query_value(head->query.val, "name", name, sizeof name))
    snprintf(greeting, sizeof greeting, "Hello, %s!\n", name);
  else
    strcpy(greeting, "Hello from C!\n");
  send_text(200, greeting, strlen(greeting));
}

static void describe(const head_t *head) {
  char *facts;
  size_t length;
  FILE *out = open_memstream(&facts, &length);
  fprintf(out, "method=%.*s\n", (int)head->method.len, (char *)head->method.ptr);
  fprintf(out, "scheme=%.*s\n", (int)head->scheme.len, (char *)head->scheme.ptr);
  fprintf(out, "authority=%.*s\n", (int)head->authority.len, (char *)head->authority.ptr);
  fprintf(out, "path=%.*s\n", (int)head->path.len, (char *)head->path.ptr);
  if (head->query.is_some)
    fprintf(out, "query=%.*s\n", (int)head->query.val.len, (char *)head->query.val.ptr);

  windhover_http_connection_connection_t connection;
  windhover_http_connection_current(&connection);
  if (connection.remote.is_some)
    fprintf(out, "remote=%.*s\n", (int)connection.remote.val.address.len, (char *)connection.remote.val.address.ptr);
  windhover_http_connection_connection_free(&connection);

  fclose(out);
  send_text(200, facts, length);
  free(facts);
}

// Sends each piece back as it arrives, so the response begins before the request has ended.
static void echo(void) {
  app_string_t name;
  app_string_set(&name, "content-type");
  app_list_u8_t type;
  bool has_type = windhover_http_request_field(&name, &type);

  app_tuple2_string_list_u8_t field = {.f0 = name};
  static const char default_type[] = "application/octet-stream";
  field.f1 = has_type ? type : (app_list_u8_t){(uint8_t *)default_type, strlen(default_type)};
  app_list_tuple2_string_list_u8_t fields = {&field, 1};
  error_t error;
  if (!windhover_http_response_start(200, &fields, &error))
    abort(); // impossible: nothing was sent before
  if (has_type)
    app_list_u8_free(&type);

  for (;;) {
    app_list_u8_t piece;
    windhover_http_request_body_error_t broken;
    // If the request breaks off, the response must too, or it would look complete: a trap breaks it off.
    if (!windhover_http_request_read(0, &piece, &broken))
      abort();
    bool is_end = piece.len == 0;
    if (!is_end && !windhover_http_response_write(&piece, &error))
      abort();
    app_list_u8_free(&piece);
    if (is_end)
      return;
  }
}

static void send_text(uint16_t status, const char *text, size_t length) {
  static const char type[] = "text/plain; charset=utf-8";
  app_tuple2_string_list_u8_t field = {.f1 = {(uint8_t *)type, strlen(type)}};
  app_string_set(&field.f0, "content-type");
  app_list_tuple2_string_list_u8_t fields = {&field, 1};
  app_list_u8_t content = {(uint8_t *)text, length};
  error_t error;
  if (!windhover_http_response_send(status, &fields, &content, &error))
    abort(); // impossible: nothing was sent before
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

static bool is(app_string_t string, const char *wanted) {
  return string.len == strlen(wanted) && memcmp(string.ptr, wanted, string.len) == 0;
}
