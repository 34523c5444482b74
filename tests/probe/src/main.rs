// SPDX-License-Identifier: MPL-2.0
//! A guest of the test image: looks at a node from inside, and misbehaves on request.
//!
//! It is an extension service of the image that tests boot, and of no other. As `probe serve` it
//! answers one-line commands on TCP port 7777; as `probe report` it says what it sees; as `probe exit`, `fork`, `eat`, `spin` or
//! `flood` it does what services must not do.
//!
//! Owns: what tests need to see that the API does not show.
//! Never: ships.
#![forbid(unsafe_code)]

mod misbehave;
mod report;
mod serve;
mod storm;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some("serve") => serve::serve(7777),
        Some("exit") => return misbehave::exit(),
        Some("fork") => misbehave::fork(1000),
        Some("eat") => misbehave::eat(),
        Some("spin") => misbehave::spin(),
        Some("flood") => misbehave::flood(),
        Some("idle") => misbehave::idle(),
        Some("report") => report::report(arguments),
        other => {
            let given = other.unwrap_or("nothing");
            Err(std::io::Error::other(format!(
                "{given}: expected serve, exit, fork, eat, spin, flood, idle or report"
            )))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            misbehave::say(&format!("probe: {error}"));
            ExitCode::FAILURE
        }
    }
}
