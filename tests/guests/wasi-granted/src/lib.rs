//! Uses what it is granted, as the path says: `/variable/NAME`, `/config/KEY`, `/read/PATH`, `/write/PATH`, and answers
//! with what it found, or with the error.

use std::{env, fs};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

wit_bindgen::generate!({
    inline: "
        package wasi:config@0.2.0-rc.1;
        interface store {
            variant error { upstream(string), io(string) }
            get: func(key: string) -> result<option<string>, error>;
            get-all: func() -> result<list<tuple<string, string>>, error>;
        }
        world granted { import store; }
    ",
    world: "granted",
});

use wasi::config::store;

struct Granted;

impl wasip2::exports::http::incoming_handler::Guest for Granted {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (what, name) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
        let text = match what {
            "variable" => env::var(name).unwrap_or_else(|error| error.to_string()),
            "config" => match store::get(name) {
                Ok(value) => {
                    value.unwrap_or_else(|| format!("none of {}", store::get_all().map_or(0, |all| all.len())))
                }
                Err(error) => format!("{error:?}"),
            },
            "read" => fs::read_to_string(format!("/{name}")).unwrap_or_else(|error| error.kind().to_string()),
            "write" => match fs::write(format!("/{name}"), "written\n") {
                Ok(()) => "done".to_owned(),
                Err(error) => error.kind().to_string(),
            },
            _ => "what?".to_owned(),
        };
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

wasip2::http::proxy::export!(Granted);
