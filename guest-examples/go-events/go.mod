module wit_component/export_wit_world // the name by which the bindings find it

go 1.27.1
