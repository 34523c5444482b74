// SPDX-License-Identifier: MPL-2.0
//! The unique token of the machine, from META.
//!
//! Owns: `UniqueMachineToken`: empty when META has none, absent until META is loaded.
//! Never: makes a token.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{MetaKey, MetaLoaded, UniqueMachineToken};

/// The key of the token.
const KEY: u8 = 0x10;

pub(super) fn controller() -> Controller {
    Controller {
        name: "runtime.UniqueMachineTokenController",
        inputs: vec![
            Input::of::<MetaLoaded>().only(MetaLoaded::ID),
            Input::of::<MetaKey>(),
        ],
        outputs: vec![Output::of::<UniqueMachineToken>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if view.get::<MetaLoaded>(MetaLoaded::ID).is_none() {
        return Ok(());
    }
    let token = view.get::<MetaKey>(&MetaKey::id(KEY));
    let token = token.map(|token| token.0.clone()).unwrap_or_default();
    desired.put(UniqueMachineToken::ID, UniqueMachineToken(token));
    Ok(())
}
