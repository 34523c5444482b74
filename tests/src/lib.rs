// SPDX-License-Identifier: MPL-2.0
//! What is promised, seen from outside.
