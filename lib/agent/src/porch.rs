// SPDX-License-Identifier: MPL-2.0
//! Where callers stand until it is known who they are.
//!
//! There are few places, because anybody can take one. Nobody is sent away while there is room; when
//! there is none and somebody comes, who has said nothing makes room first, then one of a crowd that comes
//! from one place of the network and has stopped in the middle, and then who has been at it for longest.
//! So strangers that hold all places hold up the next caller by moments.
//!
//! Owns: the places, and who gives up theirs.
//! Never: reads what a caller says, or keeps more of them than there are places.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sys::io::Errno;
use sys::net::{RecvFlags, recv};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::journal;
use crate::origin::Origin;

/// How long who says nothing stays when others wait. A client speaks as soon as it is connected: its
/// first bytes follow its last ones of the connection's handshake.
const SILENT_STAY: Duration = Duration::from_millis(50);
/// How long who speaks stays when others wait: two round trips over a bad line, and the arithmetic of a
/// slow board.
const SPEAKING_STAY: Duration = Duration::from_secs(1);
/// How long one of a crowd stays that does nothing: anybody can say a first word, but not from everywhere.
const CROWDED_STAY: Duration = Duration::from_millis(200);
/// The part of all places that callers from one place of the network take before they are a crowd.
const CROWD: usize = 4;
/// Bytes that the kernel takes of what a caller has no room for.
const UNSENT_MAX: u32 = 32 * 1024;
/// The pause after `accept` failed, which it does for want of memory or descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes callers for ever, never more at once than there are `places`; the others wait in the kernel.
/// `receive` gets each with its place and keeps the place until it knows the caller.
pub async fn open<F>(
    listener: TcpListener,
    places: usize,
    mut receive: impl FnMut(TcpStream, SocketAddr, Place) -> F,
) -> Infallible
where
    F: Future<Output = ()> + Send + 'static,
{
    let porch = Arc::new(Porch::new(places));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers should leave at once, and long ones wait where they are counted.
                let _ = stream.set_nodelay(true);
                let _ = sys::tcp::keep_unsent_below(&stream, UNSENT_MAX);
                let place = porch.enter(Origin::of(peer)).await;
                tokio::spawn(receive(stream, peer, place));
            }
            Err(error) => {
                // It passes, but not at once.
                journal::say(format_args!("cannot accept a connection: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[derive(Debug)]
struct Porch {
    queue: Mutex<Queue>,
    /// Somebody left, or spoke after it was asked to leave.
    changed: Notify,
}

impl Porch {
    fn new(places: usize) -> Self {
        Self {
            queue: Mutex::new(Queue {
                places,
                next: 0,
                callers: BTreeMap::new(),
            }),
            changed: Notify::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, and has somebody leave for it.
    async fn enter(self: &Arc<Self>, origin: Origin) -> Place {
        loop {
            let now = Instant::now();
            let again = match self.queue().enter(origin, now) {
                Answer::Entered { number, asked } => {
                    return Place {
                        porch: Arc::clone(self),
                        number,
                        asked,
                    };
                }
                Answer::Full { again } => again,
            };
            let time = async {
                match again {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = time => {}
            }
        }
    }
}

/// One caller's place; whoever drops it leaves.
#[derive(Debug)]
pub struct Place {
    porch: Arc<Porch>,
    number: u64,
    asked: Arc<Notify>,
}

impl Place {
    /// Waits until the caller has said something. `false`: it left without a word.
    ///
    /// # Errors
    /// It said nothing, and others wait.
    pub async fn heard(&self, stream: &TcpStream) -> Result<bool, MadeRoom> {
        self.porch.queue().listen_to(self.number);
        let mut byte = [0];
        let spoke = tokio::select! {
            biased;
            heard = stream.peek(&mut byte) => matches!(heard, Ok(1..)),
            // What came in this moment is not known to the runtime yet.
            () = self.asked_to_leave() => match has_spoken(stream) {
                true => true,
                false => return Err(MadeRoom),
            },
        };
        if spoke {
            self.porch.queue().spoke(self.number);
            self.porch.changed.notify_one();
        }
        Ok(spoke)
    }

    /// Goes on with `work` for as long as the caller may stay.
    ///
    /// # Errors
    /// It took long, and others wait.
    pub async fn hold<T>(&self, work: impl Future<Output = T>) -> Result<T, MadeRoom> {
        let mut work = std::pin::pin!(work);
        let work = poll_fn(|cx| {
            self.porch.queue().moved(self.number, Instant::now());
            work.as_mut().poll(cx)
        });
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.asked_to_leave() => Err(MadeRoom),
        }
    }

    async fn asked_to_leave(&self) {
        while !self.porch.queue().is_asked(self.number) {
            self.asked.notified().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.porch.queue().callers.remove(&self.number);
        self.porch.changed.notify_one();
    }
}

/// Why a caller is let go before anything is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeRoom;

impl fmt::Display for MadeRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too slow while others wait")
    }
}

fn has_spoken(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    loop {
        match recv(stream, &mut [0][..], flags) {
            Ok((count, _)) => return count > 0,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Who stands there; the lower the number, the longer.
#[derive(Debug)]
struct Queue {
    places: usize,
    next: u64,
    callers: BTreeMap<u64, Caller>,
}

#[derive(Debug)]
struct Caller {
    origin: Origin,
    since: Instant,
    /// When there was something to do for it last.
    active_at: Instant,
    standing: Standing,
    is_asked: bool,
    asked: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody listens to it yet: it stays.
    Unheard,
    Silent,
    Speaking,
}

enum Answer {
    Entered {
        number: u64,
        asked: Arc<Notify>,
    },
    /// Somebody was asked to leave, now or before, or nobody may be asked before `again`.
    Full {
        again: Option<Instant>,
    },
}

impl Queue {
    fn enter(&mut self, origin: Origin, now: Instant) -> Answer {
        if self.callers.len() >= self.places {
            return Answer::Full {
                again: self.make_room(now),
            };
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let asked = Arc::new(Notify::new());
        let caller = Caller {
            origin,
            since: now,
            active_at: now,
            standing: Standing::Unheard,
            is_asked: false,
            asked: Arc::clone(&asked),
        };
        self.callers.insert(number, caller);
        Answer::Entered { number, asked }
    }

    /// Asks one to leave, unless one was asked already; or says when one can be asked.
    fn make_room(&mut self, now: Instant) -> Option<Instant> {
        if self.callers.values().any(|caller| caller.is_asked) {
            return None;
        }
        let terms = |(number, caller): (&u64, &Caller)| {
            let (rank, until) = self.until(caller)?;
            Some((rank, *number, until))
        };
        let terms: Vec<(u8, u64, Instant)> = self.callers.iter().filter_map(terms).collect();
        let due = terms.iter().filter(|(.., until)| *until <= now);
        match due.min() {
            Some((_, number, _)) => {
                let caller = self.callers.get_mut(number)?;
                caller.is_asked = true;
                caller.asked.notify_one();
                None
            }
            None => terms.iter().map(|(.., until)| *until).min(),
        }
    }

    /// Until when a caller may stay when others wait, and how early it is asked among those whose time is
    /// over. `None`: it stays.
    fn until(&self, caller: &Caller) -> Option<(u8, Instant)> {
        let speaking = caller.since.checked_add(SPEAKING_STAY)?;
        match caller.standing {
            Standing::Unheard => None,
            Standing::Silent => Some((0, caller.since.checked_add(SILENT_STAY)?)),
            Standing::Speaking if self.is_one_of_a_crowd(caller) => {
                let idle = caller.active_at.checked_add(CROWDED_STAY)?;
                Some((1, idle.min(speaking)))
            }
            Standing::Speaking => Some((2, speaking)),
        }
    }

    fn is_one_of_a_crowd(&self, caller: &Caller) -> bool {
        let callers = self.callers.values();
        let like_it = callers.filter(|other| other.origin == caller.origin);
        let count = like_it.count();
        count > 1 && count.saturating_mul(CROWD) > self.places
    }

    /// There is something to do for a caller.
    fn moved(&mut self, number: u64, now: Instant) {
        if let Some(caller) = self.callers.get_mut(&number) {
            caller.active_at = now;
        }
    }

    fn listen_to(&mut self, number: u64) {
        if let Some(caller) = self.callers.get_mut(&number) {
            caller.standing = Standing::Silent;
        }
    }

    fn spoke(&mut self, number: u64) {
        if let Some(caller) = self.callers.get_mut(&number) {
            caller.standing = Standing::Speaking;
            caller.is_asked = false;
        }
    }

    fn is_asked(&self, number: u64) -> bool {
        self.callers
            .get(&number)
            .is_some_and(|caller| caller.is_asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u8) -> Origin {
        Origin::of(SocketAddr::from(([192, 0, 2, number], 1)))
    }

    /// Enters from somewhere else than all before, and is listened to.
    fn entered(queue: &mut Queue, now: Instant) -> u64 {
        let number = u8::try_from(queue.next).unwrap();
        entered_from(queue, origin(number), now)
    }

    fn entered_from(queue: &mut Queue, origin: Origin, now: Instant) -> u64 {
        match queue.enter(origin, now) {
            Answer::Entered { number, .. } => {
                queue.listen_to(number);
                number
            }
            Answer::Full { .. } => panic!("there is room"),
        }
    }

    fn refused(queue: &mut Queue, now: Instant) -> Option<Instant> {
        match queue.enter(origin(250), now) {
            Answer::Entered { .. } => panic!("there is no room"),
            Answer::Full { again } => again,
        }
    }

    fn queue(places: usize) -> Queue {
        Porch::new(places).queue.into_inner().unwrap()
    }

    #[test]
    fn nobody_has_to_leave_while_there_is_room() {
        let now = Instant::now();
        let mut queue = queue(3);

        let all = [now, now + SPEAKING_STAY, now + SPEAKING_STAY * 9]
            .map(|later| entered(&mut queue, later));

        assert!(all.iter().all(|number| !queue.is_asked(*number)));
    }

    #[test]
    fn who_says_nothing_leaves_first_and_the_oldest_of_them() {
        let now = Instant::now();
        let mut queue = queue(3);
        let speaking = entered(&mut queue, now);
        queue.spoke(speaking);
        let oldest = entered(&mut queue, now);
        let other = entered(&mut queue, now);

        // Not at once: its first bytes may be on their way.
        assert_eq!(refused(&mut queue, now), Some(now + SILENT_STAY));
        assert!(!queue.is_asked(oldest));
        assert_eq!(refused(&mut queue, now + SILENT_STAY), None);
        assert!(queue.is_asked(oldest) && !queue.is_asked(other) && !queue.is_asked(speaking));
        // One leaves for one who comes.
        assert_eq!(refused(&mut queue, now + SPEAKING_STAY), None);
        assert!(!queue.is_asked(other) && !queue.is_asked(speaking));
    }

    #[test]
    fn who_spoke_after_all_stays_and_another_is_asked() {
        let now = Instant::now();
        let mut queue = queue(2);
        let first = entered(&mut queue, now);
        let second = entered(&mut queue, now);
        refused(&mut queue, now + SILENT_STAY);
        assert!(queue.is_asked(first));

        queue.spoke(first);
        refused(&mut queue, now + SILENT_STAY);

        assert!(!queue.is_asked(first) && queue.is_asked(second));
    }

    #[test]
    fn who_speaks_leaves_after_a_while_and_who_is_not_listened_to_stays() {
        let now = Instant::now();
        let mut queue = queue(2);
        let Answer::Entered { number: kept, .. } = queue.enter(origin(251), now) else {
            panic!("there is room");
        };
        let speaking = entered(&mut queue, now);
        queue.spoke(speaking);

        assert_eq!(
            refused(&mut queue, now + SILENT_STAY),
            Some(now + SPEAKING_STAY)
        );
        assert_eq!(refused(&mut queue, now + SPEAKING_STAY), None);
        assert!(queue.is_asked(speaking) && !queue.is_asked(kept));
    }

    #[test]
    fn one_of_a_crowd_that_stopped_in_the_middle_leaves_before_the_others() {
        let now = Instant::now();
        let mut queue = queue(8);
        let other = entered(&mut queue, now);
        queue.spoke(other);
        let crowd: Vec<u64> = (0..7)
            .map(|_| entered_from(&mut queue, origin(200), now))
            .collect();
        for number in &crowd {
            queue.spoke(*number);
        }
        let later = now + CROWDED_STAY;
        queue.moved(crowd[0], later);

        assert_eq!(refused(&mut queue, now), Some(later));
        assert_eq!(refused(&mut queue, later), None);

        let asked: Vec<bool> = crowd.iter().map(|number| queue.is_asked(*number)).collect();
        assert_eq!(asked, [false, true, false, false, false, false, false]);
        assert!(!queue.is_asked(other));
        // Who does something all the time is one of those that speak.
        queue.callers.remove(&crowd[1]);
        let newer = entered_from(&mut queue, origin(200), later);
        queue.spoke(newer);
        for number in &crowd {
            queue.moved(*number, now + SPEAKING_STAY);
        }
        refused(&mut queue, now + SPEAKING_STAY);
        assert!(queue.is_asked(crowd[0]));
    }

    #[test]
    fn callers_of_one_address_or_one_household_are_from_one_place() {
        let of = |address: &str| Origin::of(SocketAddr::new(address.parse().unwrap(), 1));

        assert_eq!(of("10.0.0.1"), of("::ffff:10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:9"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
