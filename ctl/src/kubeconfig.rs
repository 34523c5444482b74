// SPDX-License-Identifier: MPL-2.0
//! Kubeconfigs: one merged into another.
//!
//! Owns: which names a new cluster, user and context get, and what takes the place of what.
//! Never: changes an entry of another name, or a key it does not know.

use serde_yaml_ng::{Mapping, Value};

/// A number is put behind a name until it is free; nobody has so many clusters.
const NUMBERS_MAX: u32 = 10_000;

/// Why two files do not become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoKubeconfig(pub(crate) String);

/// Who wins when a name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The new one gets another name.
    Stays,
    /// The new one takes its place.
    Goes,
}

/// A kubeconfig, with everything in it that we do not know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kubeconfig(Mapping);

/// What `kubectl` takes for a file that says nothing.
impl Default for Kubeconfig {
    fn default() -> Self {
        let mut file = Mapping::new();
        file.insert("apiVersion".into(), "v1".into());
        file.insert("kind".into(), "Config".into());
        Self(file)
    }
}

/// One entry of a list: its name, and the key that its content has.
#[derive(Debug, Clone, Copy)]
struct List {
    list: &'static str,
    content: &'static str,
}

const CLUSTERS: List = List {
    list: "clusters",
    content: "cluster",
};
const USERS: List = List {
    list: "users",
    content: "user",
};
const CONTEXTS: List = List {
    list: "contexts",
    content: "context",
};

impl Kubeconfig {
    /// Reads a file; an empty one is as good as none.
    ///
    /// # Errors
    /// It is no kubeconfig.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, NoKubeconfig> {
        let value: Value =
            serde_yaml_ng::from_slice(text).map_err(|error| NoKubeconfig(error.to_string()))?;
        let file = match value {
            Value::Null => return Ok(Self::default()),
            Value::Mapping(file) => Self(file),
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Tagged(_) => return Err(NoKubeconfig("it is no mapping".to_owned())),
        };
        for list in [CLUSTERS, USERS, CONTEXTS] {
            match file.0.get(list.list) {
                None | Some(Value::Null | Value::Sequence(_)) => {}
                Some(_) => return Err(NoKubeconfig(format!("{} is no list", list.list))),
            }
        }
        Ok(file)
    }

    /// Writes it.
    ///
    /// # Errors
    /// None that memory does not make.
    pub(crate) fn to_yaml(&self) -> Result<String, NoKubeconfig> {
        serde_yaml_ng::to_string(&self.0).map_err(|error| NoKubeconfig(error.to_string()))
    }

    fn entries(&self, list: List) -> impl Iterator<Item = &Value> {
        let entries = self.0.get(list.list).and_then(Value::as_sequence);
        entries.into_iter().flatten()
    }

    fn content(&self, list: List, name: &str) -> Option<&Value> {
        let mut entries = self.entries(list);
        entries
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))?
            .get(list.content)
    }

    fn has(&self, list: List, name: &str) -> bool {
        self.content(list, name).is_some()
    }

    fn put(&mut self, list: List, name: &str, content: Value) {
        let entry = self.0.entry(list.list.into()).or_insert(Value::Null);
        if entry.is_null() {
            *entry = Value::Sequence(Vec::new());
        }
        let Some(entries) = entry.as_sequence_mut() else {
            return;
        };
        entries.retain(|entry| entry.get("name").and_then(Value::as_str) != Some(name));
        let mut entry = Mapping::new();
        entry.insert("name".into(), name.into());
        entry.insert(list.content.into(), content);
        entries.push(Value::Mapping(entry));
    }

    /// Merges the current context of `new` into this file, and selects it. Returns what it is called
    /// here, and there.
    ///
    /// # Errors
    /// `new` has no current context, or one that leads nowhere; nothing is changed.
    pub(crate) fn merge(
        &mut self,
        new: &Self,
        called: Option<&str>,
        taken: Taken,
    ) -> Result<(String, String), NoKubeconfig> {
        let missing = |what: &str| NoKubeconfig(format!("it has no {what}"));
        let current = new.0.get("current-context").and_then(Value::as_str);
        let current = current.ok_or_else(|| missing("current context"))?;
        let context = new
            .content(CONTEXTS, current)
            .ok_or_else(|| missing("context of that name"))?;
        let part = |list: List| {
            let name = context.get(list.content).and_then(Value::as_str);
            let content = name.and_then(|name| Some((name, new.content(list, name)?)));
            content.ok_or_else(|| missing(list.content))
        };
        let (cluster, cluster_content) = part(CLUSTERS)?;
        let (user, user_content) = part(USERS)?;
        let wanted = called.unwrap_or(current);
        let with = |name: &str, number: u32| match number {
            0 => name.to_owned(),
            number => format!("{name}-{number}"),
        };
        // One number for all three, so that they can be seen to belong together.
        let is_free = |number: u32| {
            let cluster = with(cluster, number);
            // Several clients of one cluster share its entry.
            let same = self.content(CLUSTERS, &cluster) == Some(cluster_content);
            (same || !self.has(CLUSTERS, &cluster))
                && !self.has(USERS, &with(user, number))
                && !self.has(CONTEXTS, &with(wanted, number))
        };
        let number = match taken {
            Taken::Goes => 0,
            Taken::Stays => (0..NUMBERS_MAX)
                .find(|number| is_free(*number))
                .ok_or_else(|| NoKubeconfig(format!("{wanted} is taken with every number")))?,
        };
        let (cluster, user) = (with(cluster, number), with(user, number));
        let name = with(wanted, number);
        let mut context = context.clone();
        if let Some(context) = context.as_mapping_mut() {
            context.insert("cluster".into(), cluster.as_str().into());
            context.insert("user".into(), user.as_str().into());
        }
        self.put(CLUSTERS, &cluster, cluster_content.clone());
        self.put(USERS, &user, user_content.clone());
        self.put(CONTEXTS, &name, context);
        self.0
            .insert("current-context".into(), name.as_str().into());
        Ok((name, current.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(server: &str, key: &str) -> Kubeconfig {
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: {server}}}}}]\n\
             users: [{{name: admin@c, user: {{key: {key}}}}}]\n\
             contexts: [{{name: admin@c, context: {{cluster: c, namespace: default, user: admin@c}}}}]\n\
             current-context: admin@c\n"
        );
        Kubeconfig::parse(text.as_bytes()).unwrap()
    }

    fn names(file: &Kubeconfig, list: List) -> Vec<&str> {
        let names = file
            .entries(list)
            .map(|entry| entry["name"].as_str().unwrap());
        names.collect()
    }

    #[test]
    fn cli_02_what_is_merged_twice_gets_a_number_and_with_force_there_is_one() {
        let mut merged = Kubeconfig::parse(b"").unwrap();
        let first = merged.merge(&file("https://a", "1"), None, Taken::Stays);
        assert_eq!(first.unwrap().0, "admin@c");
        let second = merged.merge(&file("https://a", "2"), None, Taken::Stays);
        assert_eq!(second.unwrap().0, "admin@c-1");
        let other = merged.merge(&file("https://b", "3"), None, Taken::Stays);
        assert_eq!(other.unwrap().0, "admin@c-2");

        assert_eq!(
            names(&merged, CONTEXTS),
            ["admin@c", "admin@c-1", "admin@c-2"]
        );
        assert_eq!(names(&merged, USERS), ["admin@c", "admin@c-1", "admin@c-2"]);
        assert_eq!(names(&merged, CLUSTERS), ["c", "c-1", "c-2"]);
        let last = merged.content(CONTEXTS, "admin@c-2").unwrap();
        assert_eq!(
            (&last["cluster"], &last["user"]),
            (&"c-2".into(), &"admin@c-2".into())
        );
        assert_eq!(last["namespace"], "default");

        merged = file("https://a", "1");
        let forced = merged.merge(&file("https://b", "2"), None, Taken::Goes);
        assert_eq!(forced.unwrap().0, "admin@c");
        assert_eq!(
            merged.content(CLUSTERS, "c").unwrap()["server"],
            "https://b"
        );
        assert_eq!(merged.content(USERS, "admin@c").unwrap()["key"], 2);
        assert_eq!(names(&merged, CONTEXTS), ["admin@c"]);
    }

    #[test]
    fn what_is_there_stays_with_everything_nobody_knows() {
        let text = "kind: Config\npreferences: {colors: true}\nclusters: null\nusers:\n- {name: u, user: \
                    {exec: {command: x}}}\ncontexts: []\ncurrent-context: old\n";
        let mut merged = Kubeconfig::parse(text.as_bytes()).unwrap();

        let named = merged.merge(&file("https://a", "1"), Some("mine"), Taken::Stays);

        assert_eq!(named.unwrap(), ("mine".to_owned(), "admin@c".to_owned()));
        assert_eq!(merged.0["preferences"]["colors"], true);
        assert_eq!(merged.content(USERS, "u").unwrap()["exec"]["command"], "x");
        assert_eq!(merged.0["current-context"], "mine");
        assert_eq!(names(&merged, CONTEXTS), ["mine"]);
        let again = Kubeconfig::parse(merged.to_yaml().unwrap().as_bytes()).unwrap();
        assert_eq!(again, merged);
    }

    #[test]
    fn what_is_no_kubeconfig_changes_nothing() {
        for text in ["[]", "a", "contexts: 7", "users: {}", "a: [", "&a [*a]"] {
            assert!(Kubeconfig::parse(text.as_bytes()).is_err(), "{text}");
        }
        let mut merged = file("https://a", "1");
        for text in [
            "{}",
            "current-context: x",
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]",
            "current-context: x\ncontexts: [{name: x}, 7, {}]",
        ] {
            let new = Kubeconfig::parse(text.as_bytes()).unwrap();
            assert!(merged.merge(&new, None, Taken::Goes).is_err(), "{text}");
        }
        assert_eq!(merged, file("https://a", "1"));
    }
}
