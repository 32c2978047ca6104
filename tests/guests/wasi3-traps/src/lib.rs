//! Fails: `/` before its answer, `/late` after the head and a chunk, `/finished` after all is finished, `/error` by an
//! error code, `/error-late` by one in place of trailers, `/short` and `/long` by a length that is not kept. `/after`
//! works on after its answer until its content has ended, and then traps; `/never` does not answer for an hour, `/spin`
//! computes without end, `/half` writes a chunk and then nothing for an hour. `/fine` is fine.

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Wasi3Traps;

wasip3::http::service::export!(Wasi3Traps);

impl wasip3::exports::http::handler::Guest for Wasi3Traps {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match path.as_str() {
            "/" => panic!("a secret of the guest"),
            "/error" => return Err(ErrorCode::InternalError(Some("a secret of the guest".into()))),
            "/never" => {
                wait_for(HOUR).await;
            }
            "/spin" => loop {
                std::hint::spin_loop();
            },
            _ => {}
        }
        let fields = Fields::new();
        let length = match path.as_str() {
            "/short" => Some(b"17".to_vec()),
            "/long" => Some(b"15".to_vec()),
            _ => None,
        };
        if let Some(length) = length {
            fields.append("content-length", &length).expect("it is well-formed");
        }
        let (mut writer, content) = wit_stream::new();
        let (late, trailers) = wit_future::new(|| Ok(None));
        wit_bindgen::spawn_local(async move {
            writer.write_all(b"the first chunk\n".to_vec()).await;
            match path.as_str() {
                "/late" => {
                    read_to_end(request).await;
                    panic!("a secret of the guest");
                }
                "/half" => wait_for(HOUR).await,
                "/error-late" => {
                    let _ = late.write(Err(ErrorCode::HttpProtocolError)).await;
                }
                "/finished" => {
                    drop(writer);
                    late.write(Ok(None)).await.expect("somebody waits for the trailers");
                    panic!("a secret of the guest");
                }
                "/after" => {
                    drop(writer);
                    late.write(Ok(None)).await.expect("somebody waits for the trailers");
                    read_to_end(request).await;
                    panic!("a secret of the guest");
                }
                _ => {}
            }
        });
        Ok(Response::new(fields, Some(content), trailers).0)
    }
}

async fn read_to_end(request: Request) {
    let (_, fine) = wit_future::new(|| Ok(()));
    let (mut source, _trailers) = Request::consume_body(request, fine);
    while !matches!(source.read(Vec::with_capacity(1024)).await.0, StreamResult::Dropped) {}
}

/// In nanoseconds. Far longer than any time that a test gives to a guest.
const HOUR: u64 = 3_600_000_000_000;
