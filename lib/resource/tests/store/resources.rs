// SPDX-License-Identifier: MPL-2.0
//! What the store promises of a resource.
//!
//! Owns: versions, owners, finalizers, labels.
//! Never: watches anything.

use std::sync::Arc;

use resource::{AnySpec, Phase, Store, StoreError};

use crate::{FRUITS, Fruit, STONES, Stone, at, with_apple};

#[test]
fn res_01_the_same_id_lives_in_two_namespaces_and_two_types() {
    let mut store = with_apple();

    store
        .create("cook", "cellar", "apple", Arc::new(Fruit(2)), at(1))
        .unwrap();
    store
        .create("cook", "kitchen", "apple", Arc::new(Stone(3)), at(1))
        .unwrap();

    assert_eq!(store.get::<Fruit>("apple"), Some(&Fruit(1)));
    let cellar = store.get_any("cellar", &FRUITS, "apple").unwrap();
    assert_eq!(cellar.spec::<Fruit>(), Some(&Fruit(2)));
    assert_eq!(cellar.spec::<Stone>(), None);
    assert_eq!(store.get::<Stone>("apple"), Some(&Stone(3)));
    assert_eq!(store.get::<Fruit>("pear"), None);
}

#[test]
fn res_02_an_update_needs_the_present_version_and_the_owner() {
    let mut store = with_apple();

    let update = |store: &mut Store, owner, version| {
        store.update(
            owner,
            "kitchen",
            "apple",
            version,
            Arc::new(Fruit(9)),
            at(5),
        )
    };
    assert_eq!(update(&mut store, "cook", 1), Ok(2));
    assert_eq!(
        update(&mut store, "cook", 1),
        Err(StoreError::VersionConflict(2))
    );
    assert_eq!(
        update(&mut store, "cook", 3),
        Err(StoreError::VersionConflict(2))
    );
    assert_eq!(
        update(&mut store, "thief", 2),
        Err(StoreError::OwnedBy("cook"))
    );

    let metadata = &store.get_any("kitchen", &FRUITS, "apple").unwrap().metadata;
    assert_eq!(
        (metadata.version, metadata.created, metadata.updated),
        (2, at(1), at(5))
    );
}

#[test]
fn what_does_not_exist_cannot_be_changed_and_what_exists_cannot_be_made() {
    let mut store = with_apple();

    let missing = Err(StoreError::NotFound);
    assert_eq!(
        store.update("cook", "kitchen", "pear", 1, Arc::new(Fruit(1)), at(1)),
        missing
    );
    assert_eq!(
        store.update("cook", "cellar", "apple", 1, Arc::new(Fruit(1)), at(1)),
        missing
    );
    assert_eq!(
        store.destroy("cook", "kitchen", &FRUITS, "pear"),
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.tear_down("cook", "kitchen", &STONES, "apple", at(1)),
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.add_finalizer("x", "kitchen", &FRUITS, "pear", at(1)),
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.create("cook", "kitchen", "apple", Arc::new(Fruit(1)), at(1)),
        Err(StoreError::Exists)
    );
}

#[test]
fn putting_the_same_again_changes_nothing() {
    let mut store = with_apple();

    assert_eq!(
        store.put("cook", "kitchen", "apple", Arc::new(Fruit(1)), at(2)),
        Ok(false)
    );
    assert_eq!(
        store.put("cook", "kitchen", "apple", Arc::new(Fruit(2)), at(2)),
        Ok(true)
    );
    assert_eq!(
        store.put("thief", "kitchen", "apple", Arc::new(Fruit(2)), at(2)),
        Err(StoreError::OwnedBy("cook"))
    );
    let metadata = &store.get_any("kitchen", &FRUITS, "apple").unwrap().metadata;
    assert_eq!(metadata.version, 2);
}

#[test]
fn a_finalizer_keeps_a_resource_until_its_holder_lets_go() {
    let mut store = with_apple();
    store
        .add_finalizer("eater", "kitchen", &FRUITS, "apple", at(2))
        .unwrap();

    assert_eq!(
        store.destroy("cook", "kitchen", &FRUITS, "apple"),
        Err(StoreError::HasFinalizers)
    );
    assert_eq!(
        store.tear_down("cook", "kitchen", &FRUITS, "apple", at(3)),
        Ok(false)
    );
    let phase = store
        .get_any("kitchen", &FRUITS, "apple")
        .unwrap()
        .metadata
        .phase;
    assert_eq!(phase, Phase::TearingDown);
    assert_eq!(
        store.put("cook", "kitchen", "apple", Arc::new(Fruit(7)), at(3)),
        Err(StoreError::WrongPhase)
    );
    assert_eq!(
        store.add_finalizer("late", "kitchen", &FRUITS, "apple", at(3)),
        Err(StoreError::WrongPhase)
    );
    store
        .remove_finalizer("stranger", "kitchen", &FRUITS, "apple", at(4))
        .unwrap();
    assert_eq!(
        store.tear_down("cook", "kitchen", &FRUITS, "apple", at(4)),
        Ok(false)
    );
    store
        .remove_finalizer("eater", "kitchen", &FRUITS, "apple", at(4))
        .unwrap();
    assert_eq!(
        store.tear_down("cook", "kitchen", &FRUITS, "apple", at(5)),
        Ok(true)
    );
    assert!(store.get::<Fruit>("apple").is_none());
}

#[test]
fn labels_change_the_version_and_only_the_owner_sets_them() {
    let mut store = with_apple();
    let labels = || [("red".to_owned(), "yes".to_owned())].into();

    assert_eq!(
        store.label("cook", "kitchen", &FRUITS, "apple", labels(), at(2)),
        Ok(2)
    );
    assert_eq!(
        store.label("thief", "kitchen", &FRUITS, "apple", labels(), at(2)),
        Err(StoreError::OwnedBy("cook"))
    );
}

#[test]
fn a_spec_is_encoded_by_its_type_and_one_that_is_not_shown_is_not() {
    let shown: Arc<dyn AnySpec> = Arc::new(Fruit(7));
    let hidden: Arc<dyn AnySpec> = Arc::new(Stone(7));

    let encoded = shown.encoded().unwrap();

    assert_eq!((encoded.yaml.as_str(), &encoded.proto[..]), ("7", &[7][..]));
    assert_eq!(format!("{encoded:?}"), "Encoded { yaml: 1, proto: 1 }");
    assert!(hidden.encoded().is_none());
}
