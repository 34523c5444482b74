// SPDX-License-Identifier: MPL-2.0
//! Questions to file systems that may never answer: a dead mount (NFS, FUSE) holds whoever asks it,
//! and machined is one thread. Each is asked on a thread of its own.
//!
//! Owns: how many are open at a time, and how long an answer is waited for.
//! Never: ends one that hangs; only the kernel can.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::oneshot::{self, error::TryRecvError};

/// The most questions that are open at a time: a third of the threads that machined may have.
const OPEN_MAX: usize = 16;
/// How long an answer is waited for. What is alive answers in a thousandth of it.
const ANSWER_MAX: Duration = Duration::from_millis(250);
/// A question has some paths and a buffer, in bytes.
const STACK: usize = 128 * 1024;

/// How many questions may still be asked.
#[derive(Debug)]
pub(crate) struct Looks(Arc<Semaphore>);

impl Default for Looks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OPEN_MAX)))
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The file system does not answer, or not yet.
    Hangs,
    /// As many questions are open as may be.
    TooMany,
}

/// Somebody who asks one question after another, and has at most one open.
#[derive(Debug)]
pub(crate) struct Look<T> {
    open: Option<oneshot::Receiver<T>>,
    /// Whether the answer to the open one has come too late.
    outdated: bool,
}

impl<T> Default for Look<T> {
    fn default() -> Self {
        Self {
            open: None,
            outdated: false,
        }
    }
}

impl<T: Send + 'static> Look<T> {
    /// Asks, or takes the answer to what was asked before. Who asked before and has no answer yet
    /// is not held again.
    ///
    /// # Errors
    /// There is no answer now.
    pub(crate) async fn ask(
        &mut self,
        looks: &Looks,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Silence> {
        match self.open.as_mut().map(oneshot::Receiver::try_recv) {
            None | Some(Err(TryRecvError::Closed)) => {}
            Some(Err(TryRecvError::Empty)) => return Err(Silence::Hangs),
            Some(Ok(answer)) if !self.outdated => {
                self.open = None;
                return Ok(answer);
            }
            Some(Ok(_)) => {}
        }
        let permit = Arc::clone(&looks.0).try_acquire_owned();
        let permit = permit.map_err(|_| Silence::TooMany)?;
        let (sender, mut answer) = oneshot::channel();
        let thread = std::thread::Builder::new().stack_size(STACK);
        let started = thread.name("look".to_owned()).spawn(move || {
            let answer = question();
            drop(permit);
            // Who asked may have gone.
            let _nobody = sender.send(answer);
        });
        started.map_err(|_| Silence::TooMany)?;
        self.outdated = false;
        match tokio::time::timeout(ANSWER_MAX, &mut answer).await {
            Ok(Ok(answer)) => {
                self.open = None;
                Ok(answer)
            }
            Ok(Err(_)) => Err(Silence::Hangs),
            Err(_) => {
                self.open = Some(answer);
                Err(Silence::Hangs)
            }
        }
    }

    /// What is still to be answered is of no use any more.
    pub(crate) fn rest(&mut self) {
        self.outdated = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A question that is answered when something is sent.
    fn held() -> (mpsc::Sender<u8>, impl FnOnce() -> u8 + Send + 'static) {
        let (sender, receiver) = mpsc::channel();
        (sender, move || receiver.recv().unwrap_or(0))
    }

    async fn until_answered(look: &mut Look<u8>, looks: &Looks) -> u8 {
        let wait = async {
            loop {
                match look.ask(looks, || 99).await {
                    Ok(answer) => return answer,
                    Err(Silence::Hangs | Silence::TooMany) => tokio::task::yield_now().await,
                }
            }
        };
        let deadline = Duration::from_secs(20);
        tokio::time::timeout(deadline, wait).await.unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_question_that_hangs_is_asked_once_and_its_late_answer_counts() {
        let (looks, mut look) = (Looks::default(), Look::default());
        let (answer, question) = held();

        assert_eq!(look.ask(&looks, question).await, Err(Silence::Hangs));
        assert_eq!(look.ask(&looks, || 1).await, Err(Silence::Hangs));
        assert_eq!(looks.0.available_permits(), OPEN_MAX - 1);
        answer.send(7).unwrap();

        assert_eq!(until_answered(&mut look, &looks).await, 7);
        assert_eq!(look.ask(&looks, || 8).await, Ok(8));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_answer_that_nobody_waits_for_any_more_does_not_count() {
        let (looks, mut look) = (Looks::default(), Look::default());
        let (answer, question) = held();
        assert_eq!(look.ask(&looks, question).await, Err(Silence::Hangs));

        look.rest();
        answer.send(7).unwrap();

        assert_eq!(until_answered(&mut look, &looks).await, 99);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_so_many_questions_are_open() {
        let looks = Looks::default();
        let mut open = Vec::new();
        for _ in 0..OPEN_MAX {
            let (mut look, (answer, question)) = (Look::default(), held());
            assert_eq!(look.ask(&looks, question).await, Err(Silence::Hangs));
            open.push((look, answer));
        }

        let mut more = Look::default();
        assert_eq!(more.ask(&looks, || 1).await, Err(Silence::TooMany));
        for (mut look, answer) in open {
            answer.send(7).unwrap();
            assert_eq!(until_answered(&mut look, &looks).await, 7);
        }

        assert_eq!(more.ask(&looks, || 1).await, Ok(1));
    }
}
