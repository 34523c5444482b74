// SPDX-License-Identifier: MPL-2.0
//! What a boot, a reboot and a shutdown are made of, and that only one of them goes on at a time.
//!
//! Owns: the lock and the rules of taking it over.
//! Never: does a task; `tasks` does.

mod run;
pub(crate) mod table;
mod tasks;

use std::sync::Arc;

use tokio::sync::Notify;

pub(crate) use run::{Failure, run};
pub(crate) use table::Sequence;

use crate::resources::MachineStage;

/// Who says in which stage the machine is: no controller, but what the sequences come to.
pub(crate) const OWNER: &str = "v1alpha1.sequencer";

/// Which sequence goes on.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    running: Option<Running>,
    /// Told when a sequence ended.
    freed: Arc<Notify>,
    /// What the machine does as a whole, once that is known.
    pub stage: Option<MachineStage>,
    /// Whether a machine that fails from now on is to go off instead of starting again.
    pub power_off_when_lost: bool,
}

#[derive(Debug)]
struct Running {
    sequence: Sequence,
    cancel: Arc<Notify>,
}

/// What a sequence that wants to begin finds.
#[derive(Debug)]
pub(crate) enum Lock {
    /// It may begin; whoever takes it over tells this.
    Taken(Arc<Notify>),
    /// Another one must end first; this is told when one did.
    Wait(Arc<Notify>),
}

impl Sequencer {
    /// Tries to begin a sequence. One that may be taken over is told to stop.
    pub(crate) fn lock(&mut self, wanted: Sequence) -> Lock {
        if let Some(running) = &self.running {
            if wanted.may_take_over(running.sequence) {
                running.cancel.notify_one();
            }
            return Lock::Wait(Arc::clone(&self.freed));
        }
        let cancel = Arc::new(Notify::new());
        self.running = Some(Running {
            sequence: wanted,
            cancel: Arc::clone(&cancel),
        });
        Lock::Taken(cancel)
    }

    /// Ends the running sequence.
    pub(crate) fn unlock(&mut self) {
        self.running = None;
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sequence_at_a_time() {
        let mut sequencer = Sequencer::default();

        assert!(matches!(sequencer.lock(Sequence::Boot), Lock::Taken(_)));
        assert!(matches!(sequencer.lock(Sequence::Shutdown), Lock::Wait(_)));
        sequencer.unlock();
        assert!(matches!(sequencer.lock(Sequence::Shutdown), Lock::Taken(_)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_who_may_take_over_cancels() {
        use std::time::Duration;
        for (running, wanted, cancelled) in [
            (Sequence::Boot, Sequence::Reboot, true),
            (Sequence::Reboot, Sequence::Reboot, true),
            (Sequence::Boot, Sequence::Shutdown, false),
            (Sequence::Initialize, Sequence::Reboot, false),
            (Sequence::Shutdown, Sequence::Reboot, false),
        ] {
            let mut sequencer = Sequencer::default();
            let Lock::Taken(cancel) = sequencer.lock(running) else {
                panic!("nothing runs");
            };

            assert!(matches!(sequencer.lock(wanted), Lock::Wait(_)));

            let told = tokio::time::timeout(Duration::from_millis(1), cancel.notified()).await;
            assert_eq!(told.is_ok(), cancelled, "{wanted:?} over {running:?}");
        }
    }
}
