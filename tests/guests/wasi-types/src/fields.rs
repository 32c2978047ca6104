//! `fields`.

use std::fmt::Write;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingResponse};

pub fn tell(request: &IncomingRequest) -> String {
    let mut told = String::new();
    let list = |list: &[(&str, &str)]| {
        let list: Vec<_> = list.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        Fields::from_list(&list)
    };
    let fields = list(&[("X-A", "1"), ("x-b", "2"), ("x-a", "3")]).expect("they are fields");
    let _ = writeln!(told, "entries {}", entries(&fields));
    let _ = writeln!(told, "get {:?} {:?} {:?}", texts(fields.get("x-A")), texts(fields.get("x-c")), fields.get("x c"));
    let _ = writeln!(told, "has {} {} {}", fields.has("X-B"), fields.has("x-c"), fields.has("x c"));
    let _ = writeln!(told, "set {:?} {:?}", fields.set("x-a", &[b"4".to_vec(), b"5".to_vec()]), fields.set("x-b", &[]));
    let _ = writeln!(told, "append {:?}", fields.append("x-d", b""));
    let copy = fields.clone();
    let _ = writeln!(told, "delete {:?} {:?} {}", fields.delete("x-a"), fields.delete("x-z"), entries(&fields));
    let _ = writeln!(told, "copy {:?} {}", copy.append("x-e", b"6"), entries(&copy));
    for name in ["x y", "", "connection", "Host", "transfer-encoding", "proxy-connection"] {
        let _ = writeln!(told, "{name:?} {:?} {:?}", list(&[(name, "1")]).map(|_| ()), fields.append(name, b"1"));
    }
    let _ =
        writeln!(told, "value {:?} {:?}", list(&[("x-a", "1\n2")]).map(|_| ()), fields.set("x-a", &[b"\0".to_vec()]));
    let lengths = list(&[("content-length", "1"), ("content-length", "1")]);
    let odd = list(&[("content-length", "+1")]);
    let _ = writeln!(told, "lengths {:?} {:?}", lengths.map(|_| ()), odd.map(|_| ()));
    let given = request.headers();
    let _ = writeln!(told, "given {:?} {:?} {:?}", given.set("x", &[]), given.delete("x"), given.append("x", b"1"));
    let _ = writeln!(told, "given {:?}", given.clone().append("x-mine", b"1"));
    let response = OutgoingResponse::new(fields);
    let _ = writeln!(told, "answered {:?} {}", response.headers().append("x", b"1"), entries(&response.headers()));
    told
}

fn entries(fields: &Fields) -> String {
    let mut entries: Vec<_> = fields.entries().into_iter().map(|(name, value)| (name, text(value))).collect();
    entries.sort();
    format!("{entries:?}")
}

fn texts(values: Vec<Vec<u8>>) -> Vec<String> {
    values.into_iter().map(text).collect()
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8(value).expect("it is text")
}
