//! A failure with an owner, and the status it is answered with.

use std::time::Duration;

use http::StatusCode;

/// A failure of one exchange. The owner decides how loud it is: a client's is routine, a guest's is named in the log
/// with the guest, the host's is an alarm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The client broke a rule of HTTP, exceeded a limit, or left.
    #[error("client: {0}")]
    Client(#[from] ClientFault),
    /// The guest failed to answer as its contract asks.
    #[error("guest: {0}")]
    Guest(#[from] GuestFault),
    /// Windhover itself, or the machine, could not do its part.
    #[error("host: {0}")]
    Host(#[from] HostFault),
}

/// What a client can do wrong. Each variant names its status; see [`Fault::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientFault {
    /// 400: the request line is not a method, a target and a version with single spaces between them (RFC 9112 §3), or
    /// more than one empty line stands before it (RFC 9112 §2.2).
    #[error("the request line is malformed")]
    RequestLine,
    /// 414: the request line is longer than [`crate::Limits::max_request_line_size`] (RFC 9112 §3).
    #[error("the request line is too long")]
    RequestLineTooLong,
    /// 400: the request target is of none of the forms of RFC 9112 §3.2, or holds a character that must be escaped, or
    /// a fragment; see [`crate::Target::check`].
    #[error("the request target is malformed")]
    TargetMalformed,
    /// 505: the major version of HTTP is not the connection's (RFC 9110 §15.6.6). HTTP/1.2 and higher is taken for
    /// HTTP/1.1 (RFC 9110 §2.5).
    #[error("the version of HTTP is not supported")]
    Version,
    /// 400: a line of the head ends with LF alone. RFC 9112 §2.2 allows to take that for a line end; what two parties
    /// may read differently smuggles.
    #[error("a line does not end with CRLF")]
    LineEnd,
    /// 400: a field line is not a name, a colon and a value (RFC 9112 §5): white space before the name or behind it, a
    /// folded line (RFC 9112 §5.2), a control character, CR alone among them (RFC 9110 §5.5).
    #[error("a field line is malformed")]
    FieldLine,
    /// 431: the header fields are larger than [`crate::Limits::max_request_fields_size`] (RFC 6585 §5).
    #[error("the header fields are too large")]
    FieldsTooLarge,
    /// 431: there are more field lines than [`crate::Limits::max_request_fields`] (RFC 6585 §5).
    #[error("there are too many header fields")]
    FieldsTooMany,
    /// 400: Content-Length is not one number of less than 64 bits (RFC 9112 §6.3). The same number twice, which may be
    /// taken for one, is refused too, as in Kestrel.
    #[error("the Content-Length field is not one number")]
    ContentLength,
    /// 400: Transfer-Encoding and Content-Length come together, which may be smuggling (RFC 9112 §6.3); as in nginx.
    #[error("there are both a transfer coding and a content length")]
    TwoLengths,
    /// 400: an HTTP/1.1 request needs exactly one Host field (RFC 9112 §3.2).
    #[error("the Host field is missing")]
    HostMissing,
    /// 400: more than one Host field (RFC 9112 §3.2).
    #[error("there is more than one Host field")]
    HostRepeated,
    /// 400: the Host field is no authority (RFC 9110 §7.2).
    #[error("the Host field is not a host with an optional port")]
    HostInvalid,
    /// 400: the target is in absolute form and names another authority than Host does.
    #[error("the Host field contradicts the authority of the request target")]
    HostContradictsTarget,
    /// 400: the target has a path with an escaped NUL, which no application wants and some systems cut at.
    #[error("the path holds an escaped NUL")]
    PathHoldsNul,
    /// 421: the target is in absolute form and its scheme is not the connection's (RFC 9110 §7.4 and §15.5.20). Not 400,
    /// because nothing is wrong with the request but whom it was sent to, and a client may send it to another.
    #[error("the scheme of the request target is not the connection's")]
    SchemeForeign,
    /// 400: the target's form does not fit its method: `*` is for OPTIONS, `host:port` for CONNECT.
    #[error("the form of the request target does not fit the method")]
    TargetForm,
    /// 501: CONNECT asks for a tunnel, and this is not a proxy (RFC 9110 §9.3.6).
    #[error("CONNECT is for proxies")]
    Connect,
    /// 400: the transfer coding does not end in the one `chunked` (RFC 9112 §6.3), is malformed, or comes in HTTP/1.0
    /// (RFC 9112 §6.1); what two parties decode differently smuggles.
    #[error("the transfer coding does not end in one chunked, or is not for this version")]
    TransferCoding,
    /// 501: a transfer coding besides `chunked` (RFC 9112 §6.1).
    #[error("the transfer coding is not known")]
    TransferCodingUnknown,
    /// 400: the server does not answer to this host.
    #[error("the server does not answer to this host")]
    HostForeign,
    /// 404: no application is at this host and path.
    #[error("no application is at this host and path")]
    NoApplication,
    /// 408: the head took longer than [`crate::Limits::request_head_timeout`].
    #[error("the head of a request came too slowly")]
    HeadTooSlow,
    /// 413: the body is larger than [`crate::Limits::max_request_body_size`].
    #[error("the request body is too large")]
    BodyTooLarge,
    /// 408: the body came more slowly than [`crate::Limits::min_request_data_rate`] allows.
    #[error("the request body came too slowly")]
    BodyTooSlow,
    /// 400: the body ended early, or its framing is malformed (RFC 9112 §7.1), or its trailers are or exceed a limit.
    #[error("the request body is malformed or incomplete")]
    BodyIncomplete,
    /// 408 in a log only: it took the answer more slowly than [`crate::Limits::min_response_data_rate`] allows, so
    /// nobody reads on.
    #[error("the client took the answer too slowly")]
    AnswerTooSlow,
    /// 400 in a log only: it kept a connection of HTTP/2 busy with frames about the protocol, and the connection was
    /// ended with all its exchanges.
    #[error("the client flooded the connection")]
    Flood,
    /// 400 in a log only: nobody is left to read an answer.
    #[error("the client is gone")]
    Gone,
}

/// What a guest can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestFault {
    /// 500: it trapped: a panic, an exhausted stack, memory it may not have.
    #[error("the guest trapped")]
    Trapped,
    /// 500: it returned without answering.
    #[error("the guest returned without a response")]
    NoResponse,
    /// 504: it took longer than its deployment allows.
    #[error("the guest exceeded its time limit")]
    DeadlineExceeded,
    /// 504: it computed for longer than its deployment allows.
    #[error("the guest exceeded its limit of processor time")]
    CpuTimeExceeded,
    /// Reset: the content it wrote does not match the `content-length` it promised.
    #[error("the guest's content does not match its content-length")]
    ContentLengthMismatch,
    /// 500, or a reset after the head: it reported an error of its own.
    #[error("the guest reported an error")]
    Reported,
    /// In a log only: it broke the exchange off itself.
    #[error("the guest broke the exchange off")]
    Aborted,
}

/// What the host can fail at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostFault {
    /// 503 with Retry-After: every instance this deployment may have is at work.
    #[error("all instances are busy")]
    Busy,
    /// 503 with Retry-After: there are as many connections as [`crate::Limits::max_connections`] allows.
    #[error("there are as many connections as there may be")]
    TooManyConnections,
    /// 503 with Retry-After: the application could not be loaded; the log says why.
    #[error("the application could not be loaded")]
    NotLoaded,
    /// 503 with Retry-After: the application trapped again and again, and is left alone for a while.
    #[error("the application traps again and again")]
    Failing {
        /// Until it is tried again.
        seconds: u32,
    },
    /// 503 with Retry-After: the content that clients have not taken yet is as much as the host may hold.
    #[error("there is no room for more content")]
    NoRoom,
    /// 503 in a log only: the server left, or its address is not served any more, and the time to finish
    /// ([`crate::Limits::drain_timeout`]) was over.
    #[error("the server left before the answer was whole")]
    Leaving,
    /// 500: something that should never fail did; the log has it.
    #[error("an internal failure")]
    Internal,
}

impl Fault {
    /// The status that answers this fault, if nothing has been sent yet.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Client(ClientFault::NoApplication) => StatusCode::NOT_FOUND,
            Self::Client(ClientFault::BodyTooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Client(ClientFault::HeadTooSlow | ClientFault::BodyTooSlow | ClientFault::AnswerTooSlow) => {
                StatusCode::REQUEST_TIMEOUT
            }
            Self::Client(ClientFault::RequestLineTooLong) => StatusCode::URI_TOO_LONG,
            Self::Client(ClientFault::FieldsTooLarge | ClientFault::FieldsTooMany) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Client(ClientFault::Connect | ClientFault::TransferCodingUnknown) => StatusCode::NOT_IMPLEMENTED,
            Self::Client(ClientFault::SchemeForeign) => StatusCode::MISDIRECTED_REQUEST,
            Self::Client(ClientFault::Version) => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Client(_) => StatusCode::BAD_REQUEST,
            Self::Guest(GuestFault::DeadlineExceeded | GuestFault::CpuTimeExceeded) => StatusCode::GATEWAY_TIMEOUT,
            Self::Guest(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Host(HostFault::Internal) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Host(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// How long a client should wait before it tries again (Retry-After, RFC 9110 §10.2.3), in whole seconds. `None`:
    /// trying again would not help, or at once.
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Host(fault) = self else { return None };
        match fault {
            HostFault::Failing { seconds } => Some(Duration::from_secs((*seconds).into())),
            HostFault::Busy
            | HostFault::TooManyConnections
            | HostFault::NotLoaded
            | HostFault::NoRoom
            | HostFault::Leaving => Some(Duration::from_secs(1)),
            HostFault::Internal => None,
        }
    }

    /// A name for this kind of fault that never changes, for the labels of metrics and for whoever searches a log. Whose
    /// fault it is comes first.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Client(fault) => fault.code(),
            Self::Guest(fault) => fault.code(),
            Self::Host(fault) => fault.code(),
        }
    }
}

impl ClientFault {
    fn code(self) -> &'static str {
        match self {
            Self::RequestLine => "client_request_line",
            Self::RequestLineTooLong => "client_request_line_too_long",
            Self::TargetMalformed => "client_target_malformed",
            Self::Version => "client_version",
            Self::LineEnd => "client_line_end",
            Self::FieldLine => "client_field_line",
            Self::FieldsTooLarge => "client_fields_too_large",
            Self::FieldsTooMany => "client_fields_too_many",
            Self::ContentLength => "client_content_length",
            Self::TwoLengths => "client_two_lengths",
            Self::HostMissing => "client_host_missing",
            Self::HostRepeated => "client_host_repeated",
            Self::HostInvalid => "client_host_invalid",
            Self::HostContradictsTarget => "client_host_contradicts_target",
            Self::PathHoldsNul => "client_path_holds_nul",
            Self::SchemeForeign => "client_scheme_foreign",
            Self::TargetForm => "client_target_form",
            Self::Connect => "client_connect",
            Self::TransferCoding => "client_transfer_coding",
            Self::TransferCodingUnknown => "client_transfer_coding_unknown",
            Self::HostForeign => "client_host_foreign",
            Self::NoApplication => "client_no_application",
            Self::HeadTooSlow => "client_head_too_slow",
            Self::BodyTooLarge => "client_body_too_large",
            Self::BodyTooSlow => "client_body_too_slow",
            Self::BodyIncomplete => "client_body_incomplete",
            Self::AnswerTooSlow => "client_answer_too_slow",
            Self::Flood => "client_flood",
            Self::Gone => "client_gone",
        }
    }
}

impl GuestFault {
    fn code(self) -> &'static str {
        match self {
            Self::Trapped => "guest_trapped",
            Self::NoResponse => "guest_no_response",
            Self::DeadlineExceeded => "guest_deadline_exceeded",
            Self::CpuTimeExceeded => "guest_cpu_time_exceeded",
            Self::ContentLengthMismatch => "guest_content_length_mismatch",
            Self::Reported => "guest_reported",
            Self::Aborted => "guest_aborted",
        }
    }
}

impl HostFault {
    fn code(self) -> &'static str {
        match self {
            Self::Busy => "host_busy",
            Self::TooManyConnections => "host_too_many_connections",
            Self::NotLoaded => "host_not_loaded",
            Self::Failing { .. } => "host_failing",
            Self::NoRoom => "host_no_room",
            Self::Leaving => "host_leaving",
            Self::Internal => "host_internal",
        }
    }
}
