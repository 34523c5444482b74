// SPDX-License-Identifier: MPL-2.0
//! Wishes come in layers: the higher one wins.
//!
//! Owns: the order of wishes, and what those of one layer say together.
//! Never: makes or changes a wish.

use resource::{Body, Controller, Desired, Failure, Input, Output, ResourceSpec, Typed, View};

use crate::resources::{
    AddressSpec, HostnameSpec, Layer, LinkSpec, NETWORK_CONFIG, OperatorSpec, ResolverSpec,
    RouteSpec, TimeServerSpec,
};

/// A wish that says how much it counts.
pub(super) trait Layered: ResourceSpec {
    /// Its layer.
    fn layer(&self) -> Layer;
}

macro_rules! layered {
    ($($spec:ty)+) => {
        $(impl Layered for $spec {
            fn layer(&self) -> Layer {
                self.layer
            }
        })+
    };
}

layered! {
    AddressSpec HostnameSpec LinkSpec OperatorSpec ResolverSpec RouteSpec TimeServerSpec
}

/// What makes one thing of all wishes of a type.
pub(super) type Reconcile = fn(&View<'_>, &mut Desired) -> Result<(), Failure>;

/// The controller that merges the wishes of type `T`.
pub(super) fn merging<T: Layered>(name: &'static str, reconcile: Reconcile) -> Controller {
    Controller {
        name,
        inputs: vec![Input::of::<T>().within(NETWORK_CONFIG)],
        outputs: vec![Output::of::<T>()],
        body: Body::Pure(reconcile),
    }
}

/// All wishes, the lowest layer first, and within a layer by id.
pub(super) fn by_layer<'a, T: Layered>(view: &View<'a>) -> Vec<Typed<'a, T>> {
    let mut wishes: Vec<_> = view.list_within::<T>(NETWORK_CONFIG).collect();
    // It keeps the order of ids within a layer.
    wishes.sort_by_key(|wish| wish.spec.layer());
    wishes
}

/// The highest layer that wishes anything, and its wishes by id.
pub(super) fn highest<'a, T: Layered>(view: &View<'a>) -> Option<(Layer, Vec<&'a T>)> {
    let wishes = || view.list_within::<T>(NETWORK_CONFIG).map(|wish| wish.spec);
    let layer = wishes().map(Layered::layer).max()?;
    let of_it = wishes().filter(|wish| wish.layer() == layer);
    Some((layer, of_it.collect()))
}

/// Several lists, one after the other, each thing once.
pub(super) fn joined<'a, T: Clone + PartialEq + 'a>(
    lists: impl IntoIterator<Item = &'a Vec<T>>,
) -> Vec<T> {
    let mut joined = Vec::new();
    for item in lists.into_iter().flatten() {
        if !joined.contains(item) {
            joined.push(item.clone());
        }
    }
    joined
}
