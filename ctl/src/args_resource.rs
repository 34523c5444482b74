// SPDX-License-Identifier: MPL-2.0
//! The command line of `get`, `edit` and `patch`.
//!
//! Owns: their flags, defaults and help texts.
//! Never: does anything.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};

use crate::args::{NOW, confirmation, duration};
use crate::resources::path::Template;

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The type: a full name or a short one; `rd` lists all there are
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// One resource; without it all of the type
    pub(crate) id: Option<String>,
    /// Ask a node in maintenance mode: encrypted, but nobody shows who they are
    #[arg(short, long)]
    pub(crate) insecure: bool,
    /// Namespace; else the type's own
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Form: table, yaml, json or jsonpath=TEMPLATE
    #[arg(short, long, default_value = "table", value_parser = Forms, hide_possible_values = true)]
    pub(crate) output: Form,
    /// Go on with what changes
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// How resources are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Path(Template),
    Table,
    Yaml,
}

/// Reads a form, and names those that there are to completion.
#[derive(Debug, Clone, Copy)]
struct Forms;

impl TypedValueParser for Forms {
    type Value = Form;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Form, clap::Error> {
        (form as fn(&str) -> Result<Form, String>).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let forms = ["table", "yaml", "json", "jsonpath="];
        Some(Box::new(forms.into_iter().map(PossibleValue::new)))
    }
}

fn form(text: &str) -> Result<Form, String> {
    match text.split_once('=') {
        None if text == "json" => Ok(Form::Json),
        None if text == "table" => Ok(Form::Table),
        None if text == "yaml" => Ok(Form::Yaml),
        Some(("jsonpath", template)) => Template::parse(template).map(Form::Path),
        Some(_) | None => {
            Err("table, yaml, json or jsonpath=TEMPLATE is wanted, such as jsonpath={.spec}".into())
        }
    }
}

// Which resource is changed, and how. (A text with three strokes would be the command's.)
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The type; machineconfig, or mc, is the only one that operators write
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// The resource; there is only v1alpha1
    pub(crate) id: Option<String>,
    /// Namespace; else the type's own
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// When it takes effect
    #[arg(short, long, default_value = "auto")]
    pub(crate) mode: ChangeMode,
    /// Only say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With mode try: when the old configuration comes back
    #[arg(long, default_value = "1m0s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Go back to the old configuration unless this one is confirmed within TIME; `now` confirms
    #[arg(long, value_name = "TIME", value_parser = confirmation)]
    pub(crate) confirm: Option<String>,
}

impl Change {
    /// Whether it is no change but the confirmation of one.
    pub(crate) fn is_confirmation(&self) -> bool {
        self.confirm.as_deref() == Some(NOW)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChangeMode {
    Auto,
    NoReboot,
    Reboot,
    Staged,
    Try,
}

#[derive(Debug, Args)]
pub(crate) struct Patch {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Patch: text, or @FILE, or @- for standard input; several are laid over in their order
    #[arg(short, long)]
    pub(crate) patch: Vec<String>,
    /// A file with a patch, which comes after those of --patch
    #[arg(long, value_name = "FILE")]
    pub(crate) patch_file: Option<PathBuf>,
}
