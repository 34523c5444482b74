// SPDX-License-Identifier: MPL-2.0
//! Placeholder until its owner writes it.
