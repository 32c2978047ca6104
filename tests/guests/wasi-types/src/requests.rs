//! `outgoing-request` and `request-options`.

use std::fmt::Write;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingRequest, RequestOptions, Scheme};

pub fn tell() -> String {
    let mut told = String::new();
    let request = OutgoingRequest::new(Fields::new());
    let parts = |request: &OutgoingRequest| {
        let (method, path) = (request.method(), request.path_with_query());
        format!("{method:?} {:?} {:?} {path:?}", request.scheme(), request.authority())
    };
    let _ = writeln!(told, "new {}", parts(&request));
    for method in [Method::Other("BREW".to_owned()), Method::Other("A B".to_owned()), Method::Other(String::new())] {
        let _ = writeln!(told, "{method:?} {:?}", request.set_method(&method));
    }
    for path in [Some("/a?b"), Some("?b"), Some(""), Some("*"), Some("a"), Some("http://a/"), Some("/a b"), None] {
        let _ = writeln!(told, "{path:?} {:?} {:?}", request.set_path_with_query(path), request.path_with_query());
    }
    for authority in [Some("a.example:81"), Some("a b"), Some(""), Some("[::1]"), None] {
        let _ = writeln!(told, "{authority:?} {:?} {:?}", request.set_authority(authority), request.authority());
    }
    for scheme in
        [Some(Scheme::Http), Some(Scheme::Other("ftp".to_owned())), Some(Scheme::Other("f p".to_owned())), None]
    {
        let _ = writeln!(told, "{scheme:?} {:?} {:?}", request.set_scheme(scheme.as_ref()), request.scheme());
    }
    let _ = writeln!(told, "set {}", parts(&request));
    let _ = writeln!(told, "headers {:?}", request.headers().append("x", b"1"));
    let body = request.body();
    let _ = writeln!(told, "body {} {}", body.is_ok(), request.body().is_ok());
    drop(body);
    drop(request);
    let promises = OutgoingRequest::new(Fields::from_list(&[("content-length".into(), b"5".to_vec())]).unwrap());
    let _ = writeln!(told, "promised {:?}", outgoing_handler::handle(promises, None).map(|_| ()));
    let other = OutgoingRequest::new(Fields::new());
    other.set_scheme(Some(&Scheme::Other("ftp".to_owned()))).unwrap();
    other.set_authority(Some("a.example")).unwrap();
    let _ = writeln!(told, "other {:?}", outgoing_handler::handle(other, None).map(|_| ()));
    let nowhere = OutgoingRequest::new(Fields::new());
    let _ = writeln!(told, "nowhere {:?}", outgoing_handler::handle(nowhere, None).map(|_| ()));
    let refused = OutgoingRequest::new(Fields::new());
    refused.set_authority(Some("a.example")).unwrap();
    refused.set_path_with_query(Some("/")).unwrap();
    match outgoing_handler::handle(refused, Some(RequestOptions::new())) {
        Ok(response) => {
            response.subscribe().block();
            let _ =
                writeln!(told, "refused {:?}", response.get().map(|answer| answer.map(|answer| answer.map(|_| ()))));
            let _ = writeln!(told, "again {:?}", response.get().map(|answer| answer.map(|answer| answer.map(|_| ()))));
        }
        Err(code) => {
            let _ = writeln!(told, "refused at once {code:?}");
        }
    }
    let options = RequestOptions::new();
    let all = |options: &RequestOptions| {
        format!(
            "{:?} {:?} {:?}",
            options.connect_timeout(),
            options.first_byte_timeout(),
            options.between_bytes_timeout()
        )
    };
    let _ = writeln!(told, "options {}", all(&options));
    let _ = options.set_connect_timeout(Some(1));
    let _ = options.set_first_byte_timeout(Some(u64::MAX));
    let _ = options.set_between_bytes_timeout(Some(3_000_000_000));
    let _ = writeln!(told, "options {}", all(&options));
    let _ = options.set_connect_timeout(None);
    let _ = writeln!(told, "options {}", all(&options));
    told
}

/// Sends the head of a request and a part of its content, and ends as guests should not.
pub fn break_off(authority: &str) -> ! {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).unwrap();
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some("/")).unwrap();
    let body = request.body().unwrap();
    let response = outgoing_handler::handle(request, None).unwrap();
    let stream = body.write().unwrap();
    stream.blocking_write_and_flush(b"a part").unwrap();
    // The other side answers when the part is there.
    response.subscribe().block();
    panic!("and no more");
}
