// SPDX-License-Identifier: MPL-2.0
//! Watches over the API.
//!
//! A watch pulls: the next event is encoded when the client took the last one. Who does not keep
//! up overruns the store's backlog, is told so as the last word, and begins again.
//!
//! Owns: what a watch begins with, and how events are put together.
//! Never: skips an event silently, or holds up who writes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::api::cosi::resource::{Event as WireEvent, WatchRequest, WatchResponse};
use ::api::rbac::Roles;
use prost::Message as _;
use resource::{Bootstrap, Event, News, Selector, Sensitivity, Watch, WatchError};
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::Stream;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::begin::{self, Begin};
use super::{access, message, query};
use crate::node::Node;
use crate::on_demand;

/// From here on no more events join a response: far below what clients take.
const RESPONSE_LEN: usize = 32 * 1024;

/// How a client is told.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// It knows the events that are no news of a resource.
    has_marks: bool,
    /// It takes several events at once.
    is_aggregated: bool,
    /// What it is told is secret: encoded for it alone, and no copy is kept.
    is_secret: bool,
}

impl Form {
    fn takes(self, event: &Event) -> bool {
        self.has_marks || !matches!(event, Event::Bootstrapped)
    }
}

pub(super) fn watch(
    node: &Arc<Node>,
    roles: Roles,
    asked: WatchRequest,
) -> Result<BoxStream<WatchResponse>, Status> {
    let (namespace, kind) = access::read(roles, &asked.namespace, &asked.r#type)?;
    let options = asked.options.unwrap_or_default();
    asked.id.as_deref().map_or(Ok(()), access::check_id)?;
    let query = query::read(&options.label_query, options.id_query.as_ref())?;
    let (filter, held) = super::hold(node, roles, query)?;
    if asked.id.is_some() && filter.is_some() {
        return Err(Status::unimplemented(
            "label_query, id_query: a watch of one resource has nothing to choose from",
        ));
    }
    let begin = begin::read(&options, asked.id.is_some())?;
    let selector = Selector {
        namespace,
        kind,
        id: asked.id.clone(),
        filter,
    };
    on_demand::refresh(node, kind);
    let mut state = node.state();
    // One resource is told as it is now, also when it is not there.
    let here = state.store.bookmark();
    let present = match (&asked.id, begin) {
        (Some(id), Begin::With(Bootstrap::Nothing)) => {
            Some(match state.store.get_any(namespace, kind, id) {
                Some(present) => message::event(&Event::Created(present.clone()), Some(here))?,
                None => message::absent(namespace, kind.name, id, here),
            })
        }
        (Some(_) | None, Begin::With(_) | Begin::After(_)) => None,
    };
    let mut watch = match begin {
        Begin::With(bootstrap) => state.store.watch(selector, bootstrap),
        Begin::After(bookmark) => {
            let resumed = state.store.resume(selector, bookmark);
            resumed.map_err(begin::refused)?
        }
    };
    if options.bootstrap_bookmark {
        watch.mark(here);
    }
    drop(state);
    let form = Form {
        has_marks: asked.api_version >= 1,
        is_aggregated: options.aggregated,
        is_secret: kind.sensitivity == Sensitivity::Sensitive,
    };
    Ok(Box::pin(Told {
        watch: Some(watch),
        form,
        said: Said::Nothing,
        present,
        _held: held,
        // Counters are read as long as this is there.
        _listener: on_demand::listen(node, kind),
    }))
}

/// A watch as the responses that a client takes, one when it wants one.
///
/// It is no task of its own, because there may be thousands: one that waits is a few hundred bytes.
#[derive(Debug)]
struct Told {
    /// Nothing when the last word was said.
    watch: Option<Watch>,
    form: Form,
    said: Said,
    /// The one resource that is watched, as it was at the beginning.
    present: Option<WireEvent>,
    /// What its query holds in memory.
    _held: Option<OwnedSemaphorePermit>,
    /// Tells who reads counters that somebody wants them.
    _listener: Option<Arc<()>>,
}

/// How far a watch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Ready,
}

impl Stream for Told {
    type Item = Result<WatchResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let told = self.get_mut();
        let Some(watch) = &mut told.watch else {
            return Poll::Ready(None);
        };
        if told.said == Said::Nothing {
            // The first response has no events: it says that from now on nothing is missed.
            told.said = Said::Ready;
            return Poll::Ready(Some(Ok(WatchResponse::default())));
        }
        if let Some(event) = told.present.take() {
            return Poll::Ready(Some(Ok(WatchResponse {
                event: vec![event],
                ..WatchResponse::default()
            })));
        }
        loop {
            let (response, ends) = match ready!(watch.poll_next(context)) {
                Ok(first) => gather(first, watch, told.form),
                Err(error) => (last_word(error, told.form), true),
            };
            if response.as_ref().is_ok_and(says_nothing) {
                continue;
            }
            if ends || response.is_err() {
                told.watch = None;
            }
            return Poll::Ready(Some(response));
        }
    }
}

/// One response: news and, for clients that like it so, what waits behind them.
fn gather(first: News, watch: &mut Watch, form: Form) -> (Result<WatchResponse, Status>, bool) {
    let mut response = WatchResponse::default();
    let mut next = Some(first);
    // Counted as events come: to count all of them again for each is quadratic.
    let mut len: usize = 0;
    while let Some(news) = next.take() {
        if form.takes(&news) {
            match add(&mut response, &news, form) {
                Ok(more) => len = len.saturating_add(more),
                Err(status) => return (Err(status), true),
            }
        }
        if form.is_aggregated && len < RESPONSE_LEN {
            // An error is found again by the next call.
            next = watch.try_next().ok().flatten();
        }
    }
    (Ok(response), false)
}

/// Adds news to a response; returns how many bytes they are.
fn add(response: &mut WatchResponse, news: &News, form: Form) -> Result<usize, Status> {
    if form.is_secret {
        let event = message::event(news, news.bookmark())?;
        let len = event.encoded_len();
        response.event.push(event);
        return Ok(len);
    }
    let event = news.encoded(|event| {
        let event = message::event(event, news.bookmark());
        event.map(|event| event.encode_to_vec().into())
    })?;
    let len = event.len();
    response.encoded.push(event);
    Ok(len)
}

fn says_nothing(response: &WatchResponse) -> bool {
    response.event.is_empty() && response.encoded.is_empty()
}

/// Why a watch ends, in the form that the client knows.
fn last_word(error: WatchError, form: Form) -> Result<WatchResponse, Status> {
    if form.has_marks {
        return Ok(WatchResponse {
            event: vec![message::error(&error)],
            ..WatchResponse::default()
        });
    }
    Err(match error {
        WatchError::Lagged => Status::out_of_range(error.to_string()),
        WatchError::Closed => Status::unavailable(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ::api::cosi::resource::EventType;
    use resource::{BACKLOG_MAX, ResourceSpec as _, Store};
    use tokio_stream::StreamExt as _;
    use tonic::Code;

    use super::*;
    use crate::resources::Service;

    fn put(store: &mut Store, id: &str, healthy: bool) {
        let spec = Service {
            healthy: Some(healthy),
        };
        store
            .put("t", "runtime", id, Arc::new(spec), SystemTime::UNIX_EPOCH)
            .unwrap();
    }

    fn selector() -> Selector {
        Selector {
            namespace: "runtime",
            kind: Service::KIND,
            id: None,
            filter: None,
        }
    }

    /// Everything that a watch says until it ends.
    async fn said(watch: Watch, form: Form) -> Vec<Result<Vec<EventType>, Code>> {
        let mut told = Told {
            watch: Some(watch),
            form,
            said: Said::Nothing,
            present: None,
            _held: None,
            _listener: None,
        };
        let mut said = Vec::new();
        while let Some(response) = told.next().await {
            said.push(match response {
                Ok(response) => {
                    // As the client reads it.
                    let read = WatchResponse::decode(&*response.encode_to_vec()).unwrap();
                    let events = read.event.iter();
                    Ok(events.map(WireEvent::event_type).collect())
                }
                Err(status) => Err(status.code()),
            });
        }
        said
    }

    fn form(has_marks: bool, is_aggregated: bool) -> Form {
        Form {
            has_marks,
            is_aggregated,
            is_secret: false,
        }
    }

    fn with_two() -> (Store, Watch) {
        let mut store = Store::new();
        put(&mut store, "a", true);
        put(&mut store, "b", true);
        let watch = store.watch(selector(), Bootstrap::Contents);
        put(&mut store, "a", false);
        (store, watch)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_client_is_told_in_the_form_that_it_knows() {
        use EventType::{Bootstrapped, Created, Errored, Updated};

        // A store that is gone ends the watch.
        let (_, watch) = with_two();
        assert_eq!(
            said(watch, form(true, false)).await,
            [
                Ok(vec![]),
                Ok(vec![Created]),
                Ok(vec![Created]),
                Ok(vec![Bootstrapped]),
                Ok(vec![Updated]),
                Ok(vec![Errored]),
            ]
        );
        let (_, watch) = with_two();
        let together = [
            Ok(vec![]),
            Ok(vec![Created, Created, Bootstrapped, Updated]),
            Ok(vec![Errored]),
        ];
        assert_eq!(said(watch, form(true, true)).await, together);
        // Secrets are encoded for each alone, and told in the same order.
        let (_, watch) = with_two();
        let secret = Form {
            is_secret: true,
            ..form(true, true)
        };
        assert_eq!(said(watch, secret).await, together);
        let (_, watch) = with_two();
        assert_eq!(
            said(watch, form(false, false)).await,
            [
                Ok(vec![]),
                Ok(vec![Created]),
                Ok(vec![Created]),
                Ok(vec![Updated]),
                Err(Code::Unavailable),
            ]
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_watcher_of_a_flood_that_does_not_keep_up_is_told_so_over_its_stream() {
        let mut store = Store::new();
        let new = store.watch(selector(), Bootstrap::Nothing);
        let old = store.watch(selector(), Bootstrap::Nothing);
        for number in 0..=BACKLOG_MAX {
            put(&mut store, "a", number % 2 == 0);
        }

        assert_eq!(
            said(new, form(true, true)).await,
            [Ok(vec![]), Ok(vec![EventType::Errored])]
        );
        assert_eq!(
            said(old, form(false, false)).await,
            [Ok(vec![]), Err(Code::OutOfRange)]
        );
    }
}
