//! Greets, describes the request, and echoes its content as a stream.

const std = @import("std");
const wit = @import("bindings");

const Head = wit.windhover_http_request_request_head_t;

export fn exports_app_handle() void {
    var head: Head = undefined;
    wit.windhover_http_request_head(&head);
    defer wit.windhover_http_request_request_head_free(&head);

    var arena = std.heap.ArenaAllocator.init(std.heap.c_allocator);
    defer arena.deinit();
    // `handle` cannot return an error. A panic makes the response a 500.
    answer(arena.allocator(), &head) catch |reason| std.debug.panic("{t}", .{reason});
}

fn answer(gpa: std.mem.Allocator, head: *const Head) !void {
    const method = view(head.method);
    const path = view(head.path);
    const get = is(method, "GET") or is(method, "HEAD");
    if (get and is(path, "/")) {
        try text(200, try greeting(gpa, head));
    } else if (get and is(path, "/request")) {
        try text(200, try facts(gpa, head));
    } else if (is(method, "POST") and is(path, "/echo")) {
        try echo();
    } else {
        try text(404, "There is nothing here.\n");
    }
}

fn greeting(gpa: std.mem.Allocator, head: *const Head) ![]const u8 {
    if (!head.query.is_some) return "Hello from Zig!\n";
    const name = try queryValue(gpa, view(head.query.val), "name") orelse return "Hello from Zig!\n";
    return std.fmt.allocPrint(gpa, "Hello, {s}!\n", .{name});
}

fn facts(gpa: std.mem.Allocator, head: *const Head) ![]const u8 {
    const query = if (head.query.is_some) try std.fmt.allocPrint(gpa, "query={s}\n", .{view(head.query.val)}) else "";

    var connection: wit.windhover_http_connection_connection_t = undefined;
    wit.windhover_http_connection_current(&connection);
    defer wit.windhover_http_connection_connection_free(&connection);
    const known = connection.remote.is_some;
    const remote = if (known) try std.fmt.allocPrint(gpa, "remote={s}\n", .{view(connection.remote.val.address)}) else "";

    return std.fmt.allocPrint(gpa, "method={s}\nscheme={s}\nauthority={s}\npath={s}\n{s}{s}", .{
        view(head.method), view(head.scheme), view(head.authority), view(head.path), query, remote,
    });
}

/// Sends each piece back as it arrives, so the response begins before the request has ended. If the request breaks off,
/// the response must too, or it would look complete: a panic breaks it off.
fn echo() !void {
    var name = lend(wit.app_string_t, "content-type");
    var asked: wit.app_list_u8_t = undefined;
    const has_type = wit.windhover_http_request_field(&name, &asked);
    defer if (has_type) wit.app_list_u8_free(&asked);
    try start(if (has_type) view(asked) else "application/octet-stream");
    while (true) {
        var piece: wit.app_list_u8_t = undefined;
        var broken: wit.windhover_http_request_body_error_t = undefined;
        if (!wit.windhover_http_request_read(0, &piece, &broken)) return error.RequestBrokeOff;
        defer wit.app_list_u8_free(&piece);
        if (piece.len == 0) return;
        var refused: wit.windhover_http_response_error_t = undefined;
        if (!wit.windhover_http_response_write(&piece, &refused)) return error.AnswerRefused;
    }
}

fn start(content_type: []const u8) !void {
    var field: wit.app_tuple2_string_list_u8_t = .{
        .f0 = lend(wit.app_string_t, "content-type"),
        .f1 = lend(wit.app_list_u8_t, content_type),
    };
    var fields: wit.app_list_tuple2_string_list_u8_t = .{ .ptr = &field, .len = 1 };
    var refused: wit.windhover_http_response_error_t = undefined;
    if (!wit.windhover_http_response_start(200, &fields, &refused)) return error.AnswerRefused;
}

fn text(status: u16, content: []const u8) !void {
    var field: wit.app_tuple2_string_list_u8_t = .{
        .f0 = lend(wit.app_string_t, "content-type"),
        .f1 = lend(wit.app_list_u8_t, "text/plain; charset=utf-8"),
    };
    var fields: wit.app_list_tuple2_string_list_u8_t = .{ .ptr = &field, .len = 1 };
    var bytes = lend(wit.app_list_u8_t, content);
    var refused: wit.windhover_http_response_error_t = undefined;
    if (!wit.windhover_http_response_send(status, &fields, &bytes, &refused)) return error.AnswerRefused;
}

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
