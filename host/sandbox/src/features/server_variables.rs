//! `wit/server-variables.wit`: CGI names (RFC 3875 §4.1) for facts about the exchange, and variables that the server
//! adds.

use std::net::SocketAddr;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName};
use windhover_contract::{Feature, Scheme};

use crate::exchange::Exchange;
use crate::features::bindings::request::Host as _;
use crate::features::bindings::server_variables::Host;
use crate::features::connection::ip;
use crate::features::offered::offered;

impl Host for Exchange {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let own = offered(self.features.server_variables.clone(), Feature::ServerVariables)?;
        if name.len() > MAX_NAME {
            return Ok(None);
        }
        let name = name.to_ascii_uppercase();
        Ok(own.get(&name).map(str::to_owned).or_else(|| self.meta_variable(&name)))
    }
}

impl Exchange {
    fn meta_variable(&mut self, name: &str) -> Option<String> {
        match name {
            "AUTH_TYPE" => Some(self.features.user.as_ref()?.method.clone()),
            "CONTENT_LENGTH" => self.text_field(&CONTENT_LENGTH),
            "CONTENT_TYPE" => self.text_field(&CONTENT_TYPE),
            "HTTPS" => Some(if self.target.scheme() == Scheme::Https { "on" } else { "off" }.to_owned()),
            "LOCAL_ADDR" => Some(ip(self.local()?)),
            "PATH_INFO" => Some(self.path()),
            "QUERY_STRING" => Some(self.query().unwrap_or_default()),
            "REMOTE_ADDR" => Some(ip(self.remote()?)),
            "REMOTE_PORT" => Some(self.remote()?.port()).filter(|port| *port != 0).map(|port| port.to_string()),
            "REMOTE_USER" => Some(self.features.user.as_ref()?.name.clone()),
            "REQUEST_METHOD" => Some(self.method()),
            "REQUEST_SCHEME" => Some(self.scheme()),
            "REQUEST_URI" => Some(self.raw_target()),
            "SCRIPT_NAME" => Some(self.path_base()),
            "SERVER_NAME" => Some(match self.target.authority() {
                Some(authority) => authority.host().to_owned(),
                None => ip(self.local()?),
            }),
            "SERVER_PORT" => self.server_port(),
            "SERVER_PROTOCOL" => Some(self.protocol()),
            name => {
                let field = name.strip_prefix("HTTP_")?.replace('_', "-");
                self.text_field(&HeaderName::from_bytes(field.as_bytes()).ok()?)
            }
        }
    }

    /// RFC 3875 §4.1.15: the port of the request, which the client may have left to the scheme.
    fn server_port(&self) -> Option<String> {
        let named = self.target.authority().and_then(|authority| authority.port_u16());
        let bound = self.local().map(|local| local.port());
        let default = if self.target.scheme() == Scheme::Https { 443 } else { 80 };
        Some(named.or(if self.target.authority().is_some() { Some(default) } else { bound })?.to_string())
    }

    /// RFC 3875 §4.1.18: several fields of one name are one value. RFC 9113 §8.2.3 has another comma for cookies.
    fn text_field(&self, name: &HeaderName) -> Option<String> {
        let lines: Vec<_> =
            self.fields.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let comma = if *name == COOKIE { "; " } else { ", " };
        (!lines.is_empty()).then(|| lines.join(comma))
    }

    fn local(&self) -> Option<SocketAddr> {
        self.features.connection.as_ref()?.local()
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.features.connection.as_ref()?.remote()
    }
}

/// No variable's name is longer.
const MAX_NAME: usize = 256;
