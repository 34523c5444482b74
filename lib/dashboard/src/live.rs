// SPDX-License-Identifier: MPL-2.0
//! The dashboard in motion: keys and news come in, the screen follows.
//!
//! Owns: when something is drawn.
//! Never: draws more often than somebody can look, or goes on without its terminal.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::model::{Action, Dashboard, News, Seat};
use crate::serve::{Dial, follow};
use crate::terminal::{self, Screen};
use crate::view;

/// Logs that run are not drawn more often.
const GAP: Duration = Duration::from_millis(250);
/// News that wait; more make the one who asks wait.
const NEWS_MAX: usize = 64;

/// Shows nodes until the operator leaves; each is asked `every` so often while it is shown. Whoever
/// hears a signal meanwhile drops this: the terminal is as before then.
///
/// # Errors
/// The terminal cannot be used, or is gone.
pub async fn run(
    names: &[String],
    seat: Seat,
    dial: Arc<dyn Dial>,
    every: Duration,
) -> io::Result<()> {
    let mut dashboard = Dashboard::new(names, seat);
    let mut screen = Screen::open()?;
    let mut keys = terminal::keys();
    let (tell, mut news) = mpsc::channel(NEWS_MAX);
    let (want, wanted) = watch::channel(dashboard.wanted());
    let mut followed = JoinSet::new();
    let mut start = |place: usize| {
        // One node at a time; the last one's connection ends here.
        followed.abort_all();
        followed.spawn(follow(
            place,
            Arc::clone(&dial),
            every,
            wanted.clone(),
            tell.clone(),
        ));
    };
    start(0);
    let mut drawn_at = draw(&mut screen, &dashboard)?;
    let mut is_stale = false;
    loop {
        let draws_at = drawn_at.checked_add(GAP).unwrap_or(drawn_at);
        tokio::select! {
            key = keys.recv() => {
                let key = key.ok_or(io::ErrorKind::UnexpectedEof)??;
                let page = view::page(&dashboard, screen.area());
                match dashboard.press(key, page) {
                    Action::Nothing => continue,
                    Action::Draw => {}
                    Action::DrawAnew => screen.clear()?,
                    Action::Follow => {
                        want.send_replace(dashboard.wanted());
                        start(dashboard.place().0);
                    }
                    Action::Want => { want.send_replace(dashboard.wanted()); }
                    Action::Quit => return Ok(()),
                }
                drawn_at = draw(&mut screen, &dashboard)?;
                is_stale = false;
            }
            Some((place, news)) = news.recv() => {
                hear(&mut dashboard, place, news, &want);
                is_stale = true;
            }
            () = sleep_until(draws_at), if is_stale => {
                drawn_at = draw(&mut screen, &dashboard)?;
                is_stale = false;
            }
        }
    }
}

fn draw(screen: &mut Screen, dashboard: &Dashboard) -> io::Result<Instant> {
    screen.draw(|frame| view::draw(frame, dashboard))?;
    Ok(Instant::now())
}

/// Takes news; when a log is gone with its service, another is wanted.
fn hear(
    dashboard: &mut Dashboard,
    place: usize,
    news: News,
    want: &watch::Sender<crate::model::Wanted>,
) {
    dashboard.hear(place, news);
    let wanted = dashboard.wanted();
    want.send_if_modified(|old| {
        let is_other = *old != wanted;
        *old = wanted;
        is_other
    });
}
