// SPDX-License-Identifier: MPL-2.0
//! Makes kernel parameters have their values.
//!
//! Owns: writing below `/proc/sys` and `/sys`, and putting back what was there when nobody wishes anything.
//! Never: writes anywhere else.

use std::collections::BTreeMap;
use std::path::Path;

use resource::{Body, Controller, Desired, Input, Output, View};

use super::kernel_param_file::{Roots, read, value, write};
use crate::places::Places;
use crate::resources::{KernelParamDefaultSpec, KernelParamSpec, KernelParamStatus};
use crate::stored::write_whole;

pub(super) fn controller(places: &Places) -> Controller {
    let roots = Roots::of(places);
    // What there was before we wrote, by this machined or one before it: a configuration that
    // goes away is undone whoever applied it.
    let kept = places.kernel_parameters_before();
    let mut defaults = read_kept(&kept);
    Controller {
        name: "runtime.KernelParamSpecController",
        inputs: vec![
            Input::of::<KernelParamDefaultSpec>().strong(),
            Input::of::<KernelParamSpec>().strong(),
        ],
        outputs: vec![Output::of::<KernelParamStatus>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let before = defaults.len();
            let mut wanted = Vec::new();
            for (id, spec) in &wishes(view) {
                wanted.push(id.clone());
                let Some(path) = roots.file(id) else {
                    desired.fail(format_args!("{id}: not a kernel parameter"));
                    continue;
                };
                let present = read(&path);
                if let Ok(present) = &present {
                    defaults
                        .entry(id.clone())
                        .or_insert_with(|| present.clone());
                }
                let outcome = match present {
                    Ok(present) if value(&present) == spec.value => Ok(()),
                    Ok(_) => write(&path, &spec.value),
                    Err(error) => Err(error),
                };
                let unsupported = match outcome {
                    Ok(()) => false,
                    Err(error) if spec.ignore_errors => {
                        // A container may not change what it shares with its host.
                        drop(error);
                        true
                    }
                    Err(error) => {
                        desired.fail(format_args!("{id}: {error}"));
                        if !path.exists() {
                            continue;
                        }
                        // What it is, and not what it was when it could be set last.
                        false
                    }
                };
                let current = read(&path);
                let status = KernelParamStatus {
                    current: current.unwrap_or_default(),
                    default: defaults.get(id).cloned().unwrap_or_default(),
                    unsupported,
                };
                desired.put(id.clone(), status);
            }
            let known = defaults.len();
            put_back(&roots, &mut defaults, &wanted);
            if (before, known) != (defaults.len(), defaults.len())
                && let Err(error) = keep(&kept, &defaults)
            {
                desired.fail(format_args!("{}: {error}", kept.display()));
            }
            Ok(())
        })),
    }
}

/// What each parameter should be: the configuration wins over the default.
fn wishes(view: &View<'_>) -> BTreeMap<String, KernelParamSpec> {
    let defaults = view.list::<KernelParamDefaultSpec>().map(|default| {
        let spec = KernelParamSpec {
            value: default.spec.value.clone(),
            ignore_errors: default.spec.ignore_errors,
        };
        (default.metadata.id.clone(), spec)
    });
    let configured = view
        .list::<KernelParamSpec>()
        .map(|spec| (spec.metadata.id.clone(), spec.spec.clone()));
    defaults.chain(configured).collect()
}

/// Gives parameters that nobody wishes any more their old value.
fn put_back(roots: &Roots, defaults: &mut BTreeMap<String, String>, wanted: &[String]) {
    defaults.retain(|id, said| {
        let keep = wanted.contains(id);
        if !keep && let Some(path) = roots.file(id) {
            // A parameter that cannot be put back stays as it is until the next boot.
            let _stays = write(&path, value(said));
        }
        keep
    });
}

/// Reads what a machined before this one found.
fn read_kept(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(id, value)| (id.to_owned(), in_lines(value)))
        .collect()
}

/// Writes it down for the next one. Nothing that a line cannot hold is a parameter's name.
fn keep(file: &Path, defaults: &BTreeMap<String, String>) -> std::io::Result<()> {
    let fits = |(id, _): &(&String, &String)| !id.contains(['\n', '\t']);
    let lines = defaults.iter().filter(fits);
    let text: String = lines
        .map(|(id, value)| format!("{id}\t{}\n", in_one_line(value)))
        .collect();
    write_whole(file, text.as_bytes())
}

/// Some files of sysfs have several lines.
fn in_one_line(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n")
}

fn in_lines(kept: &str) -> String {
    let mut value = String::new();
    let mut letters = kept.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => value.push('\n'),
                Some(other) => value.push(other),
                None => {}
            },
            other => value.push(other),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::Folder;

    fn spec(value: &str, ignore_errors: bool) -> KernelParamSpec {
        KernelParamSpec {
            value: value.to_owned(),
            ignore_errors,
        }
    }

    #[test]
    fn parameters_are_set_and_put_back() {
        let folder = Folder::new();
        let kernel = folder.path().join("proc/sys/kernel");
        std::fs::create_dir_all(&kernel).unwrap();
        std::fs::write(kernel.join("panic"), "0\n").unwrap();
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        bench.say("proc.sys.kernel.panic", spec("10", false));
        bench.say("proc.sys.kernel.absent.one", spec("1", true));

        assert!(bench.run().failures.is_empty());
        assert_eq!(std::fs::read_to_string(kernel.join("panic")).unwrap(), "10");
        let status = bench
            .store
            .get::<KernelParamStatus>("proc.sys.kernel.panic");
        let status = status.unwrap();
        assert_eq!(
            (status.current.as_str(), status.default.as_str()),
            ("10", "0")
        );
        let absent = bench
            .store
            .get::<KernelParamStatus>("proc.sys.kernel.absent.one")
            .unwrap();
        assert!(absent.unsupported);

        let kind = <KernelParamSpec as resource::ResourceSpec>::KIND;
        let _gone = bench
            .store
            .tear_down(
                "test",
                "runtime",
                kind,
                "proc.sys.kernel.panic",
                bench.now.wall,
            )
            .unwrap();
        bench.run();
        assert_eq!(std::fs::read_to_string(kernel.join("panic")).unwrap(), "0");
    }

    #[test]
    fn the_configuration_wins_over_a_default_and_leaves_it_behind() {
        let folder = Folder::new();
        let kernel = folder.path().join("proc/sys/kernel");
        std::fs::create_dir_all(&kernel).unwrap();
        std::fs::write(kernel.join("panic"), "0\n").unwrap();
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        let default = KernelParamDefaultSpec {
            value: "10".to_owned(),
            ignore_errors: true,
        };
        bench.say("proc.sys.kernel.panic", default);
        bench.say("proc.sys.kernel.panic", spec("77", false));
        bench.run();
        assert_eq!(std::fs::read_to_string(kernel.join("panic")).unwrap(), "77");

        let kind = <KernelParamSpec as resource::ResourceSpec>::KIND;
        let now = bench.now.wall;
        let _gone = bench
            .store
            .tear_down("test", "runtime", kind, "proc.sys.kernel.panic", now)
            .unwrap();
        bench.run();

        assert_eq!(std::fs::read_to_string(kernel.join("panic")).unwrap(), "10");
    }

    #[test]
    fn conf_010_files_of_sysfs_are_set_and_put_back_by_the_same_rules() {
        let folder = Folder::new();
        let memory = folder.path().join("sys/kernel/mm/transparent_hugepage");
        std::fs::create_dir_all(&memory).unwrap();
        let file = memory.join("enabled");
        std::fs::write(&file, "always [madvise] never\n").unwrap();
        let id = "sys.kernel.mm.transparent_hugepage.enabled";
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        bench.say(id, spec("never", false));

        assert!(bench.run().failures.is_empty());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "never");
        let status = bench.store.get::<KernelParamStatus>(id).unwrap();
        assert_eq!(status.default, "always [madvise] never");

        let kind = <KernelParamSpec as resource::ResourceSpec>::KIND;
        let now = bench.now.wall;
        let _gone = bench
            .store
            .tear_down("test", "runtime", kind, id, now)
            .unwrap();
        bench.run();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "madvise");
    }

    #[test]
    fn what_a_machined_before_set_is_put_back_when_nobody_wishes_it_any_more() {
        let folder = Folder::new();
        let kernel = folder.path().join("proc/sys/kernel");
        std::fs::create_dir_all(&kernel).unwrap();
        std::fs::write(kernel.join("panic"), "0\n").unwrap();
        let places = Places::under(folder.path());
        let mut first = Bench::of(controller(&places));
        first.say("proc.sys.kernel.panic", spec("10", false));
        first.run();
        assert_eq!(std::fs::read_to_string(kernel.join("panic")).unwrap(), "10");

        let mut second = Bench::of(controller(&places));
        second.say("proc.sys.kernel.other", spec("1", true));
        second.run();

        assert_eq!(std::fs::read_to_string(kernel.join("panic")).unwrap(), "0");
    }

    #[test]
    fn a_wish_of_the_operator_that_the_kernel_refuses_is_a_failure_that_names_it() {
        let folder = Folder::new();
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        bench.say("proc.sys.kernel.absent", spec("1", false));

        let ran = bench.run();

        let (_, failure, _) = ran.failures.first().unwrap();
        assert!(failure.to_string().contains("kernel.absent"), "{failure}");
    }

    #[test]
    fn one_wish_that_cannot_be_is_named_and_all_others_have_their_status() {
        let folder = Folder::new();
        let kernel = folder.path().join("proc/sys/kernel");
        // A value that cannot be written, as the kernel refuses some: here, a folder.
        std::fs::create_dir_all(kernel.join("refused")).unwrap();
        for name in ["panic", "sysrq"] {
            std::fs::write(kernel.join(name), "0\n").unwrap();
        }
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        for name in ["absent", "panic", "refused", "sysrq"] {
            bench.say(&format!("proc.sys.kernel.{name}"), spec("1", false));
        }
        bench.say("net.wrong", spec("1", false));

        let ran = bench.run();

        let (_, failure, _) = ran.failures.first().unwrap();
        let failure = failure.to_string();
        for wrong in ["kernel.absent: ", "kernel.refused: ", "net.wrong: "] {
            assert!(failure.contains(wrong), "{failure}");
        }
        let statuses = bench.store.list::<KernelParamStatus>();
        let shown: Vec<(&str, &str)> = statuses
            .map(|status| (status.metadata.id.as_str(), status.spec.current.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("proc.sys.kernel.panic", "1"),
                ("proc.sys.kernel.refused", ""),
                ("proc.sys.kernel.sysrq", "1"),
            ]
        );
    }

    #[test]
    fn a_value_of_several_lines_is_kept_for_the_next_machined() {
        let folder = Folder::new();
        let file = folder.path().join("kept");
        let values = ["a\nb\n", "back\\slash", "\\n", ""];
        let defaults: BTreeMap<String, String> = values
            .iter()
            .enumerate()
            .map(|(number, value)| (format!("sys.{number}"), (*value).to_owned()))
            .collect();

        keep(&file, &defaults).unwrap();

        assert_eq!(read_kept(&file), defaults);
    }
}
