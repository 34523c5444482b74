// SPDX-License-Identifier: MPL-2.0
//! Which documents make sense: the table of rules.
//!
//! Owns: the order of the rules, and errors apart from warnings.
//! Never: changes a document, or looks at the machine it runs on.

mod authorities;
mod bond;
mod cluster;
mod container;
mod extra;
mod links;
mod machine;

use crate::configuration::Configuration;
use crate::document::{ClusterConfig, Document, MachineConfig};
use crate::error::{Fault, Path, Problem};
use crate::spec::MachineType;
use core::fmt;
use pki::UnixTime;

/// Where a configuration is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// On a machine that is installed from other media.
    #[default]
    Metal,
    /// On a machine that boots from its own image.
    Cloud,
    /// In a container.
    Container,
}

impl Mode {
    /// Reads `metal`, `cloud` or `container`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "metal" => Some(Self::Metal),
            "cloud" => Some(Self::Cloud),
            "container" => Some(Self::Container),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metal => "metal",
            Self::Cloud => "cloud",
            Self::Container => "container",
        })
    }
}

/// What else decides whether a configuration makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// Where it is to be used.
    pub mode: Mode,
    /// Whether the system is on the disk already, so that `machine.install` may be missing.
    pub installed: bool,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What makes it unusable.
    pub errors: Vec<Problem>,
    /// What works, but should be changed.
    pub warnings: Vec<Problem>,
}

impl Report {
    /// Whether it can be used. With `strict`, warnings count as errors.
    #[must_use]
    pub fn is_usable(&self, strict: Strictness) -> bool {
        self.errors.is_empty() && (strict == Strictness::Normal || self.warnings.is_empty())
    }
}

/// Whether warnings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// They do not.
    Normal,
    /// They do.
    Strict,
}

/// One problem per line, errors first.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.errors {
            writeln!(f, "{problem}")?;
        }
        for problem in &self.warnings {
            writeln!(f, "warning: {problem}")?;
        }
        Ok(())
    }
}

/// What a rule looks at.
struct Situation<'a> {
    document: &'a Document,
    machine: &'a MachineConfig,
    cluster: &'a ClusterConfig,
    kind: MachineType,
    circumstances: Circumstances,
    /// The time, where it is known.
    now: Option<UnixTime>,
}

#[derive(Clone, Copy, PartialEq)]
enum Severity {
    Error,
    Warning,
}

/// One rule: what is said where it is broken, and how to find out where that is.
struct Rule {
    severity: Severity,
    fault: Fault,
    broken: fn(&Situation<'_>) -> Vec<Path>,
}

impl Rule {
    const fn error(fault: Fault, broken: fn(&Situation<'_>) -> Vec<Path>) -> Self {
        Self {
            severity: Severity::Error,
            fault,
            broken,
        }
    }

    const fn warning(fault: Fault, broken: fn(&Situation<'_>) -> Vec<Path>) -> Self {
        Self {
            severity: Severity::Warning,
            fault,
            broken,
        }
    }
}

/// All rules, by section.
const RULES: [&[Rule]; 4] = [machine::RULES, links::RULES, bond::RULES, cluster::RULES];

impl Configuration {
    /// Checks the configuration against all rules.
    #[must_use]
    pub fn validate(&self, circumstances: Circumstances) -> Report {
        self.validate_when(circumstances, None)
    }

    /// The same, and refuses authorities that have expired at the time. A clock that is behind does no
    /// harm: nothing is refused because it is not valid yet.
    #[must_use]
    pub fn validate_at(&self, circumstances: Circumstances, now: UnixTime) -> Report {
        self.validate_when(circumstances, Some(now))
    }

    fn validate_when(&self, circumstances: Circumstances, now: Option<UnixTime>) -> Report {
        let mut report = Report::default();
        if let Some(document) = self.document() {
            document.check(circumstances, now, &mut report);
        }
        self.place(&mut report.errors);
        self.place(&mut report.warnings);
        report.warnings.extend_from_slice(self.newer());
        let mut others = extra::check(self.extras());
        self.place_extras(&mut others);
        report.errors.append(&mut others);
        report
    }
}

impl Document {
    /// Checks a document that has no text: problems come without positions.
    #[must_use]
    pub fn validate(&self, circumstances: Circumstances) -> Report {
        let mut report = Report::default();
        self.check(circumstances, None, &mut report);
        report
    }

    fn check(&self, circumstances: Circumstances, now: Option<UnixTime>, report: &mut Report) {
        let (machine, cluster) = match (&self.machine, &self.cluster) {
            (Some(machine), Some(cluster)) => (machine, cluster),
            (machine, cluster) => {
                let missing = [
                    ("machine", machine.is_none()),
                    ("cluster", cluster.is_none()),
                ];
                for (key, _) in missing.into_iter().filter(|(_, is_missing)| *is_missing) {
                    report
                        .errors
                        .push(Problem::new(Path::new(key), Fault::Missing));
                }
                return;
            }
        };
        let kind = MachineType::parse(&machine.kind);
        let situation = Situation {
            document: self,
            machine,
            cluster,
            kind,
            circumstances,
            now,
        };
        for rule in RULES.into_iter().flatten() {
            let list = match rule.severity {
                Severity::Error => &mut report.errors,
                Severity::Warning => &mut report.warnings,
            };
            let paths = (rule.broken)(&situation);
            list.extend(
                paths
                    .into_iter()
                    .map(|path| Problem::new(path, rule.fault.clone())),
            );
        }
        report.errors.append(&mut authorities::check(&situation));
    }
}

/// The path if it is broken: for rules about one key.
fn only(is_broken: bool, path: &str) -> Vec<Path> {
    if is_broken {
        vec![Path::new(path)]
    } else {
        Vec::new()
    }
}

/// The paths of those items of a list that are broken.
fn items<T>(list: &[T], path: &Path, is_broken: impl Fn(&T) -> bool) -> Vec<Path> {
    list.iter()
        .enumerate()
        .filter(|(_, item)| is_broken(item))
        .map(|(index, _)| path.index(index))
        .collect()
}

/// The paths of those items of a list that equal an earlier one by their key.
fn doubles<T, K: Ord>(list: &[T], path: &Path, key: impl Fn(&T) -> K) -> Vec<Path> {
    let mut seen = std::collections::BTreeSet::new();
    list.iter()
        .enumerate()
        .filter(|(_, item)| !seen.insert(key(item)))
        .map(|(index, _)| path.index(index))
        .collect()
}
