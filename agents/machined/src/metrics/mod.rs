// SPDX-License-Identifier: MPL-2.0
//! Metrics of the node, with the names and meanings of node_exporter. (docs/decisions/0063)
//!
//! Owns: the table of what is collected.
//! Never: keeps a value between two questions.

mod chips;
mod clock;
mod devices;
mod exposition;
mod filesystems;
mod interfaces;
mod memory;
mod own;
mod processors;
mod protocols;
mod queues;
mod sensors;
mod serve;
mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use self::serve::serve;

use self::exposition::{Kind, Parts, Text};
use self::filesystems::Size;
use self::source::Source;
use crate::look::{Look, Silence};
use crate::node::Node;

/// Why something is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its file is not there.
    Missing,
    /// Its file cannot be read.
    Read,
    /// Its file has another form.
    Form,
}

/// A file that holds one number: its name, its metric and what that means.
type Gauge = (&'static str, &'static str, &'static str);

/// Tells numbers of files of one folder, as far as they are there.
fn gauges(source: &Source, folder: &str, files: &[Gauge], text: &mut Text) -> Result<(), Failure> {
    for (file, name, help) in files {
        if let Some(number) = source.number(&format!("{folder}/{file}"))? {
            text.one(name, Kind::Gauge, help, number);
        }
    }
    Ok(())
}

type Collect = fn(&Source, &mut Text) -> Result<(), Failure>;

/// What answers at once.
const COLLECTORS: &[(&str, Collect)] = &[
    ("stat", processors::stat),
    ("loadavg", processors::load),
    ("pressure", processors::pressure),
    ("meminfo", memory::memory),
    ("vmstat", memory::paging),
    ("filefd", memory::files),
    ("diskstats", devices::disks),
    ("netdev", devices::network),
    ("sockstat", devices::sockets),
    ("netstat", protocols::counters),
    ("conntrack", protocols::tracking),
    ("softnet", queues::packets),
    ("udp_queues", queues::datagrams),
    ("arp", protocols::neighbours),
    ("schedstat", queues::tasks),
    ("entropy", processors::randomness),
    ("timex", clock::timex),
];

/// What asks hardware, which may take its time.
const SLOW_COLLECTORS: &[(&str, Collect)] = &[
    ("cpufreq", processors::frequency),
    ("thermal_zone", sensors::zones),
    ("hwmon", chips::temperatures),
    ("netclass", interfaces::properties),
];

/// How a collector fared.
#[derive(Debug)]
struct Outcome {
    name: &'static str,
    took: Duration,
    is_good: bool,
}

/// Questions that may never be answered, one of each at a time.
#[derive(Debug, Default)]
struct Slow {
    sizes: Look<Vec<Size>>,
    hardware: Look<(Text, Vec<Outcome>)>,
}

/// Collects everything.
async fn collect(node: &Arc<Node>, slow: &mut Slow) -> String {
    let source = Source::of(&node.places);
    let (mut text, mut outcomes) = run(COLLECTORS, &source);

    let began = Instant::now();
    let places = node.places.clone();
    let sizes = slow
        .sizes
        .ask(&node.looks, move || filesystems::ask(&places));
    let sizes = sizes.await;
    if let Ok(sizes) = &sizes {
        filesystems::tell(sizes, &mut text);
    }
    outcomes.push(Outcome {
        name: "filesystem",
        took: began.elapsed(),
        is_good: sizes.is_ok(),
    });

    let began = Instant::now();
    let hardware = slow
        .hardware
        .ask(&node.looks, move || run(SLOW_COLLECTORS, &source));
    match hardware.await {
        Ok((more, fared)) => {
            text.append(more);
            outcomes.extend(fared);
        }
        Err(Silence::Hangs | Silence::TooMany) => {
            outcomes.extend(SLOW_COLLECTORS.iter().map(|(name, _)| Outcome {
                name,
                took: began.elapsed(),
                is_good: false,
            }));
        }
    }
    own::name_and_clock(&mut text);
    own::services(node, &mut text);
    tell(&outcomes, &mut text);
    text.finish()
}

fn run(collectors: &'static [(&'static str, Collect)], source: &Source) -> (Text, Vec<Outcome>) {
    let mut text = Text::default();
    let outcomes = collectors.iter().map(|(name, collect)| {
        let began = Instant::now();
        let is_good = collect(source, &mut text).is_ok();
        let took = began.elapsed();
        Outcome {
            name,
            took,
            is_good,
        }
    });
    let outcomes = outcomes.collect();
    (text, outcomes)
}

fn tell(outcomes: &[Outcome], text: &mut Text) {
    let metric = "node_scrape_collector_duration_seconds";
    text.metric(metric, Kind::Gauge, "How long this part took to be read.");
    for outcome in outcomes {
        let seconds = Parts {
            parts: u64::try_from(outcome.took.as_nanos()).unwrap_or(0),
            per_one: 1_000_000_000,
        };
        text.sample(metric, &[("collector", outcome.name)], seconds);
    }
    let metric = "node_scrape_collector_success";
    text.metric(
        metric,
        Kind::Gauge,
        "1 when this part could be read, else 0.",
    );
    for outcome in outcomes {
        let good = u8::from(outcome.is_good);
        text.sample(metric, &[("collector", outcome.name)], good);
    }
}
