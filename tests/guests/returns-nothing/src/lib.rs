//! Returns without having answered.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

struct ReturnsNothing;

impl Guest for ReturnsNothing {
    fn handle() {}
}

export!(ReturnsNothing);
