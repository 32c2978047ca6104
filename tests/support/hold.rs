//! An application that says when a request has come, and answers when it may.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::Notify;
use windhover_contract::{Body, Response};

use crate::{Served, TestServer};

/// An application that says when a request has come and answers when it may.
#[derive(Default)]
pub struct Hold {
    /// A request has come.
    pub begun: Notify,
    /// It may be answered.
    pub release: Notify,
}

impl Hold {
    /// Serves such an application.
    pub async fn serve(server: TestServer) -> (Served, Arc<Self>) {
        let hold = Arc::new(Self::default());
        let held = Arc::clone(&hold);
        let served = server
            .serve_fn(move |_| {
                let held = Arc::clone(&held);
                async move {
                    held.begun.notify_one();
                    held.release.notified().await;
                    let mut response = Response::empty(StatusCode::OK);
                    response.body = Body::full("held\n");
                    response
                }
            })
            .await;
        (served, hold)
    }
}
