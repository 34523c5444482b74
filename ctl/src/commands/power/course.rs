// SPDX-License-Identifier: MPL-2.0
//! What becomes of a node that was told to go down, as looks at it show it.
//!
//! Owns: when it went down, when it is back or off, and when that cannot be known.
//! Never: calls a node, or takes one that never went down for one that is back.

/// Looks in a row without an answer until a node counts as off: one may be lost on the way.
const SILENT_LOOKS: u32 = 3;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It answers again, after a reboot.
    Back,
    /// It does not answer any more.
    Off,
}

/// What one look at a node showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// It answers. With the id of its boot, when it may be read.
    Answers(Option<String>),
    /// It does not answer.
    Silent,
    /// It answers as a node that has no configuration.
    Bare,
    /// Nobody answers who could have been asked, or only to refuse.
    Blind,
}

/// What is to be told of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing new.
    Nothing,
    /// It went down.
    Down,
    /// It is where it was to be.
    Done(&'static str),
    /// It never will be, or it cannot be seen: why, and what to do.
    Failed(&'static str, &'static str),
}

/// A node on its way.
#[derive(Debug)]
pub(super) struct Course {
    end: End,
    /// The id of the boot that is to end, when it could be read.
    boot: Option<String>,
    /// Whether the endpoint goes down with it.
    is_alone: bool,
    is_down: bool,
    silent: u32,
    blind: u32,
}

impl Course {
    pub(super) fn new(end: End, boot: Option<String>, is_alone: bool) -> Self {
        Self {
            end,
            boot,
            is_alone,
            is_down: false,
            silent: 0,
            blind: 0,
        }
    }

    /// The node ended the stream of its events.
    pub(super) fn hung_up(&mut self) -> Step {
        if std::mem::replace(&mut self.is_down, true) {
            Step::Nothing
        } else {
            Step::Down
        }
    }

    /// Somebody looked.
    pub(super) fn looked(&mut self, look: &Look) -> Step {
        match look {
            Look::Answers(boot) => {
                (self.silent, self.blind) = (0, 0);
                self.answered(boot.as_deref())
            }
            Look::Bare => match self.end {
                End::Back => {
                    Step::Done("back, but without its configuration: it waits in maintenance mode")
                }
                End::Off => Step::Failed(
                    "it started again instead of staying off, without its configuration",
                    "it waits in maintenance mode",
                ),
            },
            Look::Silent => {
                self.blind = 0;
                self.silent = self.silent.saturating_add(1);
                if self.silent < SILENT_LOOKS {
                    Step::Nothing
                } else if !self.is_down {
                    self.is_down = true;
                    Step::Down
                } else if self.end == End::Off {
                    Step::Done("off")
                } else {
                    Step::Nothing
                }
            }
            Look::Blind => {
                self.blind = self.blind.saturating_add(1);
                if self.end == End::Off && self.is_alone && self.blind >= SILENT_LOOKS {
                    Step::Failed(
                        "whether it is off cannot be seen: the endpoint went down, too",
                        "look at its console, or name an endpoint that stays with -e",
                    )
                } else {
                    Step::Nothing
                }
            }
        }
    }

    fn answered(&self, boot: Option<&str>) -> Step {
        let is_other = match (self.boot.as_deref(), boot) {
            (Some(before), Some(now)) => before != now,
            // It had one, and says none while it starts.
            (Some(_), None) => false,
            // Who may not read it goes by the end of the stream.
            (None, _) => self.is_down && self.end == End::Back,
        };
        match (is_other, self.end) {
            (false, _) => Step::Nothing,
            (true, End::Back) => Step::Done("back"),
            (true, End::Off) => Step::Failed(
                "it started again instead of staying off",
                "look at its firmware: something powers it on",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(boot: &str) -> Look {
        Look::Answers(Some(boot.to_owned()))
    }

    #[test]
    fn a_node_that_answers_with_the_same_boot_has_not_rebooted() {
        let mut course = Course::new(End::Back, Some("a".to_owned()), false);

        assert_eq!(course.looked(&answers("a")), Step::Nothing);
        assert_eq!(course.hung_up(), Step::Down);
        assert_eq!(course.looked(&answers("a")), Step::Nothing);
        assert_eq!(course.looked(&Look::Answers(None)), Step::Nothing);
        assert_eq!(course.looked(&answers("b")), Step::Done("back"));
    }

    #[test]
    fn without_a_boot_to_compare_the_end_of_the_stream_counts_or_a_long_silence() {
        let mut course = Course::new(End::Back, None, false);
        assert_eq!(course.looked(&Look::Answers(None)), Step::Nothing);
        assert_eq!(course.hung_up(), Step::Down);
        assert_eq!(course.hung_up(), Step::Nothing);
        assert_eq!(course.looked(&Look::Answers(None)), Step::Done("back"));

        let mut course = Course::new(End::Back, None, false);
        assert_eq!(course.looked(&Look::Silent), Step::Nothing);
        assert_eq!(course.looked(&Look::Answers(None)), Step::Nothing);
        let steps = [(); 3].map(|()| course.looked(&Look::Silent));
        assert_eq!(steps, [Step::Nothing, Step::Nothing, Step::Down]);
        assert_eq!(course.looked(&Look::Answers(None)), Step::Done("back"));
    }

    #[test]
    fn a_node_is_off_when_it_is_silent_several_times_in_a_row() {
        let mut course = Course::new(End::Off, Some("a".to_owned()), false);

        assert_eq!(course.hung_up(), Step::Down);
        for look in [Look::Silent, Look::Silent, answers("a"), Look::Silent] {
            assert_eq!(course.looked(&look), Step::Nothing);
        }
        assert_eq!(course.looked(&Look::Silent), Step::Nothing);
        assert_eq!(course.looked(&Look::Silent), Step::Done("off"));
    }

    #[test]
    fn a_node_that_starts_again_is_not_off() {
        let course = || Course::new(End::Off, Some("a".to_owned()), false);

        for look in [answers("b"), Look::Bare] {
            let step = course().looked(&look);
            assert!(matches!(step, Step::Failed(what, _) if what.contains("started again")));
        }
    }

    #[test]
    fn who_sees_nothing_says_so_when_the_endpoint_is_not_to_come_back() {
        let blind = |end, is_alone| {
            let mut course = Course::new(end, None, is_alone);
            let _down = course.hung_up();
            [(); 3].map(|()| course.looked(&Look::Blind))
        };

        let [_, second, third] = blind(End::Off, true);
        assert_eq!(second, Step::Nothing);
        assert!(matches!(third, Step::Failed(what, _) if what.contains("cannot be seen")));
        for (end, is_alone) in [(End::Off, false), (End::Back, true)] {
            assert_eq!(blind(end, is_alone), [Step::Nothing; 3]);
        }
    }
}
