//! Takes its time: `/never` does not answer for an hour; `/sum` answers when it has all content, with its length;
//! `/ticks` writes five pieces, one each 60 ms; `/silent` writes a piece and then nothing for an hour; `/works` answers
//! with a piece and works on for an hour; `/large` writes 8 MiB.

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Wasi3Waits;

wasip3::http::service::export!(Wasi3Waits);

impl wasip3::exports::http::handler::Guest for Wasi3Waits {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let mut sum = 0;
        match path.as_str() {
            "/never" => wait_for(HOUR).await,
            "/sum" => sum = measure(request).await,
            _ => {}
        }
        let (mut writer, content) = wit_stream::new();
        let (late, trailers) = wit_future::new(|| Ok(None));
        wit_bindgen::spawn_local(async move {
            match path.as_str() {
                "/sum" => drop(writer.write_all(format!("{sum}\n").into_bytes()).await),
                "/ticks" => {
                    for _ in 0..5 {
                        wait_for(TICK).await;
                        writer.write_all(b"tick\n".to_vec()).await;
                    }
                }
                "/silent" => {
                    writer.write_all(b"begun\n".to_vec()).await;
                    wait_for(HOUR).await;
                }
                "/large" => {
                    for _ in 0..128 {
                        writer.write_all(vec![b'x'; 65_536]).await;
                    }
                }
                _ => drop(writer.write_all(b"done\n".to_vec()).await),
            }
            drop(writer);
            let _ = late.write(Ok(None)).await;
            if path == "/works" {
                wait_for(HOUR).await;
            }
        });
        Ok(Response::new(Fields::new(), Some(content), trailers).0)
    }
}

async fn measure(request: Request) -> usize {
    let (_, fine) = wit_future::new(|| Ok(()));
    let (mut source, _trailers) = Request::consume_body(request, fine);
    let mut sum = 0;
    loop {
        let (result, piece) = source.read(Vec::with_capacity(65_536)).await;
        sum += piece.len();
        if matches!(result, StreamResult::Dropped) {
            return sum;
        }
    }
}

const TICK: u64 = 60_000_000;

/// Far longer than any time that a test gives to a guest.
const HOUR: u64 = 3_600_000_000_000;
