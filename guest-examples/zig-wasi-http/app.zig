//! Greets, describes the request, and echoes its content as a stream. A standard `wasi:http/proxy` 0.2 component: it
//! imports nothing of Windhover.
//!
//! Each handle has one owner. Drop a child before its parent, such as a stream before its body: otherwise the host
//! traps.

const std = @import("std");
const wit = @import("bindings");

const Request = wit.wasi_http_types_own_incoming_request_t;
const Out = wit.wasi_http_types_own_response_outparam_t;

export fn exports_wasi_http_incoming_handler_handle(request: Request, out: Out) void {
    defer wit.wasi_http_types_incoming_request_drop_own(request);
    var arena = std.heap.ArenaAllocator.init(std.heap.c_allocator);
    defer arena.deinit();
    // `handle` cannot return an error. A panic makes the response a 500.
    handle(arena.allocator(), request, out) catch |reason| std.debug.panic("{t}", .{reason});
}

fn handle(gpa: std.mem.Allocator, request: Request, out: Out) !void {
    var method: wit.wasi_http_types_method_t = undefined;
    wit.wasi_http_types_method_incoming_request_method(borrow(request), &method);
    defer wit.wasi_http_types_method_free(&method);
    const head = method.tag == wit.WASI_HTTP_TYPES_METHOD_HEAD;
    const get = head or method.tag == wit.WASI_HTTP_TYPES_METHOD_GET;
    const post = method.tag == wit.WASI_HTTP_TYPES_METHOD_POST;

    var asked: wit.app_string_t = .{};
    _ = wit.wasi_http_types_method_incoming_request_path_with_query(borrow(request), &asked);
    defer wit.app_string_free(&asked);
    const path, const query = std.mem.cutScalar(u8, view(asked), '?') orelse .{ view(asked), "" };

    if (get and is(path, "/")) {
        text(out, 200, try greeting(gpa, query));
    } else if (get and is(path, "/request")) {
        text(out, 200, try facts(gpa, request, if (head) "HEAD" else "GET", path, query));
    } else if (post and is(path, "/echo")) {
        echo(request, out);
    } else {
        text(out, 404, "There is nothing here.\n");
    }
}

fn greeting(gpa: std.mem.Allocator, query: []const u8) ![]const u8 {
    const name = try queryValue(gpa, query, "name") orelse return "Hello from Zig!\n";
    return std.fmt.allocPrint(gpa, "Hello, {s}!\n", .{name});
}

fn facts(gpa: std.mem.Allocator, request: Request, method: []const u8, path: []const u8, query: []const u8) ![]const u8 {
    var scheme: wit.wasi_http_types_scheme_t = undefined;
    const has_scheme = wit.wasi_http_types_method_incoming_request_scheme(borrow(request), &scheme);
    defer if (has_scheme) wit.wasi_http_types_scheme_free(&scheme);
    const is_https = has_scheme and scheme.tag == wit.WASI_HTTP_TYPES_SCHEME_HTTPS;

    var authority: wit.app_string_t = .{};
    const has_authority = wit.wasi_http_types_method_incoming_request_authority(borrow(request), &authority);
    defer if (has_authority) wit.app_string_free(&authority);

    const shown = if (query.len > 0) try std.fmt.allocPrint(gpa, "query={s}\n", .{query}) else "";
    return std.fmt.allocPrint(gpa, "method={s}\nscheme={s}\nauthority={s}\npath={s}\n{s}", .{
        method, if (is_https) "https" else "http", view(authority), path, shown,
    });
}

/// Sends each piece as it arrives, so the response begins before the request has ended. The bytes do not pass through
/// the guest's memory.
fn echo(request: Request, out: Out) void {
    const fields = wit.wasi_http_types_method_incoming_request_headers(borrow(request));
    var name = lend(wit.wasi_http_types_field_name_t, "content-type");
    var types: wit.wasi_http_types_list_field_value_t = undefined;
    wit.wasi_http_types_method_fields_get(wit.wasi_http_types_borrow_fields(fields), &name, &types);
    const answer = Answer.start(out, 200, if (types.len > 0) view(types.ptr[0]) else "application/octet-stream");
    wit.wasi_http_types_list_field_value_free(&types);
    wit.wasi_http_types_fields_drop_own(fields);

    // `consume` and `stream` fail only if they are called twice.
    var body: wit.wasi_http_types_own_incoming_body_t = undefined;
    _ = wit.wasi_http_types_method_incoming_request_consume(borrow(request), &body);
    var source: wit.wasi_io_streams_own_input_stream_t = undefined;
    _ = wit.wasi_http_types_method_incoming_body_stream(wit.wasi_http_types_borrow_incoming_body(body), &source);
    const is_whole = answer.splice(wit.wasi_io_streams_borrow_input_stream(source));
    wit.wasi_io_streams_input_stream_drop_own(source);
    wit.wasi_http_types_incoming_body_drop_own(body);

    // If the request broke off, the response must not look complete.
    if (is_whole) answer.finish() else answer.abandon();
}

fn text(out: Out, status: u16, content: []const u8) void {
    const answer = Answer.start(out, status, "text/plain; charset=utf-8");
    answer.write(content);
    answer.finish();
}

/// A response whose head has been sent.
const Answer = struct {
    body: wit.wasi_http_types_own_outgoing_body_t,
    stream: wit.wasi_io_streams_own_output_stream_t,

    /// Takes the body first, because `set` consumes the response.
    fn start(out: Out, status: u16, content_type: []const u8) Answer {
        const fields = wit.wasi_http_types_constructor_fields();
        var name = lend(wit.wasi_http_types_field_name_t, "content-type");
        var value = lend(wit.wasi_http_types_field_value_t, content_type);
        var refused: wit.wasi_http_types_header_error_t = undefined; // leaves out a value that the host refuses
        _ = wit.wasi_http_types_method_fields_append(wit.wasi_http_types_borrow_fields(fields), &name, &value, &refused);

        const response = wit.wasi_http_types_constructor_outgoing_response(fields);
        const borrowed = wit.wasi_http_types_borrow_outgoing_response(response);
        _ = wit.wasi_http_types_method_outgoing_response_set_status_code(borrowed, status);
        var answer: Answer = undefined;
        _ = wit.wasi_http_types_method_outgoing_response_body(borrowed, &answer.body);
        _ = wit.wasi_http_types_method_outgoing_body_write(wit.wasi_http_types_borrow_outgoing_body(answer.body), &answer.stream);
        var ok: wit.wasi_http_types_result_own_outgoing_response_error_code_t = .{ .is_err = false, .val = .{ .ok = response } };
        wit.wasi_http_types_static_response_outparam_set(out, &ok);
        return answer;
    }

    /// A write fails if the client has disconnected. `finish` then fails too, so this function ignores the error.
    fn write(answer: Answer, content: []const u8) void {
        var pieces = std.mem.window(u8, content, 4096, 4096); // the maximum for one call
        while (pieces.next()) |piece| {
            var list = lend(wit.app_list_u8_t, piece);
            var failed: wit.wasi_io_streams_stream_error_t = undefined;
            if (!wit.wasi_io_streams_method_output_stream_blocking_write_and_flush(answer.output(), &list, &failed)) {
                return wit.wasi_io_streams_stream_error_free(&failed);
            }
        }
    }

    /// Returns whether all of it came.
    fn splice(answer: Answer, source: wit.wasi_io_streams_borrow_input_stream_t) bool {
        var moved: u64 = undefined;
        var failed: wit.wasi_io_streams_stream_error_t = undefined;
        while (wit.wasi_io_streams_method_output_stream_blocking_splice(answer.output(), source, 64 * 1024, &moved, &failed)) {
            // Without a flush, a server may buffer it.
            if (!wit.wasi_io_streams_method_output_stream_flush(answer.output(), &failed)) break;
        }
        defer wit.wasi_io_streams_stream_error_free(&failed);
        return failed.tag == wit.WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
    }

    fn finish(answer: Answer) void {
        wit.wasi_io_streams_output_stream_drop_own(answer.stream);
        var failed: wit.wasi_http_types_error_code_t = undefined;
        if (!wit.wasi_http_types_static_outgoing_body_finish(answer.body, null, &failed)) wit.wasi_http_types_error_code_free(&failed);
    }

    /// Dropping a body without `finish` tells the host to break off the response.
    fn abandon(answer: Answer) void {
        wit.wasi_io_streams_output_stream_drop_own(answer.stream);
        wit.wasi_http_types_outgoing_body_drop_own(answer.body);
    }

    fn output(answer: Answer) wit.wasi_io_streams_borrow_output_stream_t {
        return wit.wasi_io_streams_borrow_output_stream(answer.stream);
    }
};

fn queryValue(gpa: std.mem.Allocator, query: []const u8, name: []const u8) !?[]const u8 {
    var pairs = std.mem.splitScalar(u8, query, '&');
    while (pairs.next()) |pair| {
        const key, const value = std.mem.cutScalar(u8, pair, '=') orelse .{ pair, "" };
        if (!is(key, name)) continue;
        const decoded = try gpa.dupe(u8, value);
        std.mem.replaceScalar(u8, decoded, '+', ' ');
        return std.Uri.percentDecodeInPlace(decoded);
    }
    return null;
}

fn borrow(request: Request) wit.wasi_http_types_borrow_incoming_request_t {
    return wit.wasi_http_types_borrow_incoming_request(request);
}

/// An argument that a call only reads.
fn lend(comptime Lent: type, bytes: []const u8) Lent {
    return .{ .ptr = @constCast(bytes.ptr), .len = bytes.len };
}

/// A string or a list of bytes.
fn view(bytes: anytype) []const u8 {
    return if (bytes.len == 0) "" else bytes.ptr[0..bytes.len];
}

fn is(bytes: []const u8, wanted: []const u8) bool {
    return std.mem.eql(u8, bytes, wanted);
}
