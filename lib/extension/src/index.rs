// SPDX-License-Identifier: MPL-2.0
//! The index of the modules of all layers, as depmod(8) would write it for the finished root.
//!
//! An extension knows its own modules only, so an index of its own would hide the others'. The merged
//! one is a layer by itself, over all others: an extension called `modules.dep`.
//!
//! Owns: the text of `modules.dep`, `modules.alias` and `modules.softdep`, and their order.
//! Never: writes an index that a node could not follow to its end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Read};

use image::squashfs::{Contents, Entry, Kind, Tree};

use crate::manifest::Manifest;
use crate::modules::{Module, Modules};
use crate::problem::Problem;

/// The name of the extension that is the index.
pub const NAME: &str = "modules.dep";
/// The longest line that nodes read (`wire::modules::LINE_MAX`).
const LINE_MAX: usize = 8192;
/// How deep modules may depend on each other, for nodes to load them.
const DEPTH_MAX: usize = 16;

/// The index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    release: String,
    files: [(&'static str, String); 3],
}

impl Index {
    /// Merges the modules of extensions, the lowest first. `None`: they have none.
    ///
    /// # Errors
    /// Everything that keeps it from being whole: modules that others need and nobody has, two of one
    /// name, or for two kernels.
    pub fn of(extensions: &[&Modules]) -> Result<Option<Self>, Vec<Problem>> {
        let with = extensions.iter().filter(|modules| !modules.all.is_empty());
        let Some(first) = with.clone().next() else {
            return Ok(None);
        };
        let mut problems = Vec::new();
        // A path of an upper layer hides that of a lower one.
        let mut by_path = BTreeMap::new();
        let mut order: &[String] = &[];
        for modules in with {
            if modules.release != first.release {
                problems.push(Problem::new(
                    "",
                    format!(
                        "there are modules for two kernels, {} and {}: an image has one",
                        first.release, modules.release
                    ),
                ));
            }
            by_path.extend(modules.all.iter().map(|module| (&module.path, module)));
            if !modules.order.is_empty() {
                order = &modules.order;
            }
        }
        let all = sorted(by_path.into_values().collect(), order);
        let graph = Graph::of(&all, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Some(Self {
            release: first.release.clone(),
            files: [
                ("modules.dep", dependencies(&all, &graph)),
                ("modules.alias", aliases(&all)),
                ("modules.softdep", soft(&all)),
            ],
        }))
    }

    /// What it is as an extension.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        Manifest {
            name: NAME.to_owned(),
            version: self.release.clone(),
            author: "Ichor".to_owned(),
            description: "Index of the kernel modules of all layers.".to_owned(),
            talos: None,
            linux: None,
        }
    }

    /// The release of the kernel that the modules are for.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Its files: name and text.
    #[must_use]
    pub fn files(&self) -> &[(&'static str, String)] {
        &self.files
    }

    /// Its layer.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let entry = |kind, mode| Entry {
            kind,
            mode,
            uid: 0,
            gid: 0,
        };
        let top = format!("lib/modules/{}", self.release);
        let mut tree = Tree::new();
        for folder in ["", "lib", "lib/modules", &top] {
            tree.insert(folder.to_owned(), entry(Kind::Directory, 0o755));
        }
        for (content, (name, text)) in (0_u64..).zip(&self.files) {
            let len = text.len() as u64;
            let kind = Kind::File { content, len };
            tree.insert(format!("{top}/{name}"), entry(kind, 0o644));
        }
        tree
    }
}

impl Contents for Index {
    fn open(&self, content: u64) -> io::Result<Box<dyn Read + '_>> {
        let file = usize::try_from(content)
            .ok()
            .and_then(|number| self.files.get(number));
        let (_, text) = file.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(text.as_bytes()))
    }
}

/// The modules as depmod has them: those of the build's order first, then the others by path.
fn sorted<'m>(mut all: Vec<&'m Module>, order: &[String]) -> Vec<&'m Module> {
    let places: HashMap<&str, usize> = order.iter().map(String::as_str).zip(0..).collect();
    let place = |module: &Module| places.get(module.path.as_str()).copied();
    all.sort_by(|one, other| {
        let key = |module| (place(module).unwrap_or(usize::MAX), &module.path);
        key(one).cmp(&key(other))
    });
    all
}

/// Who needs whom.
struct Graph {
    /// Of each module, the places of those that it needs itself.
    needs: Vec<Vec<usize>>,
    /// Of each module, its rank: whoever needs it has a lower one.
    rank: Vec<usize>,
}

impl Graph {
    fn of(all: &[&Module], problems: &mut Vec<Problem>) -> Self {
        let mut places = HashMap::new();
        for (place, module) in all.iter().enumerate() {
            if let Some(other) = places.insert(module.name.as_str(), place)
                && let Some(other) = all.get(other)
            {
                let what = format!("{} is of the same name", other.path);
                problems.push(Problem::new(&module.path, what));
            }
        }
        let mut needs = Vec::new();
        for module in all {
            let mut own = Vec::new();
            for name in &module.depends {
                match places.get(name.as_str()) {
                    Some(place) if !own.contains(place) => own.push(*place),
                    Some(_) => {}
                    None => problems.push(Problem::new(
                        &module.path,
                        format!("needs the module {name}: add the extension that has it"),
                    )),
                }
            }
            needs.push(own);
        }
        let rank = ranks(&needs);
        let circle = rank.iter().position(Option::is_none);
        if let Some(module) = circle.and_then(|place| all.get(place)) {
            problems.push(Problem::new(
                &module.path,
                "is in a circle of modules that need each other",
            ));
        }
        let rank = rank.into_iter().map(Option::unwrap_or_default).collect();
        let graph = Self { needs, rank };
        // A circle has no depth.
        if circle.is_none() {
            graph.check_depth(all, problems);
        }
        graph
    }

    /// Names the modules that nodes would not load for the length of their chain or of their line.
    fn check_depth(&self, all: &[&Module], problems: &mut Vec<Problem>) {
        let mut depth = vec![0_usize; self.needs.len()];
        let mut places: Vec<usize> = (0..self.needs.len()).collect();
        places.sort_by_key(|place| std::cmp::Reverse(self.rank.get(*place)));
        for place in places {
            let needs = self.needs.get(place).into_iter().flatten();
            let below = needs.filter_map(|need| depth.get(*need)).max();
            let own = below.map_or(1, |below| below.saturating_add(1));
            if let Some(depth) = depth.get_mut(place) {
                *depth = own;
            }
            let Some(module) = all.get(place) else {
                continue;
            };
            if own > DEPTH_MAX {
                let what = format!("is at the end of a chain of more than {DEPTH_MAX} modules");
                problems.push(Problem::new(&module.path, what));
            } else if line(all, self, place).len() > LINE_MAX {
                let what = "needs more modules than a line of the index can name";
                problems.push(Problem::new(&module.path, what));
            }
        }
    }

    /// Everything that a module needs, those first that are needed last.
    fn closure(&self, place: usize) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut left = vec![place];
        while let Some(at) = left.pop() {
            for need in self.needs.get(at).into_iter().flatten() {
                if seen.insert(*need) {
                    left.push(*need);
                }
            }
        }
        let mut all: Vec<usize> = seen.into_iter().collect();
        all.sort_by_key(|place| self.rank.get(*place));
        all
    }
}

/// Ranks modules so that each comes before those it needs: depmod's topological sort, which begins
/// with those that nobody needs, the last one first. What is in a circle has no rank.
fn ranks(needs: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut users = vec![0_usize; needs.len()];
    for need in needs.iter().flatten() {
        if let Some(count) = users.get_mut(*need) {
            *count = count.saturating_add(1);
        }
    }
    let unused = users.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut roots: Vec<usize> = unused.map(|(place, _)| place).collect();
    let mut rank = vec![None; needs.len()];
    let mut next = 0_usize;
    while let Some(place) = roots.pop() {
        if let Some(rank) = rank.get_mut(place) {
            *rank = Some(next);
            next = next.saturating_add(1);
        }
        for need in needs.get(place).into_iter().flatten() {
            let Some(count) = users.get_mut(*need) else {
                continue;
            };
            *count = count.saturating_sub(1);
            if *count == 0 {
                roots.push(*need);
            }
        }
    }
    rank
}

fn dependencies(all: &[&Module], graph: &Graph) -> String {
    let mut text = String::new();
    for place in 0..all.len() {
        text.push_str(&line(all, graph, place));
        text.push('\n');
    }
    text
}

fn line(all: &[&Module], graph: &Graph, place: usize) -> String {
    let path = |place: usize| all.get(place).map_or("", |module| &module.path);
    let mut text = format!("{}:", path(place));
    for need in graph.closure(place) {
        let _ = write!(text, " {}", path(need));
    }
    text
}

fn aliases(all: &[&Module]) -> String {
    let mut text = String::from("# Aliases extracted from modules themselves.\n");
    for module in all {
        for alias in &module.aliases {
            let _ = writeln!(text, "alias {alias} {}", module.name);
        }
    }
    text
}

fn soft(all: &[&Module]) -> String {
    let mut text = String::from("# Soft dependencies extracted from modules themselves.\n");
    for module in all {
        for soft in &module.soft {
            let _ = writeln!(text, "softdep {} {soft}", module.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, depends: &[&str]) -> Module {
        let file = path.rsplit('/').next().unwrap();
        let name = file.strip_suffix(".ko").unwrap();
        Module {
            path: path.to_owned(),
            name: name.replace('-', "_"),
            depends: depends.iter().map(|name| (*name).to_owned()).collect(),
            aliases: vec![format!("fs-{name}")],
            soft: Vec::new(),
        }
    }

    fn modules(all: Vec<Module>, order: &[&str]) -> Modules {
        Modules {
            release: "6.12.1-ichor".to_owned(),
            all,
            order: order.iter().map(|path| (*path).to_owned()).collect(),
        }
    }

    fn refused(extensions: &[&Modules]) -> String {
        let problems = Index::of(extensions).unwrap_err();
        problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect()
    }

    #[test]
    fn sysx_10_the_modules_of_all_layers_are_in_one_index() {
        let core = modules(vec![module("kernel/usb/core.ko", &[])], &[]);
        let mut serial = module("kernel/usb/serial.ko", &["core"]);
        serial.soft.push("pre: core post: more".to_owned());
        let adapters = modules(
            vec![module("extra/ftdi-sio.ko", &["serial", "core"]), serial],
            &["kernel/usb/serial.ko"],
        );

        let index = Index::of(&[&core, &Modules::default(), &adapters]).unwrap();

        let index = index.unwrap();
        assert_eq!(index.manifest().name, "modules.dep");
        assert_eq!(index.manifest().version, "6.12.1-ichor");
        let texts: Vec<&str> = index
            .files()
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(
            texts,
            [
                "kernel/usb/serial.ko: kernel/usb/core.ko\n\
                 extra/ftdi-sio.ko: kernel/usb/serial.ko kernel/usb/core.ko\n\
                 kernel/usb/core.ko:\n",
                "# Aliases extracted from modules themselves.\nalias fs-serial serial\n\
                 alias fs-ftdi-sio ftdi_sio\nalias fs-core core\n",
                "# Soft dependencies extracted from modules themselves.\n\
                 softdep serial pre: core post: more\n",
            ]
        );
        let paths: Vec<String> = index.tree().into_keys().collect();
        assert_eq!(
            paths.last().unwrap(),
            "lib/modules/6.12.1-ichor/modules.softdep"
        );
        let mut text = String::new();
        index.open(0).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, texts[0]);
        assert!(index.open(3).is_err());
    }

    #[test]
    fn extensions_without_modules_need_no_index() {
        assert_eq!(Index::of(&[]).unwrap(), None);
        assert_eq!(Index::of(&[&Modules::default()]).unwrap(), None);
    }

    #[test]
    fn a_module_of_an_upper_layer_hides_that_of_a_lower_one() {
        let lower = modules(vec![module("a.ko", &["gone"])], &[]);
        let upper = modules(vec![module("a.ko", &[])], &[]);

        let index = Index::of(&[&lower, &upper]).unwrap().unwrap();

        assert_eq!(index.files()[0].1, "a.ko:\n");
    }

    #[test]
    fn an_index_that_would_not_be_whole_is_refused() {
        let lonely = modules(vec![module("a.ko", &["b", "c"])], &[]);
        assert_eq!(
            refused(&[&lonely]),
            "a.ko: needs the module b: add the extension that has it\n\
             a.ko: needs the module c: add the extension that has it\n"
        );
        let twins = modules(vec![module("a/x.ko", &[]), module("b/x.ko", &[])], &[]);
        assert_eq!(refused(&[&twins]), "b/x.ko: a/x.ko is of the same name\n");
        let circle = modules(vec![module("a.ko", &["b"]), module("b.ko", &["a"])], &[]);
        assert_eq!(
            refused(&[&circle]),
            "a.ko: is in a circle of modules that need each other\n"
        );
        let itself = modules(vec![module("a.ko", &["a"])], &[]);
        assert!(refused(&[&itself]).contains("circle"));
        let mut other = modules(vec![module("b.ko", &[])], &[]);
        other.release = "6.1.0".to_owned();
        let one = modules(vec![module("a.ko", &[])], &[]);
        assert!(refused(&[&one, &other]).contains("6.12.1-ichor and 6.1.0"));
    }

    #[test]
    fn what_nodes_would_not_load_is_refused() {
        let name = |number: usize| format!("m{number}");
        let chain = (0..DEPTH_MAX + 1).map(|number| {
            let next = name(number + 1);
            let last = number == DEPTH_MAX;
            let needs = if last { vec![] } else { vec![next.as_str()] };
            module(&format!("{}.ko", name(number)), &needs)
        });
        let chain = modules(chain.collect(), &[]);
        assert!(refused(&[&chain]).starts_with("m0.ko: is at the end of a chain"));

        let folder = "f".repeat(200);
        let mut many: Vec<Module> = (0..50)
            .map(|number| module(&format!("{folder}/{}.ko", name(number)), &[]))
            .collect();
        let names: Vec<String> = (0..50).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        many.push(module("user.ko", &names));
        let many = modules(many, &[]);
        assert!(refused(&[&many]).starts_with("user.ko: needs more modules than a line"));
    }
}
