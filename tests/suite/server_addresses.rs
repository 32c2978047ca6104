//! What the server is bound to, as its guests are told.

use windhover_tests::{for_each_server, guest};

use crate::ok;

for_each_server! {
    async fn the_guest_is_told_the_address_that_was_really_bound(server) {
        let served = server.serve(guest("facts")).await;
        let address = served.addresses().join("\n");
        assert!(!address.ends_with("127.0.0.1:0"), "port 0 is a wish and not an address: {address}");
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nwant: addresses\r\n\r\n").await;
        wire.expect(&ok(&format!("{address}\n"))).await;
    }
}
