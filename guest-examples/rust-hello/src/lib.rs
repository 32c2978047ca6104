windhover_guest::export!(hello);

fn hello() -> &'static str {
    "Hello from WebAssembly!\n"
}
