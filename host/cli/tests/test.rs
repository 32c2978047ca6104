//! `windhover test` as its users meet it. Runs the real binary.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::fs;

use support::folder::Folder;
use windhover_tests::guest_file;

#[test]
fn answers_that_are_as_expected_pass() {
    let folder = project("rust-wasi-http", GOOD);
    let told = folder.told(&["test"], 0);
    assert!(told.contains("\n  ok    it greets ("), "{told}");
    assert!(told.ends_with("\n3 tests: 3 passed, 0 failed\n"), "{told}");
}

#[test]
fn what_differs_is_told_and_for_build_servers_written() {
    let tests = format!(
        "{GOOD}
        [[tests]]
        name = 'it greets <otherwise>'
        request = {{ path = '/' }}
        response = {{ status = 201, text = \"Good morning!\\n\", fields = {{ content-type = 'text/html' }} }}
        "
    );
    let folder = project("rust-wasi-http", &tests);
    let told = folder.told(&["test", "--junit", "report.xml"], 1);
    let differences = "          status: expected 201, and it is 200
          content-type: expected \"text/html\", and it is \"text/plain; charset=utf-8\"
          text:
          -Good morning!
          +Hello from wasi:http!\n4 tests: 3 passed, 1 failed\n";
    assert!(told.contains("\n  FAIL  it greets <otherwise> (") && told.ends_with(differences), "{told}");
    let report = fs::read_to_string(folder.path("report.xml")).expect("it was written");
    for expected in [
        "<testsuite name=\"tests.toml\" tests=\"4\"",
        "<testcase name=\"it greets &lt;otherwise&gt;\" classname=\"tests.toml\"",
        "<failure message=\"the answer differs\">status: expected 201",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
}

#[test]
fn an_app_that_fails_does_not_end_the_other_tests() {
    let ask = |path: &str| {
        format!("[[tests]]\nname = '{path}'\nrequest = {{ path = '{path}' }}\nresponse = {{ status = 200 }}\n")
    };
    let folder = project("traps", &["/", "/late", "/sent"].map(ask).concat());
    let told = folder.told(&["test"], 1);
    assert!(told.contains("status: expected 200, and it is 500"), "{told}");
    assert!(told.contains("the answer began with 200 OK and broke off"), "{told}");
    assert!(told.contains("3 tests: 1 passed, 2 failed"), "{told}");
}

#[test]
fn routes_and_grants_are_those_of_the_configuration() {
    let folder = project("facts", "");
    let config = fs::read_to_string(folder.path("windhover.toml")).expect("it was written");
    folder.write("windhover.toml", format!("{config}routes = ['a.example/shop']\n").as_bytes());
    let test =
        |request: &str, response: &str| format!("[[tests]]\nname = 'x'\nrequest = {request}\nresponse = {response}\n");
    let tests =
        test("{ path = '/shop/b', host = 'a.example' }", "{ status = 200, contains = ['path-base: \"/shop\"'] }")
            + &test("{ path = '/' }", "{ status = 404 }");
    folder.write("tests.toml", tests.as_bytes());
    folder.told(&["test"], 0);
}

#[test]
fn a_file_that_cannot_be_meant_is_told_with_its_line() {
    for (tests, expected) in [
        ("", "tests.toml:1: there are no tests in it; write [[tests]]"),
        ("[[tests]\n", "tests.toml:1: "),
        ("[[tests]]\nname = 'a'\nrequest = { path = '/' }\n", "tests.toml:1: tests[0]: response is missing"),
        ("[[tests]]\nname = 'a'\nrequest = { paht = '/' }\nresponse = {}\n", "tests.toml:3: "),
        (
            "[[tests]]\nname = 'a'\nrequest = { path = '/', text = '', json = 1 }\nresponse = {}\n",
            "\"a\" has both text and json; leave one out",
        ),
    ] {
        let folder = project("rust-hello", tests);
        let told = folder.told(&["test"], 1);
        assert!(told.contains(expected), "{tests:?}: {told}");
    }
    let folder = project("rust-hello", "");
    assert!(folder.told(&["test", "absent.toml"], 1).contains("cannot read absent.toml"));
}

#[test]
fn an_app_that_is_not_built_is_told_from_one_that_is_lost() {
    let folder = project("rust-hello", GOOD);
    folder.write("windhover.toml", b"[apps.app]\ncomponent = 'absent.wasm'\n");
    assert!(folder.told(&["test"], 1).contains("cannot read absent.wasm"));
    folder.write("windhover.toml", b"[apps.app]\ncomponent = 'absent.wasm'\n[apps.app.build]\ncommands = ['true']\n");
    assert!(folder.told(&["test"], 1).contains("absent.wasm is not built; run `windhover build`"));
    assert!(folder.told(&["serve", "--url", "http://127.0.0.1:0"], 1).contains("run `windhover build`"));
}

fn project(guest: &str, tests: &str) -> Folder {
    let folder = Folder::with(&[("tests.toml", tests)]);
    folder.copy("app.wasm", &guest_file(guest));
    folder.write(
        "windhover.toml",
        b"[server]\ncache = 'none'\n[log]\nlevel = 'error'\n[apps.app]\ncomponent = 'app.wasm'\n",
    );
    folder
}

const GOOD: &str = "
    [[tests]]
    name = 'it greets'
    request = { path = '/' }
    response = { status = 200, text = \"Hello from wasi:http!\\n\", fields = { content-length = '22', location = '' } }

    [[tests]]
    name = 'it echoes JSON'
    request = { method = 'POST', path = '/echo', json = { a = [1, 2.5], b = 'ü' } }
    response = { json = { b = 'ü', a = [1, 2.5] }, fields = { content-type = 'application/json' } }

    [[tests]]
    name = 'it has nothing elsewhere'
    request = { path = '/nowhere' }
    response = { status = 404 }
";
