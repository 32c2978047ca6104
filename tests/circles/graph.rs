//! Circles in a graph of names.

use std::collections::{BTreeMap, BTreeSet};

/// Who refers to whom.
pub(crate) type References = BTreeMap<String, BTreeSet<String>>;

/// The circles, each as what its members refer to within it. Two circles that share a member are one.
pub(crate) fn circles(references: &References) -> Vec<References> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        references.keys().map(|name| (name.as_str(), reachable(references, name))).collect();
    let mut seen = BTreeSet::<&str>::new();
    let mut circles = Vec::new();
    for name in references.keys() {
        if seen.contains(name.as_str()) || !reach[name.as_str()].contains(name.as_str()) {
            continue;
        }
        let others = reach[name.as_str()].iter().filter(|other| reach[*other].contains(name.as_str()));
        let members: BTreeSet<&str> = others.copied().collect();
        seen.extend(&members);
        let within = |name: &str| references[name].iter().filter(|other| members.contains(other.as_str())).cloned();
        circles.push(members.iter().map(|name| ((*name).to_owned(), within(name).collect())).collect());
    }
    circles
}

fn reachable<'a>(references: &'a References, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = references[from].iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(references[name].iter().map(String::as_str));
        }
    }
    reached
}

#[test]
fn a_circle_has_those_that_lead_back_to_it_and_no_others() {
    let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a"), ("f", "f")];
    let mut references = References::new();
    for (from, to) in edges {
        references.entry(from.to_owned()).or_default().insert(to.to_owned());
        references.entry(to.to_owned()).or_default();
    }
    let members: Vec<String> = circles(&references).iter().map(|circle| circle.keys().cloned().collect()).collect();
    assert_eq!(members, ["abc", "f"]);
}
