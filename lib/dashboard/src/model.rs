// SPDX-License-Identifier: MPL-2.0
//! What the dashboard knows and shows, without a terminal and without a node.
//!
//! Owns: what news and keys change.
//! Never: reads a clock, draws, or remembers without limit.

use crate::facts::Facts;
use crate::keys::Key;
use crate::rates::Rates;
use crate::ring::Ring;
use crate::sample::{Sample, text};

/// What is on the screen. The third of the documents edits the network, on the console of a machine alone;
/// its key stays free for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Summary,
    Monitor,
    Logs,
}

/// From where somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// A terminal of their own, which is wanted for other things later.
    Elsewhere,
    /// The screen of the one node that is shown. Nobody can leave it: there is nowhere to go.
    AtTheNode,
}

/// Which log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Log {
    Kernel,
    Service(String),
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// The node is reached.
    Connected,
    /// It is not, or no more.
    Lost(String),
    /// It told about itself.
    Sampled(Box<Sample>),
    /// A log comes from its beginning.
    LogBegan(Log),
    /// A piece of a log came.
    LogPiece(Log, Vec<u8>),
    /// A log ended or did not come.
    LogEnded(Log, String),
}

/// Whether a node is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    Connecting,
    There,
    /// Why not, and how often it was tried.
    Away {
        why: String,
        tries: u32,
    },
}

/// One node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) reach: Reach,
    pub(crate) sample: Option<Sample>,
    pub(crate) rates: Rates,
    pub(crate) facts: Facts,
    pub(crate) kernel: Ring,
    pub(crate) service: Ring,
    /// Of the service, 0 for the kernel.
    log_at: usize,
    /// Why there is nothing more of the log.
    pub(crate) log_ended: Option<String>,
}

impl Node {
    fn new(name: String) -> Self {
        Self {
            name,
            reach: Reach::Connecting,
            sample: None,
            rates: Rates::default(),
            facts: Facts::default(),
            kernel: Ring::default(),
            service: Ring::default(),
            log_at: 0,
            log_ended: None,
        }
    }

    /// Every log, the kernel's first.
    pub(crate) fn logs(&self) -> impl Iterator<Item = Log> {
        let services = self.sample.iter().flat_map(|sample| &sample.services);
        std::iter::once(Log::Kernel).chain(services.cloned().map(Log::Service))
    }

    /// The log that is looked at.
    pub(crate) fn log(&self) -> Log {
        self.logs().nth(self.log_at).unwrap_or(Log::Kernel)
    }

    /// Its lines.
    pub(crate) fn lines(&self) -> &Ring {
        match self.log() {
            Log::Kernel => &self.kernel,
            Log::Service(_) => &self.service,
        }
    }
}

/// All nodes, one of which is shown.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    nodes: Vec<Node>,
    pub(crate) seat: Seat,
    at: usize,
    pub(crate) view: View,
    /// How many lines of a log are below the screen; 0 follows it.
    pub(crate) log_back: usize,
    /// How many processes are above the screen.
    pub(crate) processes_from: usize,
}

/// What has to be done after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    Draw,
    /// Everything, whatever the terminal is thought to show.
    DrawAnew,
    /// Another node is to be asked.
    Follow,
    /// Of the same node something else.
    Want,
    Quit,
}

/// What is to be asked of the node that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Resources change slowly and are many questions: only where they are shown.
    pub(crate) facts: bool,
    /// Besides the kernel's.
    pub(crate) log: Option<String>,
}

impl Dashboard {
    /// Starts with nodes that nothing is known of.
    pub(crate) fn new(names: &[String], seat: Seat) -> Self {
        Self {
            nodes: names.iter().map(|name| Node::new(text(name))).collect(),
            seat,
            at: 0,
            view: View::Summary,
            log_back: 0,
            processes_from: 0,
        }
    }

    /// The node that is shown; there is none without names.
    pub(crate) fn node(&self) -> Option<&Node> {
        self.nodes.get(self.at)
    }

    /// Its place and how many there are.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.at, self.nodes.len())
    }

    /// What is to be asked of it.
    pub(crate) fn wanted(&self) -> Wanted {
        let log = match (self.view, self.node().map(Node::log)) {
            (View::Logs, Some(Log::Service(name))) => Some(name),
            (View::Logs | View::Summary | View::Monitor, _) => None,
        };
        Wanted {
            facts: self.view == View::Summary,
            log,
        }
    }

    /// Takes news of the node at a place.
    pub(crate) fn hear(&mut self, place: usize, news: News) {
        let is_shown = place == self.at;
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        match news {
            News::Connected => node.reach = Reach::There,
            News::Lost(why) => {
                let tries = match &node.reach {
                    Reach::Away { tries, .. } => tries.saturating_add(1),
                    Reach::Connecting | Reach::There => 1,
                };
                let why = text(&why);
                node.reach = Reach::Away { why, tries };
                // What it did while nobody looked is not a rate.
                node.rates = Rates::default();
            }
            News::Sampled(sample) => take_sample(node, sample.bounded()),
            News::LogBegan(log) => {
                if node.log() == log {
                    node.log_ended = None;
                }
                match log {
                    Log::Kernel => node.kernel.clear(),
                    Log::Service(_) => node.service.clear(),
                }
            }
            News::LogPiece(log, piece) => {
                let is_looked_at = node.log() == log;
                let made = match log {
                    Log::Kernel => node.kernel.feed(&piece),
                    Log::Service(_) if is_looked_at => node.service.feed(&piece),
                    Log::Service(_) => 0,
                };
                // Who reads something goes on reading it.
                if is_shown && is_looked_at && self.log_back > 0 {
                    let end = node.lines().len().saturating_sub(1);
                    self.log_back = self.log_back.saturating_add(made).min(end);
                }
            }
            News::LogEnded(log, why) => {
                if node.log() == log {
                    node.log_ended = Some(text(&why));
                }
                match log {
                    Log::Kernel => node.kernel.end(),
                    Log::Service(_) => node.service.end(),
                }
            }
        }
    }

    /// Does what a key asks for; `page` is how many lines of the list are on the screen.
    pub(crate) fn press(&mut self, key: Key, page: usize) -> Action {
        let half = page.div_ceil(2).max(1);
        match key {
            Key::Quit => match self.seat {
                Seat::Elsewhere => Action::Quit,
                Seat::AtTheNode => Action::Nothing,
            },
            Key::Redraw => Action::DrawAnew,
            Key::Show(view) => self.show(view),
            Key::NextView => self.show(match self.view {
                View::Summary => View::Monitor,
                View::Monitor => View::Logs,
                View::Logs => View::Summary,
            }),
            Key::NodeLeft => self.go_to(self.at.checked_sub(1)),
            Key::NodeRight => self.go_to(self.at.checked_add(1)),
            Key::LineDown => self.scroll(Way::Down, 1),
            Key::LineUp => self.scroll(Way::Up, 1),
            Key::HalfPageDown => self.scroll(Way::Down, half),
            Key::HalfPageUp => self.scroll(Way::Up, half),
            Key::PageDown => self.scroll(Way::Down, page.max(1)),
            Key::PageUp => self.scroll(Way::Up, page.max(1)),
            Key::Top => self.scroll(Way::Up, usize::MAX),
            Key::Bottom => self.scroll(Way::Down, usize::MAX),
            Key::NextLog => self.look_at(|at, count| at.saturating_add(1).checked_rem(count)),
            Key::PreviousLog => {
                self.look_at(|at, count| at.checked_sub(1).or(count.checked_sub(1)))
            }
        }
    }

    fn show(&mut self, view: View) -> Action {
        self.view = view;
        self.log_back = 0;
        Action::Want
    }

    fn go_to(&mut self, place: Option<usize>) -> Action {
        let Some(place) = place.filter(|place| *place < self.nodes.len()) else {
            return Action::Nothing;
        };
        // Nothing is asked of nodes that are not shown, so that two samples may be far apart.
        if let Some(left) = self.nodes.get_mut(self.at) {
            left.rates = Rates::default();
            left.reach = Reach::Connecting;
        }
        self.at = place;
        (self.log_back, self.processes_from) = (0, 0);
        Action::Follow
    }

    fn look_at(&mut self, to: impl Fn(usize, usize) -> Option<usize>) -> Action {
        let view = self.view;
        let Some(node) = self.nodes.get_mut(self.at).filter(|_| view == View::Logs) else {
            return Action::Nothing;
        };
        let count = node.logs().count();
        node.log_at = to(node.log_at.min(count.saturating_sub(1)), count).unwrap_or(0);
        node.service.clear();
        node.log_ended = None;
        self.log_back = 0;
        Action::Want
    }

    fn scroll(&mut self, way: Way, lines: usize) -> Action {
        let Some(node) = self.nodes.get(self.at) else {
            return Action::Nothing;
        };
        let (place, end) = match self.view {
            View::Monitor => {
                let count = node
                    .sample
                    .as_ref()
                    .and_then(|sample| sample.processes.as_ref());
                let end = count.map_or(0, Vec::len).saturating_sub(1);
                (&mut self.processes_from, end)
            }
            View::Summary => (&mut self.log_back, node.kernel.len().saturating_sub(1)),
            View::Logs => (&mut self.log_back, node.lines().len().saturating_sub(1)),
        };
        // A log is counted from its end, a list from its beginning.
        let is_on = (way == Way::Down) == (self.view == View::Monitor);
        *place = if is_on {
            place.saturating_add(lines).min(end)
        } else {
            place.saturating_sub(lines)
        };
        Action::Draw
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

fn take_sample(node: &mut Node, mut sample: Sample) {
    // The log that is looked at stays so when others come or go.
    let log = node.log();
    node.rates = match &node.sample {
        Some(before) if node.reach == Reach::There => Rates::between(before, &sample),
        Some(_) | None => Rates::default(),
    };
    if let Some(facts) = sample.facts.take() {
        node.facts = facts;
    }
    node.reach = Reach::There;
    node.sample = Some(sample);
    let place = node.logs().position(|other| other == log);
    node.log_at = place.unwrap_or(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::machine::ProcessInfo;

    fn dashboard() -> Dashboard {
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        Dashboard::new(&names, Seat::Elsewhere)
    }

    fn sampled(services: &[&str], processes: usize) -> News {
        News::Sampled(Box::new(Sample {
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            processes: Some(vec![ProcessInfo::default(); processes]),
            ..Sample::default()
        }))
    }

    #[test]
    fn cmd_023_nodes_are_switched_to_the_left_and_right_and_not_beyond() {
        let mut dashboard = dashboard();
        assert_eq!(dashboard.press(Key::NodeLeft, 10), Action::Nothing);
        assert_eq!(dashboard.press(Key::NodeRight, 10), Action::Follow);
        assert_eq!(dashboard.press(Key::NodeRight, 10), Action::Follow);
        assert_eq!(dashboard.press(Key::NodeRight, 10), Action::Nothing);
        assert_eq!(dashboard.node().unwrap().name, "c");
        assert_eq!(dashboard.place(), (2, 3));
    }

    #[test]
    fn cmd_023_processes_scroll_by_lines_halves_and_pages_within_the_list() {
        let mut dashboard = dashboard();
        dashboard.hear(0, sampled(&[], 50));
        dashboard.press(Key::Show(View::Monitor), 10);
        for (key, from) in [
            (Key::LineUp, 0),
            (Key::LineDown, 1),
            (Key::HalfPageDown, 6),
            (Key::PageDown, 16),
            (Key::HalfPageUp, 11),
            (Key::PageUp, 1),
            (Key::Bottom, 49),
            (Key::PageDown, 49),
            (Key::Top, 0),
        ] {
            assert_eq!(dashboard.press(key, 10), Action::Draw);
            assert_eq!(dashboard.processes_from, from, "{key:?}");
        }
    }

    #[test]
    fn dash_01_nobody_leaves_the_screen_of_the_node() {
        let mut there = Dashboard::new(&["a".to_owned()], Seat::AtTheNode);

        assert_eq!(there.press(Key::Quit, 10), Action::Nothing);
        assert_eq!(dashboard().press(Key::Quit, 10), Action::Quit);
    }

    #[test]
    fn who_reads_a_log_backwards_goes_on_reading_the_same_lines() {
        let mut dashboard = dashboard();
        dashboard.press(Key::Show(View::Logs), 2);
        dashboard.hear(0, News::LogPiece(Log::Kernel, b"1\n2\n3\n4\n".to_vec()));
        let shown = |dashboard: &Dashboard| {
            let node = dashboard.node().unwrap();
            node.lines().window(dashboard.log_back, 10, 2).join(" ")
        };
        assert_eq!(shown(&dashboard), "3 4");

        dashboard.press(Key::LineUp, 2);
        assert_eq!(shown(&dashboard), "2 3");
        dashboard.hear(0, News::LogPiece(Log::Kernel, b"5\n6\n".to_vec()));
        assert_eq!(shown(&dashboard), "2 3");
        dashboard.press(Key::Bottom, 2);
        assert_eq!(shown(&dashboard), "5 6");
    }

    #[test]
    fn logs_of_services_are_looked_at_one_after_the_other() {
        let mut dashboard = dashboard();
        dashboard.hear(0, sampled(&["apid", "udevd"], 0));
        assert_eq!(dashboard.press(Key::NextLog, 2), Action::Nothing);
        dashboard.press(Key::Show(View::Logs), 2);
        let apid = Log::Service("apid".to_owned());

        assert_eq!(dashboard.press(Key::NextLog, 2), Action::Want);
        assert_eq!(dashboard.wanted().log.as_deref(), Some("apid"));
        dashboard.hear(0, News::LogPiece(apid.clone(), b"x\n".to_vec()));
        assert_eq!(dashboard.node().unwrap().service.len(), 1);
        // Another service comes before it; a late piece of another log is of no use.
        dashboard.hear(0, sampled(&["aaa", "apid", "udevd"], 0));
        dashboard.hear(
            0,
            News::LogPiece(Log::Service("old".to_owned()), b"y\n".to_vec()),
        );
        assert_eq!(dashboard.node().unwrap().log(), apid);
        assert_eq!(dashboard.node().unwrap().service.len(), 1);
        dashboard.press(Key::NextLog, 2);
        assert_eq!(dashboard.wanted().log.as_deref(), Some("udevd"));
        dashboard.press(Key::NextLog, 2);
        assert_eq!(dashboard.wanted().log, None);
        dashboard.press(Key::PreviousLog, 2);
        assert_eq!(dashboard.wanted().log.as_deref(), Some("udevd"));
        dashboard.hear(0, sampled(&[], 0));
        assert_eq!(dashboard.node().unwrap().log(), Log::Kernel);
    }

    #[test]
    fn a_node_that_is_away_says_why_and_comes_back() {
        let mut dashboard = dashboard();
        for tries in 1..4 {
            dashboard.hear(0, News::Lost("no\x1b route".to_owned()));
            let why = "no  route".to_owned();
            assert_eq!(dashboard.node().unwrap().reach, Reach::Away { why, tries });
        }
        dashboard.hear(0, News::Connected);
        assert_eq!(dashboard.node().unwrap().reach, Reach::There);
        dashboard.hear(9, News::Connected);
    }
}
