//! The limits by name.

use crate::Limits;

/// One of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::max_connections`].
    MaxConnections,
    /// [`Limits::max_upgraded_connections`].
    MaxUpgradedConnections,
    /// [`Limits::max_request_line_size`].
    MaxRequestLineSize,
    /// [`Limits::max_request_fields_size`].
    MaxRequestFieldsSize,
    /// [`Limits::max_request_fields`].
    MaxRequestFields,
    /// [`Limits::request_head_timeout`].
    RequestHeadTimeout,
    /// [`Limits::keep_alive_timeout`].
    KeepAliveTimeout,
    /// [`Limits::max_request_body_size`].
    MaxRequestBodySize,
    /// [`Limits::min_request_data_rate`].
    MinRequestDataRate,
    /// [`Limits::min_response_data_rate`].
    MinResponseDataRate,
    /// [`Limits::drain_timeout`].
    DrainTimeout,
    /// [`Limits::drain_idle_grace`].
    DrainIdleGrace,
    /// [`Limits::drain_answer_timeout`].
    DrainAnswerTimeout,
    /// [`Limits::http1`], all of it.
    Http1,
    /// [`Limits::http2`], all of it.
    Http2,
    /// [`Limits::tls`], all of it.
    Tls,
}

impl Limit {
    /// Every limit there is.
    pub const ALL: [Self; 16] = [
        Self::MaxConnections,
        Self::MaxUpgradedConnections,
        Self::MaxRequestLineSize,
        Self::MaxRequestFieldsSize,
        Self::MaxRequestFields,
        Self::RequestHeadTimeout,
        Self::KeepAliveTimeout,
        Self::MaxRequestBodySize,
        Self::MinRequestDataRate,
        Self::MinResponseDataRate,
        Self::DrainTimeout,
        Self::DrainIdleGrace,
        Self::DrainAnswerTimeout,
        Self::Http1,
        Self::Http2,
        Self::Tls,
    ];

    /// The limit's name, in kebab case: `max-connections`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxConnections => "max-connections",
            Self::MaxUpgradedConnections => "max-upgraded-connections",
            Self::MaxRequestLineSize => "max-request-line-size",
            Self::MaxRequestFieldsSize => "max-request-fields-size",
            Self::MaxRequestFields => "max-request-fields",
            Self::RequestHeadTimeout => "request-head-timeout",
            Self::KeepAliveTimeout => "keep-alive-timeout",
            Self::MaxRequestBodySize => "max-request-body-size",
            Self::MinRequestDataRate => "min-request-data-rate",
            Self::MinResponseDataRate => "min-response-data-rate",
            Self::DrainTimeout => "drain-timeout",
            Self::DrainIdleGrace => "drain-idle-grace",
            Self::DrainAnswerTimeout => "drain-answer-timeout",
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Tls => "tls",
        }
    }

    /// Whether the limit is the same in both.
    pub fn is_same(self, one: &Limits, other: &Limits) -> bool {
        match self {
            Self::MaxConnections => one.max_connections == other.max_connections,
            Self::MaxUpgradedConnections => one.max_upgraded_connections == other.max_upgraded_connections,
            Self::MaxRequestLineSize => one.max_request_line_size == other.max_request_line_size,
            Self::MaxRequestFieldsSize => one.max_request_fields_size == other.max_request_fields_size,
            Self::MaxRequestFields => one.max_request_fields == other.max_request_fields,
            Self::RequestHeadTimeout => one.request_head_timeout == other.request_head_timeout,
            Self::KeepAliveTimeout => one.keep_alive_timeout == other.keep_alive_timeout,
            Self::MaxRequestBodySize => one.max_request_body_size == other.max_request_body_size,
            Self::MinRequestDataRate => one.min_request_data_rate == other.min_request_data_rate,
            Self::MinResponseDataRate => one.min_response_data_rate == other.min_response_data_rate,
            Self::DrainTimeout => one.drain_timeout == other.drain_timeout,
            Self::DrainIdleGrace => one.drain_idle_grace == other.drain_idle_grace,
            Self::DrainAnswerTimeout => one.drain_answer_timeout == other.drain_answer_timeout,
            Self::Http1 => one.http1 == other.http1,
            Self::Http2 => one.http2 == other.http2,
            Self::Tls => one.tls == other.tls,
        }
    }
}

impl Limits {
    /// The limits that differ from their defaults and are not among those that a server enforces
    /// ([`crate::Server::enforces`]): whoever set them expects what that server does not do.
    pub fn unenforced(&self, enforces: impl Fn(Limit) -> bool) -> Vec<Limit> {
        let default = Self::default();
        Limit::ALL.into_iter().filter(|limit| !enforces(*limit) && !limit.is_same(self, &default)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_limit_that_is_set_and_not_enforced_is_found() {
        let mut limits = Limits::default();
        let enforces = |limit| !matches!(limit, Limit::RequestHeadTimeout | Limit::Http2);
        assert_eq!(limits.unenforced(enforces), []);
        limits.keep_alive_timeout = Duration::from_secs(1);
        assert_eq!(limits.unenforced(enforces), [], "the server enforces it");
        limits.request_head_timeout = Duration::from_secs(1);
        limits.http2.keep_alive_ping_after = Some(Duration::from_secs(1));
        assert_eq!(limits.unenforced(enforces), [Limit::RequestHeadTimeout, Limit::Http2]);
    }

    #[test]
    fn each_limit_has_a_name_of_its_own() {
        let mut names: Vec<_> = Limit::ALL.into_iter().map(Limit::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Limit::ALL.len());
    }
}
