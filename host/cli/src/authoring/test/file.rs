//! A file of tests, as it is written.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use windhover_server::config;
use windhover_server::config::mistake::{Mistake, Mistakes};
use windhover_server::config::text::Text;

/// What an app is asked, and what it has to answer.
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

/// What it is asked. Absent content: there is none.
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

/// What it has to answer. What is absent may be anything.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) status: Option<u16>,
    /// Values of fields; an empty one says that the field has to be absent.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    /// All of the content.
    pub(super) text: Option<String>,
    /// What has to be somewhere in the content.
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
            return Err(wrong(&format!("{:?} asks with text and with json; leave one out", test.name)));
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
