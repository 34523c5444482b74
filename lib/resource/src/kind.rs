// SPDX-License-Identifier: MPL-2.0
//! What a type of resource is, apart from its instances.
//!
//! Owns: the facts of a type, and the two faces of a spec: typed for controllers, any for the store.
//! Never: encodes a spec; the wire forms join [`AnySpec`] when the state API is served.

use std::any::Any;
use std::fmt::Debug;

/// A column of a table of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub name: &'static str,
    /// Where in the spec its value is (JSONPath).
    pub json_path: &'static str,
}

/// Who may read resources of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Every reader.
    Public,
    /// Administrators only: it holds secrets.
    Sensitive,
}

/// The facts of a type of resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its full name: `HostnameStatuses.net.talos.dev`.
    pub name: &'static str,
    /// Where its resources are unless somebody says otherwise.
    pub namespace: &'static str,
    /// Short names for the command line.
    pub aliases: &'static [&'static str],
    /// What a table of it shows besides its id and version.
    pub columns: &'static [Column],
    /// Who may read it.
    pub sensitivity: Sensitivity,
}

/// The content of one type of resource.
pub trait ResourceSpec: Debug + Clone + PartialEq + Send + Sync + 'static {
    /// The facts of the type.
    const KIND: &'static Kind;
}

/// A spec whose type only its kind tells. Implemented for every [`ResourceSpec`].
pub trait AnySpec: Debug + Send + Sync + 'static {
    /// Returns the facts of the type.
    fn kind(&self) -> &'static Kind;
    /// Says whether `other` has the same type and content.
    fn same(&self, other: &dyn AnySpec) -> bool;
    /// Returns the spec for a downcast.
    fn as_any(&self) -> &dyn Any;
}

impl<T: ResourceSpec> AnySpec for T {
    fn kind(&self) -> &'static Kind {
        T::KIND
    }

    fn same(&self, other: &dyn AnySpec) -> bool {
        other.as_any().downcast_ref::<T>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
