//! `tests.toml`: a file of tests.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use windhover_server::config;
use windhover_server::config::mistake::{Mistake, Mistakes};
use windhover_server::config::text::Text;

/// Requests, each with the response that is expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(skip)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) tests: Vec<Test>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// A sentence about what the app does.
    pub(super) name: String,
    pub(super) request: Request,
    pub(super) response: Response,
}

/// A request. Without `text` and `json` it has no content.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[serde(default = "get")]
    pub(super) method: String,
    /// With the query, as it is sent: percent-encoded.
    pub(super) path: String,
    #[serde(default = "localhost")]
    pub(super) host: String,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    pub(super) text: Option<String>,
    /// Sent as JSON, of that content type if the fields name no other.
    pub(super) json: Option<serde_json::Value>,
}

/// The expected response. Absent keys are not compared.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) status: Option<u16>,
    /// Values of fields. An empty value: the field must be absent.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    /// All of the content.
    pub(super) text: Option<String>,
    /// Texts that the content must contain.
    #[serde(default)]
    pub(super) contains: Vec<String>,
    /// The content as JSON, however it is written.
    pub(super) json: Option<serde_json::Value>,
}

impl File {
    pub(super) fn read(file: &Path) -> Result<Self, Mistakes> {
        let text = Text::read(file)?;
        let mut read: Self = config::read(&text)?;
        let wrong = |problem: &str| {
            Mistakes::from(Mistake { place: Some(text.place(0)), key: String::new(), problem: problem.into() })
        };
        if read.tests.is_empty() {
            return Err(wrong("there are no tests in it; write [[tests]] with name, request and response"));
        }
        if let Some(test) = read.tests.iter().find(|test| test.request.text.is_some() && test.request.json.is_some()) {
            return Err(wrong(&format!("{:?} has both text and json; leave one out", test.name)));
        }
        read.name = file.display().to_string();
        Ok(read)
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn localhost() -> String {
    "localhost".to_owned()
}
