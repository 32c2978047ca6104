//! Tries for everything that a guest has only if it was granted, and answers what came of it.

use std::env;
use std::fs::File;
use std::net::{TcpStream, UdpSocket};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;

struct ReachesOut;

impl wasip2::exports::http::incoming_handler::Guest for ReachesOut {
    fn handle(_: IncomingRequest, outparam: ResponseOutparam) {
        let text = format!(
            "arguments: {}\nvariables: {}\nfolders: {}\nfile: {}\ntcp: {}\nudp: {}\nlookup: {}\nhttp: {}\n",
            env::args().count(),
            env::vars().count(),
            wasip2::filesystem::preopens::get_directories().len(),
            outcome(File::open("/etc/hostname").is_ok()),
            outcome(TcpStream::connect("127.0.0.1:80").is_ok()),
            outcome(UdpSocket::bind("127.0.0.1:0").is_ok()),
            outcome(resolves("localhost")),
            request("127.0.0.1:80"),
        );
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

fn outcome(is_granted: bool) -> &'static str {
    if is_granted { "granted" } else { "refused" }
}

fn resolves(name: &str) -> bool {
    let Ok(addresses) = resolve_addresses(&instance_network(), name) else { return false };
    addresses.subscribe().block();
    matches!(addresses.resolve_next_address(), Ok(Some(_)))
}

fn request(authority: &str) -> String {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("the scheme is one");
    request.set_authority(Some(authority)).expect("the authority is one");
    request.set_path_with_query(Some("/")).expect("the path is one");
    match outgoing_handler::handle(request, None) {
        Err(code) => format!("{code:?}"),
        Ok(response) => {
            response.subscribe().block();
            match response.get() {
                Some(Ok(Err(code))) => format!("{code:?}"),
                _ => "granted".to_owned(),
            }
        }
    }
}

wasip2::http::proxy::export!(ReachesOut);
