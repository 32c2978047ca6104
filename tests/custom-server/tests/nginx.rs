//! The server behind nginx: `just fronts`.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{example, guest};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn nginx_passes_requests_on_and_answers_back() {
    let mut server = Running::start(example().args([&*guest("echoes").to_string_lossy(), "127.0.0.1:0"]));
    let address = server.bound();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let config = config(folder.path(), port, &address);
    std::fs::write(folder.path().join("nginx.conf"), config).expect("the folder is ours");
    let mut front = Command::new("nginx");
    front.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    let front = Running::start(&mut front);
    wait_for(port);

    assert_eq!(ask(port, "GET", ""), "");
    assert_eq!(ask(port, "POST", "content there and back"), "content there and back");
    let large = "0123456789".repeat(100_000);
    assert_eq!(ask(port, "POST", &large), large);
    let answer = exchange(port, "HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let chunked =
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";
    let answer = exchange(port, chunked);
    assert!(answer.contains("one"), "{answer}");
    // Without nginx it is no HTTP server.
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").expect("it reads");
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read);
    assert_eq!(String::from_utf8_lossy(&read), "");

    front.end();
    assert!(server.end(), "it drains and ends well");
}

#[test]
fn an_app_that_fails_behind_nginx_is_answered_for() {
    let mut server = Running::start(example().args([&*guest("traps").to_string_lossy(), "127.0.0.1:0"]));
    let address = server.bound();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    std::fs::write(folder.path().join("nginx.conf"), config(folder.path(), port, &address)).expect("it is ours");
    let mut front = Command::new("nginx");
    front.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    let _front = Running::start(&mut front);
    wait_for(port);
    let answer = exchange(port, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    // What breaks off behind its head is not taken for the whole.
    let answer = exchange(port, "GET /late HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("0\r\n\r\n"), "{answer}");
}

/// In the foreground, without privileges, with all of its files in one folder.
fn config(folder: &Path, port: u16, server: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {folder}/body;\n\
           proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi;\n\
           uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n\
           server {{\n\
             listen 127.0.0.1:{port};\n\
             client_max_body_size 10m;\n\
             location / {{\n\
               scgi_pass {server};\n\
               scgi_param SCGI 1;\n\
               scgi_param REQUEST_METHOD $request_method;\n\
               scgi_param REQUEST_URI $request_uri;\n\
               scgi_param SERVER_PROTOCOL $server_protocol;\n\
               scgi_param CONTENT_TYPE $content_type;\n\
               scgi_param HTTPS $https if_not_empty;\n\
             }}\n\
           }}\n\
         }}\n"
    )
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    free.expect("the loopback address has a free port").port()
}

/// nginx does not say when it listens.
fn wait_for(port: u16) {
    for _ in 0..MAX_LOOKS {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("nginx does not listen");
}

fn ask(port: u16, method: &str, content: &str) -> String {
    let head =
        format!("{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", content.len());
    let answer = exchange(port, &(head + content));
    let (head, content) = answer.split_once("\r\n\r\n").expect("there is a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // Its length was not known before its end.
    if head.contains("chunked") { unchunked(content) } else { content.to_owned() }
}

fn unchunked(mut rest: &str) -> String {
    let mut content = String::new();
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("it is a size");
        content.push_str(&behind[..size]);
        rest = behind[size..].strip_prefix("\r\n").expect("a chunk has an end");
    }
    content
}

fn exchange(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("nginx listens");
    stream.set_read_timeout(Some(TIME_LIMIT)).expect("it is not zero");
    stream.write_all(request.as_bytes()).expect("nginx reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // an answer that breaks off may end with a reset
    String::from_utf8(answer).expect("it is text")
}

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).spawn().expect("it can be started"))
    }

    fn bound(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.0.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it tells where it listens");
        line.trim_end().strip_prefix("Listening on scgi://").expect("it listens").to_owned()
    }

    /// Asks it to end. Whether it ended well.
    fn end(mut self) -> bool {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, Signal::TERM).expect("it runs");
        self.0.wait().expect("it was started").success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const MAX_LOOKS: usize = 1_000_000;
const TIME_LIMIT: Duration = Duration::from_secs(20);
