//! What an exchange is called in logs, and the trace that it is part of.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use super::Connection;

/// The name of an exchange (ASP.NET Core: `IHttpRequestIdentifierFeature`): its connection's id and its number there.
/// It is made into text only by whoever asks.
#[derive(Clone, Debug)]
pub struct Identifier {
    /// The connection that the exchange came in on.
    pub connection: Arc<Connection>,
    /// Which of its exchanges it is. The first is 1.
    pub number: u64,
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.connection.id, self.number)
    }
}

/// The trace that a client's request is part of (W3C Trace Context).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 lower-case hexadecimal digits, not all 0.
    pub trace_id: String,
    /// 16 lower-case hexadecimal digits, not all 0.
    pub parent_id: String,
    /// The flags. The lowest bit: the caller samples.
    pub flags: u8,
    /// The `tracestate` fields, joined by `,`.
    pub state: String,
}

impl TraceContext {
    /// The context that a request's fields carry. `None`: none, or what the standard wants ignored: more than one
    /// `traceparent`, or a malformed one.
    pub fn from_fields(fields: &HeaderMap) -> Option<Self> {
        let mut parents = fields.get_all("traceparent").iter();
        let (parent, None) = (parents.next()?, parents.next()) else { return None };
        let parent = parent.to_str().ok()?;
        let (version, rest) = parent.split_at_checked(2)?;
        // Version 00 has exactly four parts; a later one may have more behind them (§3.2.4).
        let known = match version {
            "00" => rest,
            "ff" => return None,
            _ => rest.get(..53).filter(|_| matches!(rest.as_bytes().get(53), None | Some(b'-')))?,
        };
        let mut parts = known.strip_prefix('-')?.split('-');
        let (trace_id, parent_id, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let is_id = |id: &str, length| is_hex(id, length) && id.bytes().any(|digit| digit != b'0');
        if !is_hex(version, 2) || !is_id(trace_id, 32) || !is_id(parent_id, 16) || !is_hex(flags, 2) {
            return None;
        }
        if parts.next().is_some() {
            return None;
        }
        let state: Vec<_> = fields.get_all("tracestate").iter().filter_map(|state| state.to_str().ok()).collect();
        Some(Self {
            trace_id: trace_id.to_owned(),
            parent_id: parent_id.to_owned(),
            flags: u8::from_str_radix(flags, 16).ok()?,
            state: state.join(","),
        })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn context(parents: &[&str]) -> Option<TraceContext> {
        let mut fields = HeaderMap::new();
        for parent in parents {
            fields.append("traceparent", HeaderValue::from_str(parent).expect("a test's field is a field"));
        }
        fields.append("tracestate", HeaderValue::from_static("a=1"));
        fields.append("tracestate", HeaderValue::from_static("b=2"));
        TraceContext::from_fields(&fields)
    }

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    #[test]
    fn a_trace_parent_is_taken_apart() {
        let found = context(&[&format!("00-{TRACE}-{PARENT}-01")]).expect("it is well-formed");
        assert_eq!(
            (found.trace_id.as_str(), found.parent_id.as_str(), found.flags, found.state.as_str()),
            (TRACE, PARENT, 1, "a=1,b=2")
        );
        assert!(context(&[&format!("cc-{TRACE}-{PARENT}-01-what-the-future-will-be")]).is_some());
        assert!(context(&[&format!("cc-{TRACE}-{PARENT}-01")]).is_some());
    }

    #[test]
    fn a_trace_parent_that_is_malformed_or_repeated_is_ignored() {
        let good = format!("00-{TRACE}-{PARENT}-01");
        assert_eq!(context(&[&good, &good]), None);
        for malformed in [
            "",
            "00",
            &format!("00-{TRACE}-{PARENT}"),
            &format!("00-{TRACE}-{PARENT}-01-more"),
            &format!("cc-{TRACE}-{PARENT}-01.more"),
            &format!("ff-{TRACE}-{PARENT}-01"),
            &format!("0G-{TRACE}-{PARENT}-01"),
            &format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            &format!("00-{}-{PARENT}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00_{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(context(&[malformed]), None, "for {malformed:?}");
        }
    }
}
