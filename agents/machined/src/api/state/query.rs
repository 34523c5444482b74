// SPDX-License-Identifier: MPL-2.0
//! Queries: which resources of a type a caller wants, by labels and by ids.
//!
//! A resource is wanted when all terms of one of the label queries hold, and its id matches.
//!
//! Owns: what a term means.
//! Never: lets a query cost more than a little memory, or time that grows faster than its text.

use std::collections::BTreeMap;

use ::api::cosi::resource::label_term::Operation;
use ::api::cosi::resource::{IdQuery, LabelQuery, LabelTerm};
use regex_lite::{Regex, RegexBuilder};
use resource::{Filter, Metadata};
use tonic::Status;

/// What a pattern may take once it is taken apart, in bytes: ids are short, and so are patterns of
/// them. Matching costs this times the length of an id at most.
const PATTERN_MAX: usize = 16 * 1024;
/// Terms of all label queries together, and the bytes of their text: a term is much smaller on the wire
/// than in memory.
const TERMS_MAX: usize = 64;
const TEXT_MAX: usize = 4 * 1024;

/// What a caller wants.
#[derive(Debug)]
pub(super) struct Query {
    /// Whether it wants a resource.
    pub filter: Filter,
    /// What that holds in memory at most, in bytes.
    pub cost: usize,
}

/// Reads queries; nothing for those that want everything.
///
/// # Errors
/// A query makes no sense or is too large; this is the answer.
pub(super) fn read(labels: &[LabelQuery], ids: Option<&IdQuery>) -> Result<Option<Query>, Status> {
    check_size(labels)?;
    let labels: Vec<LabelQuery> = labels
        .iter()
        .filter(|query| !query.terms.is_empty())
        .cloned()
        .collect();
    for term in labels.iter().flat_map(|query| &query.terms) {
        check(term)?;
    }
    let ids = ids.filter(|query| !query.regexp.is_empty());
    let ids = ids.map(pattern).transpose()?;
    if labels.is_empty() && ids.is_none() {
        return Ok(None);
    }
    let cost = if ids.is_some() { PATTERN_MAX } else { 0 };
    let filter = Filter::new(move |metadata: &Metadata| {
        let any = labels.is_empty() || labels.iter().any(|query| holds(query, &metadata.labels));
        any && ids.as_ref().is_none_or(|ids| ids.is_match(&metadata.id))
    });
    Ok(Some(Query {
        filter,
        // A term and each of its values are a few words of memory beside their text.
        cost: cost.saturating_add(TEXT_MAX.saturating_mul(4)),
    }))
}

fn check_size(labels: &[LabelQuery]) -> Result<(), Status> {
    let terms = || labels.iter().flat_map(|query| &query.terms);
    let values = terms().map(|term| term.value.len().max(1));
    let texts = terms().flat_map(|term| term.value.iter().chain([&term.key]));
    let (count, len) = (values.sum::<usize>(), texts.map(String::len).sum::<usize>());
    if count > TERMS_MAX || len > TEXT_MAX || labels.len() > TERMS_MAX {
        return Err(Status::invalid_argument(format!(
            "label_query: more than {TERMS_MAX} terms or values, or than {TEXT_MAX} bytes of text"
        )));
    }
    Ok(())
}

fn pattern(query: &IdQuery) -> Result<Regex, Status> {
    RegexBuilder::new(&query.regexp)
        .size_limit(PATTERN_MAX)
        .build()
        .map_err(|error| Status::invalid_argument(format!("id_query: {error}")))
}

#[expect(deprecated, reason = "older clients still send `NotExists`")]
fn check(term: &LabelTerm) -> Result<(), Status> {
    let Ok(operation) = Operation::try_from(term.op) else {
        return Err(Status::unimplemented(format!(
            "label_query: operation {} is not known",
            term.op
        )));
    };
    let needs_value = match operation {
        Operation::Exists | Operation::NotExists | Operation::In => false,
        Operation::Equal
        | Operation::Lt
        | Operation::Lte
        | Operation::LtNumeric
        | Operation::LteNumeric => true,
    };
    if needs_value && term.value.is_empty() {
        return Err(Status::invalid_argument(
            "label_query: this operation needs a value",
        ));
    }
    Ok(())
}

fn holds(query: &LabelQuery, labels: &BTreeMap<String, String>) -> bool {
    query
        .terms
        .iter()
        .all(|term| matches(term, labels) != term.invert)
}

/// Whether a term holds, before it may be inverted. A label that is not there is like no value.
#[expect(deprecated, reason = "older clients still send `NotExists`")]
fn matches(term: &LabelTerm, labels: &BTreeMap<String, String>) -> bool {
    let label = labels.get(&term.key);
    let wanted = term.value.first().map_or("", String::as_str);
    match term.op() {
        Operation::Exists => label.is_some(),
        Operation::NotExists => label.is_none(),
        Operation::Equal => label.is_some_and(|label| label == wanted),
        Operation::In => label.is_some_and(|label| term.value.contains(label)),
        Operation::Lt => label.is_some_and(|label| label.as_str() < wanted),
        Operation::Lte => label.is_some_and(|label| label.as_str() <= wanted),
        Operation::LtNumeric => {
            numbers(label, wanted).is_some_and(|(label, wanted)| label < wanted)
        }
        Operation::LteNumeric => {
            numbers(label, wanted).is_some_and(|(label, wanted)| label <= wanted)
        }
    }
}

fn numbers(label: Option<&String>, wanted: &str) -> Option<(i64, i64)> {
    Some((label?.parse().ok()?, wanted.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn term(key: &str, op: Operation, value: &[&str], invert: bool) -> LabelTerm {
        LabelTerm {
            key: key.to_owned(),
            op: op.into(),
            value: value.iter().map(|text| (*text).to_owned()).collect(),
            invert,
        }
    }

    #[test]
    #[expect(deprecated, reason = "older clients still send `NotExists`")]
    fn terms_compare_labels_and_can_be_turned_around() {
        use Operation::{Equal, Exists, In, Lt, LtNumeric, Lte, LteNumeric, NotExists};
        let labels = [("app", "web"), ("size", "9")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        for (key, op, value, expected) in [
            ("app", Exists, &[][..], true),
            ("none", Exists, &[], false),
            ("none", NotExists, &[], true),
            ("app", Equal, &["web"], true),
            ("app", Equal, &["db"], false),
            ("none", Equal, &[""], false),
            ("app", In, &["db", "web"], true),
            ("app", In, &[], false),
            ("app", Lt, &["x"], true),
            ("app", Lte, &["web"], true),
            ("size", Lt, &["10"], false),
            ("size", LtNumeric, &["10"], true),
            ("size", LteNumeric, &["9"], true),
            ("size", LtNumeric, &["ten"], false),
            ("app", LtNumeric, &["10"], false),
        ] {
            for invert in [false, true] {
                let query = LabelQuery {
                    terms: vec![term(key, op, value, invert)],
                };
                assert_eq!(holds(&query, &labels), expected != invert, "{key} {op:?}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name_and_empty_queries_are_none() {
        let query = |op| LabelQuery {
            terms: vec![LabelTerm {
                op,
                ..term("a", Operation::Exists, &[], false)
            }],
        };
        for (op, code) in [(1, Code::InvalidArgument), (99, Code::Unimplemented)] {
            let refused = read(&[query(op)], None).unwrap_err();
            assert_eq!(refused.code(), code);
            assert!(refused.message().contains("label_query"));
        }
        let nested = format!("{}a{}", "(".repeat(1000), "){1000}".repeat(1000));
        for regexp in ["(", "a{1000}{1000}{1000}", &nested] {
            let ids = IdQuery {
                regexp: regexp.to_owned(),
            };
            let refused = read(&[], Some(&ids)).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{regexp}");
            assert!(refused.message().starts_with("id_query"));
        }
        let none = read(&[LabelQuery::default()], Some(&IdQuery::default()));
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn a_query_that_is_larger_in_memory_than_on_the_wire_is_refused() {
        let empty = || term("", Operation::Exists, &[], false);
        let many = |count: usize| LabelQuery {
            terms: (0..count).map(|_| empty()).collect(),
        };
        let long = "l".repeat(TEXT_MAX);
        for (labels, fits) in [
            (vec![many(TERMS_MAX)], true),
            (vec![many(TERMS_MAX + 1)], false),
            (vec![many(TERMS_MAX), many(1)], false),
            (vec![LabelQuery::default(); TERMS_MAX + 1], false),
            (
                vec![LabelQuery {
                    terms: vec![term("a", Operation::In, &[""; TERMS_MAX + 1], false)],
                }],
                false,
            ),
            (
                vec![LabelQuery {
                    terms: vec![term(&long, Operation::Equal, &["a"], false)],
                }],
                false,
            ),
        ] {
            let code = read(&labels, None).err().map(|status| status.code());
            let expected = (!fits).then_some(Code::InvalidArgument);
            assert_eq!(code, expected, "{} queries", labels.len());
        }
    }
}
