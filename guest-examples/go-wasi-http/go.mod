module wit_component/export_wasi_http_incoming_handler // the name by which the bindings find it

go 1.27.1
