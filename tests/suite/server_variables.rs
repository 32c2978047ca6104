//! The names of CGI for what an exchange knows.

use windhover_tests::for_each_server;

use crate::{in_every_world, ok};

for_each_server! {
    async fn the_meta_variables_of_cgi_are_there(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            let names = "request_method,REQUEST_SCHEME,SERVER_NAME,SERVER_PORT,SERVER_PROTOCOL,QUERY_STRING,REQUEST_URI,\
                         CONTENT_LENGTH,CONTENT_TYPE,HTTPS,SCRIPT_NAME,PATH_INFO,HTTP_ACCEPT,HTTP_COOKIE,HTTP_NONE,NONSENSE,A%20B";
            wire.send(format!(
                "POST /variables?{names} HTTP/1.1\r\nhost: example.com:81\r\naccept: a\r\nCookie: c=1\r\naccept: b\r\ncookie: d=2\r\n\
                 content-type: text/x\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
            let scheme = served.scheme();
            let https = if scheme == "https" { "on" } else { "off" };
            wire.expect(&ok(&format!(
                "request_method=POST\nREQUEST_SCHEME={scheme}\nSERVER_NAME=example.com\nSERVER_PORT=81\n\
                 SERVER_PROTOCOL=HTTP/1.1\nQUERY_STRING={names}\nREQUEST_URI=/variables?{names}\nCONTENT_LENGTH=0\n\
                 CONTENT_TYPE=text/x\nHTTPS={https}\nSCRIPT_NAME=\nPATH_INFO=/variables\nHTTP_ACCEPT=a, b\nHTTP_COOKIE=c=1; d=2\n\
                 HTTP_NONE=(none)\nNONSENSE=(none)\nA%20B=(none)\n"
            )))
            .await;
        }
    }

    async fn the_addresses_are_those_of_the_connection(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send("GET /variables?REMOTE_ADDR,REMOTE_PORT,LOCAL_ADDR,SERVER_PORT HTTP/1.1\r\nhost: a\r\n\r\n").await;
            let expected = match wire.local() {
                None => "REMOTE_ADDR=(none)\nREMOTE_PORT=(none)\nLOCAL_ADDR=(none)\nSERVER_PORT=80\n".to_owned(),
                Some(client) => format!(
                    "REMOTE_ADDR=127.0.0.1\nREMOTE_PORT={}\nLOCAL_ADDR=127.0.0.1\nSERVER_PORT={}\n",
                    client.port(),
                    if served.scheme() == "https" { 443 } else { 80 }
                ),
            };
            wire.expect(&ok(&expected)).await;
        }
    }

    async fn the_server_says_what_it_is(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send("GET /variables?SERVER_SOFTWARE HTTP/1.1\r\nhost: a\r\n\r\n").await;
            let software = if wire.local().is_some() { concat!("Windhover/", env!("CARGO_PKG_VERSION")) } else { "memory" };
            wire.expect(&ok(&format!("SERVER_SOFTWARE={software}\n"))).await;
        }
    }
}
