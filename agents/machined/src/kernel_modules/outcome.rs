// SPDX-License-Identifier: MPL-2.0
//! What an answer about a module means, and what is said about it.
//!
//! Owns: the words, and saying a thing once.
//! Never: asks udevd.

use proto::udev::{Fault, Loaded};

use super::Wanted;
use crate::news::Error;

/// How it stands with a module that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is there, or a part of the kernel, and nothing more is to be done with these parameters.
    Done {
        /// What was asked for.
        parameters: String,
    },
    /// It is not there, and what was said about that.
    Failed(String),
}

impl Outcome {
    /// Whether nothing is left to ask for.
    pub(super) fn is_done_with(&self, wanted: &Wanted) -> bool {
        match self {
            Self::Done { parameters } => *parameters == wanted.parameters,
            Self::Failed(_) => false,
        }
    }
}

/// What is to be said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// To operators, and to the log.
    pub(super) for_console: Option<String>,
    /// To the log alone, if nothing is for the console.
    pub(super) for_log: Option<String>,
}

impl Said {
    fn console(text: String) -> Self {
        Self {
            for_console: Some(text),
            for_log: None,
        }
    }

    fn log(text: String) -> Self {
        Self {
            for_console: None,
            for_log: Some(text),
        }
    }
}

/// Judges the answer about a module; `before` is how it stood when it was last asked for.
pub(super) fn judge(
    wanted: &Wanted,
    answer: Result<Loaded, Error>,
    before: Option<&Outcome>,
) -> (Outcome, Said) {
    let Wanted { name, parameters } = wanted;
    let done = Outcome::Done {
        parameters: parameters.clone(),
    };
    let failure = match answer {
        Ok(Loaded::Now) => return (done, Said::log(format!("module {name}: loaded"))),
        Ok(Loaded::Before) => {
            // What was asked for first may be what it was loaded with.
            let had_others = match before {
                Some(Outcome::Done { .. }) => true,
                Some(Outcome::Failed(_)) | None => !parameters.is_empty(),
            };
            let said = if had_others {
                Said::console(format!(
                    "module {name}: is loaded already; its parameters ({}) apply after a reboot",
                    shown(parameters)
                ))
            } else {
                Said::default()
            };
            return (done, said);
        }
        Ok(Loaded::BuiltIn) => {
            let said = if parameters.is_empty() {
                Said::log(format!("module {name}: is a part of the kernel"))
            } else {
                Said::console(format!(
                    "module {name}: is a part of the kernel, which takes parameters from its \
                     command line only ({name}.{})",
                    shown(parameters)
                ))
            };
            return (done, said);
        }
        Ok(Loaded::Failed(Fault { module, reason })) => {
            if module.is_empty() || module.as_str() == name.replace('-', "_") {
                format!("module {name}: {reason}")
            } else {
                format!("module {name}: needs {module}: {reason}")
            }
        }
        Err(error) => format!("module {name}: udevd: {error}"),
    };
    let said = match before {
        Some(Outcome::Failed(said)) if *said == failure => Said::log(failure.clone()),
        Some(Outcome::Failed(_) | Outcome::Done { .. }) | None => Said::console(failure.clone()),
    };
    (Outcome::Failed(failure), said)
}

fn shown(parameters: &str) -> &str {
    if parameters.is_empty() {
        "none"
    } else {
        parameters
    }
}

#[cfg(test)]
mod tests {
    use proto::udev::Reason;

    use super::*;

    fn wanted(parameters: &str) -> Wanted {
        Wanted {
            name: "usb-storage".to_owned(),
            parameters: parameters.to_owned(),
        }
    }

    fn fault(module: &str, reason: Reason) -> Result<Loaded, Error> {
        Ok(Loaded::Failed(Fault {
            module: proto::heapless::String::try_from(module).unwrap(),
            reason,
        }))
    }

    #[test]
    fn xtn_07_a_module_that_is_loaded_is_not_asked_for_again() {
        let (outcome, said) = judge(&wanted("a=1"), Ok(Loaded::Now), None);

        assert!(outcome.is_done_with(&wanted("a=1")));
        assert!(!outcome.is_done_with(&wanted("a=2")));
        assert_eq!(said.for_log.as_deref(), Some("module usb-storage: loaded"));
        assert_eq!(said.for_console, None);
        let (_, quiet) = judge(&wanted(""), Ok(Loaded::Before), None);
        assert_eq!(quiet, Said::default());
    }

    #[test]
    fn conf_071_parameters_of_a_module_that_is_loaded_apply_after_a_reboot() {
        let (loaded, _) = judge(&wanted("a=1"), Ok(Loaded::Now), None);

        for (parameters, shown) in [("a=2", "a=2"), ("", "none")] {
            let (outcome, said) = judge(&wanted(parameters), Ok(Loaded::Before), Some(&loaded));
            let said = said.for_console.unwrap();
            assert!(
                said.contains(shown) && said.contains("apply after a reboot"),
                "{said}"
            );
            assert!(outcome.is_done_with(&wanted(parameters)));
        }
        let (_, said) = judge(&wanted("a=1"), Ok(Loaded::BuiltIn), None);
        assert!(said.for_console.unwrap().contains("(usb-storage.a=1)"));
    }

    #[test]
    fn img_13_what_is_wrong_is_shown_once_and_logged_each_time() {
        let (failed, said) = judge(&wanted(""), fault("usb_storage", Reason::Kernel(129)), None);
        let text = said.for_console.unwrap();
        assert!(
            text.starts_with("module usb-storage: its signature"),
            "{text}"
        );
        assert!(!failed.is_done_with(&wanted("")));

        let again = fault("usb_storage", Reason::Kernel(129));
        let (failed, said) = judge(&wanted(""), again, Some(&failed));
        assert_eq!((said.for_console, said.for_log), (None, Some(text)));

        let other = fault("usbcore", Reason::NotFound);
        let (_, said) = judge(&wanted(""), other, Some(&failed));
        let text = said.for_console.unwrap();
        assert!(
            text.starts_with("module usb-storage: needs usbcore: not in"),
            "{text}"
        );
    }
}
