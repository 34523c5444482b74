// SPDX-License-Identifier: MPL-2.0
//! Names of users and groups → numbers, as the image has them.
//!
//! Owns: reading `/etc/passwd` (passwd(5)) and `/etc/group` (group(5)) of an image.
//! Never: takes a number that a container has no user for.

use proto::container::{GROUPS_MAX, Users};

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Groups besides.
    pub(crate) groups: Vec<u32>,
}

/// What an image says of its users.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) passwd: &'a str,
    pub(crate) group: &'a str,
    /// `User` of its configuration: `user`, `user:group`, each a name or a number.
    pub(crate) own: &'a str,
}

/// Who `user` and `group` are; where they are empty, who the image says.
///
/// # Errors
/// A name that is not there, or a number that no container has.
pub(crate) fn identify(known: Known<'_>, user: &str, group: &str) -> Result<Identity, String> {
    let (own_user, own_group) = known.own.split_once(':').unwrap_or((known.own, ""));
    let (user, group) = if user.is_empty() {
        (own_user, if group.is_empty() { own_group } else { group })
    } else {
        (user, group)
    };
    let user = if user.is_empty() { "0" } else { user };
    let found = find_user(known.passwd, user);
    let (uid, name, users_group) = match (found, number(user)) {
        (Some((name, uid, gid)), _) => (uid, Some(name), gid),
        // A number needs no name; its group is root's then, as with other runtimes.
        (None, Some(uid)) => (uid, None, 0),
        (None, None) => return Err(format!("the image has no user {user:?} in /etc/passwd")),
    };
    let gid = if group.is_empty() {
        users_group
    } else {
        let found = find_group(known.group, group).or_else(|| number(group));
        found.ok_or_else(|| format!("the image has no group {group:?} in /etc/group"))?
    };
    for (what, id) in [("user", uid), ("group", gid)] {
        if id >= Users::COUNT {
            let last = Users::COUNT.saturating_sub(1);
            return Err(format!(
                "{what} {id} of the image is above {last}, the last that containers have"
            ));
        }
    }
    let mut groups: Vec<u32> = name
        .into_iter()
        .flat_map(|name| groups_of(known.group, name))
        .filter(|other| *other != gid && *other < Users::COUNT)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups.truncate(GROUPS_MAX);
    Ok(Identity { uid, gid, groups })
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// The lines that mean something, in their fields.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(':').collect())
}

/// Name, number and group of the first user that is called or numbered so.
fn find_user<'a>(passwd: &'a str, user: &str) -> Option<(&'a str, u32, u32)> {
    let wanted = number(user);
    lines(passwd).find_map(|fields| match fields.as_slice() {
        [name, _, uid, gid, ..] => {
            let uid = number(uid)?;
            (*name == user || Some(uid) == wanted).then_some((*name, uid, number(gid)?))
        }
        _ => None,
    })
}

fn find_group(group: &str, wanted: &str) -> Option<u32> {
    lines(group).find_map(|fields| match fields.as_slice() {
        [name, _, gid, ..] if *name == wanted => number(gid),
        _ => None,
    })
}

/// The groups that list a user.
fn groups_of<'a>(group: &'a str, user: &'a str) -> impl Iterator<Item = u32> + 'a {
    lines(group).filter_map(move |fields| match fields.as_slice() {
        [_, _, gid, members, ..] if members.split(',').any(|member| member == user) => number(gid),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# note:x:9:9\nbroken\nweb:x:101:102::/:\n\
                          big:x:70000:1::/:\nnobody:x:65534:65534::/:\n";
    const GROUP: &str = "root:x:0:\nweb:x:102:\nvideo:x:44:a,web\nbig:x:70000:web\ntty:x:5:web,b\n";

    fn known(own: &str) -> Known<'_> {
        Known {
            passwd: PASSWD,
            group: GROUP,
            own,
        }
    }

    fn who(own: &str, user: &str, group: &str) -> (u32, u32, Vec<u32>) {
        let found = identify(known(own), user, group).unwrap();
        (found.uid, found.gid, found.groups)
    }

    #[test]
    fn names_and_numbers_are_found_as_runtimes_find_them() {
        for (own, user, group, expected) in [
            ("", "", "", (0, 0, vec![])),
            ("web", "", "", (101, 102, vec![5, 44])),
            ("101", "", "", (101, 102, vec![5, 44])),
            ("web:video", "", "", (101, 44, vec![5])),
            ("1000", "", "", (1000, 0, vec![])),
            ("1000:1001", "", "", (1000, 1001, vec![])),
            ("web:video", "nobody", "", (65_534, 65_534, vec![])),
            ("web:video", "", "tty", (101, 5, vec![44])),
            ("", "0", "web", (0, 102, vec![])),
            (":video", "", "", (0, 44, vec![])),
        ] {
            assert_eq!(who(own, user, group), expected, "{own} {user} {group}");
        }
    }

    #[test]
    fn who_is_not_there_or_beyond_all_users_is_refused_by_name() {
        for (own, user, group, words) in [
            ("ghost", "", "", "no user \"ghost\""),
            ("", "note", "", "no user \"note\""),
            ("", "web", "ghost", "no group \"ghost\""),
            ("70000", "", "", "user 70000"),
            ("", "big", "", "user 70000"),
            ("0:70000", "", "", "group 70000"),
            ("", "-1", "", "no user \"-1\""),
        ] {
            let refused = identify(known(own), user, group).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
        let nothing = Known {
            passwd: "",
            group: "",
            own: "",
        };
        assert_eq!(identify(nothing, "", "").map(|found| found.uid), Ok(0));
    }
}
