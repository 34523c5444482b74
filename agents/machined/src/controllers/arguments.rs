// SPDX-License-Identifier: MPL-2.0
//! Arguments of other programs: what the system says, and what the configuration adds.
//!
//! Owns: which of the two counts, and how they are written.
//! Never: knows a program.

use std::collections::BTreeMap;

use resource::Failure;

/// Arguments by their names, without dashes.
pub(super) type Arguments = BTreeMap<String, String>;

/// What the system says.
pub(super) fn of<const N: usize>(all: [(&str, String); N]) -> Arguments {
    let all = all.into_iter();
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Puts what the configuration says in place of what the system does, or beside it.
///
/// # Errors
/// It names one that is the system's alone.
pub(super) fn replace(
    program: &str,
    own: &mut Arguments,
    written: &Arguments,
    fixed: &[&str],
) -> Result<(), Failure> {
    if let Some(name) = written.keys().find(|name| fixed.contains(&name.as_str())) {
        return Err(Failure::new(format_args!(
            "the argument {name} of {program} cannot be changed"
        )));
    }
    own.extend(written.clone());
    Ok(())
}

/// As they stand on a command line, by name.
pub(super) fn line(arguments: &Arguments) -> Vec<String> {
    let arguments = arguments.iter();
    arguments
        .map(|(name, value)| format!("--{name}={value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_replaces_what_the_system_says_unless_that_is_fixed() {
        let mut own = of([("b", "1".to_owned()), ("config", "x".to_owned())]);

        let added = of([("a", "2".to_owned()), ("b", "3".to_owned())]);
        replace("p", &mut own, &added, &["config"]).unwrap();
        let refused = of([("config", "y".to_owned())]);
        let refused = replace("p", &mut own, &refused, &["config"]).unwrap_err();

        assert_eq!(line(&own), ["--a=2", "--b=3", "--config=x"]);
        assert_eq!(
            refused.to_string(),
            "the argument config of p cannot be changed"
        );
    }
}
