//! An app called as a function, as the tests of apps written in Rust do.

use bytes::Bytes;
use http::Request;
use windhover_server::testing::App;
use windhover_tests::guest_file;

#[test]
fn a_component_is_called_as_a_function() {
    let app = App::load(guest_file("rust-wasi-http")).expect("it can be served");
    let answer = app.call(Request::get("/?name=Zo%C3%AB").body(Bytes::new()).expect("it is well formed"));
    let answer = answer.expect("it answers");
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, "Hello, Zoë!\n".as_bytes()));
    let content = vec![7_u8; 1 << 20];
    let answer = app.call(Request::post("/echo").body(content.clone()).expect("it is well formed"));
    assert!(answer.expect("it answers").into_body() == content);
}

#[test]
fn an_instance_is_fresh_for_each_call_unless_the_configuration_says_otherwise() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("windhover.toml");
    let count = |reuse: &str| {
        let component = guest_file("counts");
        let written =
            format!("[apps.a]\ncomponent = {component:?}\nroutes = ['/n']\n[apps.a.reuse]\nmode = '{reuse}'\n");
        std::fs::write(&config, written).expect("the folder is ours");
        let app = App::configured(&config).expect("it can be meant");
        let count = || {
            let request = Request::get("/n").body(Bytes::new()).expect("it is well formed");
            app.call(request).expect("it answers").into_body()
        };
        [count(), count()]
    };
    let [first, second] = count("never");
    assert_eq!(first, second);
    let [first, second] = count("serial");
    assert_ne!(first, second);
}

#[test]
fn what_an_app_does_wrong_is_an_answer_and_one_that_broke_off_an_error() {
    let app = App::load(guest_file("traps")).expect("it can be served");
    let call = |path: &str| app.call(Request::get(path).body(Bytes::new()).expect("it is well formed"));
    assert_eq!(call("/").expect("it is an answer").status(), 500);
    let broken = call("/late").expect_err("it broke off").to_string();
    assert!(broken.starts_with("the answer began with 200 OK and broke off"), "{broken}");
    let absent = App::load("absent.wasm").err().expect("there is none").to_string();
    assert!(absent.contains("cannot read absent.wasm"), "{absent}");
}
