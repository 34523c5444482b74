// SPDX-License-Identifier: MPL-2.0
//! The kernel's command line, as far as machined reads it.
//!
//! Owns: splitting it, and what each argument of ours means.
//! Never: changes one.

/// The arguments, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KernelArguments {
    /// Name and value; an argument without `=` has an empty value.
    arguments: Vec<(String, String)>,
}

impl KernelArguments {
    /// Splits a command line; spaces inside double quotes belong to their argument.
    #[must_use]
    pub(crate) fn parse(line: &str) -> Self {
        let mut arguments = Vec::new();
        let mut word = String::new();
        let mut quoted = false;
        for character in line.trim_end_matches('\0').chars().chain([' ']) {
            match character {
                '"' => quoted = !quoted,
                c if c.is_whitespace() && !quoted => {
                    if !word.is_empty() {
                        let (name, value) = word.split_once('=').unwrap_or((&word, ""));
                        arguments.push((name.to_owned(), value.to_owned()));
                        word.clear();
                    }
                }
                c => word.push(c),
            }
        }
        Self { arguments }
    }

    /// The value of the last argument of that name: later ones replace earlier ones.
    #[must_use]
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        let of_name = self.arguments.iter().filter(|(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str()).next_back()
    }

    /// The value of a variable of the last `talos.environment=NAME=value` that names it.
    #[must_use]
    pub(crate) fn environment(&self, variable: &str) -> Option<&str> {
        let given = self.arguments.iter().rev();
        let mut given = given.filter(|(name, _)| name == "talos.environment");
        given.find_map(|(_, value)| value.strip_prefix(variable)?.strip_prefix('='))
    }

    /// Where the configuration comes from; `none` and nothing are the same.
    #[must_use]
    pub(crate) fn configuration_source(&self) -> Option<&str> {
        self.last("talos.config")
            .filter(|source| !source.is_empty() && *source != "none")
    }

    /// Where the kernel's log goes, as written.
    #[must_use]
    pub(crate) fn kernel_log_receiver(&self) -> Option<&str> {
        self.last("talos.logging.kernel")
            .filter(|text| !text.is_empty())
    }

    /// Where events go, as written.
    #[must_use]
    pub(crate) fn event_sink(&self) -> Option<&str> {
        self.last("talos.events.sink")
            .filter(|text| !text.is_empty())
    }

    /// Whether the dashboard is off, which images for boards say.
    #[must_use]
    pub(crate) fn without_dashboard(&self) -> bool {
        self.last("talos.dashboard.disabled") == Some("1")
    }

    /// The platform's name.
    #[must_use]
    pub(crate) fn platform(&self) -> &str {
        self.last("talos.platform")
            .filter(|name| !name.is_empty())
            .unwrap_or("metal")
    }

    /// Whether the machine is a container.
    #[must_use]
    pub(crate) fn in_container(&self) -> bool {
        self.platform() == "container"
    }

    /// `metal`, `cloud` or `container`.
    #[must_use]
    pub(crate) fn mode(&self) -> &'static str {
        match self.platform() {
            "container" => "container",
            "metal" | "equinixMetal" | "packet" => "metal",
            _ => "cloud",
        }
    }

    /// How long to wait before a reboot after a fatal error; nothing for never.
    #[must_use]
    pub(crate) fn panic_delay(&self) -> Option<std::time::Duration> {
        let seconds = match self.last("panic").map(str::parse::<i64>) {
            Some(Ok(0)) => return None,
            // Below zero means at once.
            Some(Ok(seconds)) => u64::try_from(seconds).unwrap_or(0),
            Some(Err(_)) | None => 10,
        };
        Some(std::time::Duration::from_secs(seconds))
    }

    /// Those arguments among `names` that have one of the values beside it.
    #[must_use]
    pub(crate) fn any_of(&self, names: &[(&str, &[&str])]) -> Vec<String> {
        self.arguments
            .iter()
            .filter(|(name, value)| {
                names
                    .iter()
                    .any(|(known, values)| known == name && values.contains(&value.as_str()))
            })
            .map(|(name, value)| match value.as_str() {
                "" => name.clone(),
                value => format!("{name}={value}"),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_at_spaces_outside_quotes() {
        let line = "quiet  talos.config=http://a/?x=1&y=\"b c\" slab_nomerge= panic=0\n\0";
        let arguments = KernelArguments::parse(line);

        assert_eq!(arguments.last("quiet"), Some(""));
        assert_eq!(
            arguments.configuration_source(),
            Some("http://a/?x=1&y=b c")
        );
        assert_eq!(arguments.last("panic"), Some("0"));
        assert_eq!(arguments.panic_delay(), None);
        assert_eq!(arguments.last("nothing"), None);
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name_and_its_value_may_hold_an_equals_sign() {
        let line = "talos.environment=AB=1 talos.environment=A=x== talos.environment=B A=2";
        let arguments = KernelArguments::parse(line);

        assert_eq!(arguments.environment("A"), Some("x=="));
        assert_eq!(arguments.environment("B"), None);
        assert_eq!(arguments.environment("C"), None);
    }

    #[test]
    fn the_last_of_two_wins_and_none_is_nothing() {
        let arguments = KernelArguments::parse("talos.config=http://a talos.config=none");

        assert_eq!(arguments.configuration_source(), None);
    }

    #[test]
    fn dash_02_the_dashboard_is_off_when_the_last_argument_says_so() {
        for (line, off) in [
            ("", false),
            ("talos.dashboard.disabled", false),
            ("talos.dashboard.disabled=0", false),
            ("talos.dashboard.disabled=1", true),
            (
                "talos.dashboard.disabled=1 talos.dashboard.disabled=0",
                false,
            ),
        ] {
            let arguments = KernelArguments::parse(line);
            assert_eq!(arguments.without_dashboard(), off, "{line}");
        }
    }

    #[test]
    fn arguments_that_undo_something_are_named() {
        let against: &[(&str, &[&str])] = &[("nopti", &[""]), ("pti", &["off", "no"])];

        for (line, found) in [
            ("slab_nomerge pti=on", vec![]),
            ("pti=off x=1 nopti", vec!["pti=off", "nopti"]),
            ("nopti=1 pti", vec![]),
            ("", vec![]),
        ] {
            let arguments = KernelArguments::parse(line);
            assert_eq!(arguments.any_of(against), found, "{line}");
        }
    }

    #[test]
    fn panic_says_how_long_a_lost_machine_waits() {
        let seconds = std::time::Duration::from_secs;
        for (line, delay) in [
            ("", Some(seconds(10))),
            ("panic=0", None),
            ("panic=30", Some(seconds(30))),
            ("panic=-1", Some(seconds(0))),
            ("panic=x", Some(seconds(10))),
        ] {
            assert_eq!(KernelArguments::parse(line).panic_delay(), delay, "{line}");
        }
    }

    #[test]
    fn platforms_have_a_mode_and_metal_is_the_default() {
        for (line, platform, mode) in [
            ("", "metal", "metal"),
            ("talos.platform=", "metal", "metal"),
            ("talos.platform=aws", "aws", "cloud"),
            ("talos.platform=container", "container", "container"),
        ] {
            let arguments = KernelArguments::parse(line);
            assert_eq!((arguments.platform(), arguments.mode()), (platform, mode));
        }
    }
}
