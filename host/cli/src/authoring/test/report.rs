//! The results of all tests.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

/// The result of one test.
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) took: Duration,
    /// Empty: the test has passed.
    pub(super) differences: Vec<String>,
}

#[derive(Default)]
pub(super) struct Report {
    /// By the file's name.
    files: Vec<(String, Vec<Outcome>)>,
}

impl Report {
    pub(super) fn add(&mut self, file: &str, outcome: Outcome) {
        match self.files.last_mut() {
            Some((last, outcomes)) if last == file => outcomes.push(outcome),
            _ => self.files.push((file.to_owned(), vec![outcome])),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.count(|outcome| !outcome.differences.is_empty()) == 0
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.files.iter().flat_map(|(_, outcomes)| outcomes).filter(|outcome| which(outcome)).count()
    }

    /// In the format of JUnit, for build servers.
    pub(super) fn junit(&self) -> anyhow::Result<String> {
        let mut report = quick_junit::Report::new("windhover test");
        for (file, outcomes) in &self.files {
            let mut suite = TestSuite::new(file.as_str());
            for outcome in outcomes {
                let status = match outcome.differences.as_slice() {
                    [] => TestCaseStatus::success(),
                    differences => {
                        let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
                        failed.set_message("the answer differs").set_description(differences.join("\n"));
                        failed
                    }
                };
                let mut case = TestCase::new(outcome.name.as_str(), status);
                case.set_classname(file.as_str()).set_time(outcome.took);
                suite.add_test_case(case);
            }
            report.add_test_suite(suite);
        }
        report.to_string().context("the report cannot be written as XML")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.differences.is_empty() { "  ok  " } else { "  FAIL" };
        write!(f, "{state}  {} ({} ms)", self.name, self.took.as_millis())?;
        for line in self.differences.iter().flat_map(|difference| difference.lines()) {
            write!(f, "\n          {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = self.count(|outcome| outcome.differences.is_empty());
        let bad = self.count(|outcome| !outcome.differences.is_empty());
        write!(f, "{} tests: {good} passed, {bad} failed", good + bad)
    }
}
