// SPDX-License-Identifier: MPL-2.0
//! The store against a folder.
//!
//! Owns: that an image is there whole or not at all, and stays while it is wanted.
//! Never: pulls one.

use super::*;

fn name(number: u8) -> String {
    Store::name_of(&Digest::of(&[number]))
}

fn record(reference: &str, at: u64) -> Record {
    Record {
        references: BTreeMap::from([(reference.to_owned(), at)]),
        digest: Digest::of(reference.as_bytes()).to_string(),
        size: 4,
        created_at: at,
        ordered_at: None,
        run: record::Run::default(),
        passwd: String::new(),
        group: String::new(),
    }
}

fn add(store: &mut Store, number: u8, reference: &str, at: u64) {
    let (new, mut file) = store.begin().unwrap();
    file.write_all(b"root").unwrap();
    store
        .commit(new, &name(number), record(reference, at))
        .unwrap();
    store.touch(&name(number), at);
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn an_image_is_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a:1", 10);
    store.note(&name(1), "a:2", 20).unwrap();

    let (store, leftovers) = Store::open(folder.path()).unwrap();

    assert_eq!(leftovers, [""; 0]);
    assert_eq!(store.find("a:1"), Some(name(1).as_str()));
    assert_eq!(store.find("a:2"), Some(name(1).as_str()));
    assert_eq!(store.find("a:3"), None);
    let pinned = format!("b@{}", Digest::of(b"a:1"));
    assert_eq!(store.find(&pinned), Some(name(1).as_str()));
    assert_eq!(fs::read(store.root(&name(1))).unwrap(), b"root");
}

#[test]
fn a_reference_means_what_it_meant_last() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a", 10);
    add(&mut store, 2, "a", 20);

    assert_eq!(store.find("a"), Some(name(2).as_str()));
    store.note(&name(1), "a", 30).unwrap();
    assert_eq!(store.find("a"), Some(name(1).as_str()));
}

#[test]
fn an_image_that_no_reference_means_any_more_is_listed_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a.example/b:1", 10);
    add(&mut store, 2, "a.example/b:1", 20);
    store.note(&name(2), "a.example/b:2", 20).unwrap();

    let named = store.named();
    let mut names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();

    let digest = Digest::of(b"a.example/b:1");
    let old = format!("a.example/b@{digest}");
    assert_eq!(names, ["a.example/b:1", "a.example/b:2", &old]);
}

#[test]
fn what_is_not_whole_is_gone_after_a_restart_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    for number in 0..5 {
        add(&mut store, number, "a", u64::from(number));
    }
    let at = |number, end| store.file(&name(number), end);
    fs::write(at(0, ROOT), b"ro").unwrap();
    fs::remove_file(at(1, RECORD)).unwrap();
    fs::remove_file(at(2, ROOT)).unwrap();
    fs::write(at(3, RECORD), b"{}").unwrap();
    fs::write(folder.path().join(".new-7"), b"half").unwrap();
    fs::write(folder.path().join("imaged.sock"), b"").unwrap();

    let (store, leftovers) = Store::open(folder.path()).unwrap();

    // Two of the broken ones have both files.
    assert_eq!(leftovers.len(), 7, "{leftovers:?}");
    assert_eq!(store.named().len(), 1);
    assert_eq!(store.find("a"), Some(name(4).as_str()));
    assert_eq!(files(folder.path()), 3);
}

#[test]
fn a_root_that_is_not_committed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    let (new, mut file) = store.begin().unwrap();
    file.write_all(b"half").unwrap();
    let mut scratch = store.scratch().unwrap();
    scratch.write_all(b"layer").unwrap();
    assert_eq!(files(folder.path()), 1);

    drop(new);

    assert_eq!(files(folder.path()), 0);
}

#[test]
fn wanted_images_stay_and_others_go_when_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a", 10);
    add(&mut store, 2, "b", 10);
    // Until somebody says what is wanted, everything may be.
    assert!(store.held().iter().all(|held| held.want == Want::Old));

    let (removed, bytes) = store.keep(BTreeSet::from(["a".to_owned()]), None, 1_000_000);

    assert_eq!((removed, bytes), (1, 4));
    assert!(store.find("b").is_none() && store.find("a").is_some());
    assert_eq!(files(folder.path()), 2);
}

#[test]
fn an_image_that_a_tag_meant_before_stays_while_a_container_runs_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a", 10);
    add(&mut store, 2, "a", 20);
    let wanted = || BTreeSet::from(["a".to_owned()]);
    let root = |number| Some(BTreeSet::from([store.root(&name(number))]));
    let (old, new) = (root(1), root(2));
    let late = 1_000_000;

    assert_eq!(store.keep(wanted(), None, late), (0, 0), "one may run");
    assert_eq!(store.keep(wanted(), old, late), (0, 0), "one runs");
    assert_eq!(store.keep(wanted(), new, late), (1, 4), "none runs");
    assert_eq!(store.find("a"), Some(name(2).as_str()));
}

#[test]
fn an_image_that_an_operator_asked_for_is_known_so_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a", 10);
    store.order(&name(1), 20).unwrap();

    let (mut store, _) = Store::open(folder.path()).unwrap();

    assert_eq!(store.held()[0].ordered_at, Some(20));
    store.touch(&name(1), 20);
    // Wherever it is, it has its day.
    assert_eq!(store.keep(BTreeSet::new(), None, 86_420), (0, 0));
    assert_eq!(store.keep(BTreeSet::new(), None, 86_421), (1, 4));
}

#[test]
fn an_image_that_does_not_fit_removes_none_and_says_how_much_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    add(&mut store, 1, "a", 10);

    let error = store.make_room(1 << 60).unwrap_err();

    assert!(
        error
            .to_string()
            .starts_with("the image needs about 1099511627776 MiB, and /var"),
        "{error}"
    );
    assert!(store.find("a").is_some());
    assert_eq!(store.make_room(1), Ok(()));
    assert!(store.find("a").is_some());
}

#[test]
fn in_memory_images_take_three_quarters() {
    let space = |medium| Space {
        all: 400,
        free: 390,
        medium,
    };
    assert_eq!(space(Medium::Disk).for_images(10), 390);
    assert_eq!(space(Medium::Memory).for_images(10), 290);
    assert_eq!(space(Medium::Memory).for_images(1000), 0);
}

#[test]
fn issue_4_a_record_that_cannot_be_written_leaves_no_root() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    let (new, mut file) = store.begin().unwrap();
    file.write_all(b"root").unwrap();
    // Where the record would be written.
    fs::create_dir(folder.path().join(".new-2")).unwrap();

    let kept = store.commit(new, &name(1), record("a", 1));

    assert_eq!(kept.unwrap_err().kind(), io::ErrorKind::IsADirectory);
    assert_eq!(store.find("a"), None);
    assert_eq!(files(folder.path()), 1);
}

/// Who is killed between the two files of an image, and where: the test starts itself for that.
const KILLED_IN: &str = "IMAGED_TEST_KILLED_IN";

#[test]
fn imaged_killed_between_the_two_files_of_an_image_begins_anew() {
    if let Some(folder) = std::env::var_os(KILLED_IN) {
        return commit_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    // Whoever writes the record waits for its reader: more than a pipe has room for.
    let pipe = folder.path().join(".new-2");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let name_of_test = std::thread::current().name().unwrap().to_owned();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name_of_test])
        .env(KILLED_IN, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut first = [0];
    File::open(&pipe).unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"{", "the record is begun");
    child.kill().unwrap();
    child.wait().unwrap();
    let at = |end: &str| folder.path().join(format!("{}.{end}", name(1)));
    assert!(at(ROOT).exists() && !at(RECORD).exists());

    let (mut store, mut leftovers) = Store::open(folder.path()).unwrap();

    leftovers.sort();
    assert_eq!(
        leftovers,
        [".new-2".to_owned(), format!("{}.sqsh", name(1))]
    );
    assert_eq!(store.find("a"), None);
    assert_eq!(files(folder.path()), 0);
    add(&mut store, 1, "a", 1);
    assert_eq!(store.find("a"), Some(name(1).as_str()));
}

fn commit_for_ever(folder: &Path) {
    // What is in the folder is the test's own: it is not looked through.
    let mut store = Store {
        folder: folder.to_owned(),
        images: BTreeMap::new(),
        wanted: None,
        roots: None,
        count: 0,
    };
    let (new, mut file) = store.begin().unwrap();
    file.write_all(b"root").unwrap();
    let long = Record {
        passwd: "x".repeat(512 * 1024),
        ..record("a", 1)
    };
    store.commit(new, &name(1), long).unwrap();
}
