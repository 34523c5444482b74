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
        of_name.map(|(_, value)| value.as_str()).last()
    }

    /// All values of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.arguments
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Where the configuration comes from; `none` and nothing are the same.
    #[must_use]
    pub(crate) fn configuration_source(&self) -> Option<&str> {
        self.last("talos.config")
            .filter(|source| !source.is_empty() && *source != "none")
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
        match self.last("panic").map(str::parse::<u64>) {
            Some(Ok(0)) => None,
            Some(Ok(_) | Err(_)) | None => Some(std::time::Duration::from_secs(10)),
        }
    }

    /// What the kernel should have been told and was not. A name with an empty value means the
    /// bare argument.
    #[must_use]
    pub(crate) fn missing(&self, required: &[(&'static str, &'static str)]) -> Vec<String> {
        required
            .iter()
            .filter(|(name, value)| !self.all(name).any(|found| found == *value))
            .map(|(name, value)| {
                if value.is_empty() {
                    (*name).to_owned()
                } else {
                    format!("{name}={value}")
                }
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
    fn the_last_of_two_wins_and_none_is_nothing() {
        let arguments = KernelArguments::parse("talos.config=http://a talos.config=none");

        assert_eq!(arguments.configuration_source(), None);
        assert_eq!(arguments.all("talos.config").count(), 2);
    }

    #[test]
    fn missing_arguments_are_named() {
        let required = [("slab_nomerge", ""), ("pti", "on")];

        for (line, missing) in [
            ("slab_nomerge pti=on", vec![]),
            ("slab_nomerge= pti=on", vec![]),
            ("pti=off slab_nomerge", vec!["pti=on"]),
            ("", vec!["slab_nomerge", "pti=on"]),
        ] {
            let arguments = KernelArguments::parse(line);
            assert_eq!(arguments.missing(&required), missing, "{line}");
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
