wit_bindgen::generate!({ path: "../../wit", world: "application" });

use windhover::http::response;

struct Hello;

impl Guest for Hello {
    fn handle() {
        let fields = [("content-type".into(), "text/plain".into())];
        response::send(200, &fields, b"Hello from WebAssembly!\n").unwrap();
    }
}

export!(Hello);
