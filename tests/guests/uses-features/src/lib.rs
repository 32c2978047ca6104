//! Uses the feature that the path names, and answers with what came of it: see `act`. In the application world.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

mod act;

struct UsesFeatures;

impl Guest for UsesFeatures {
    fn handle() {
        act::act();
    }
}

export!(UsesFeatures);
