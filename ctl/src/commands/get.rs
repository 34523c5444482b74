// SPDX-License-Identifier: MPL-2.0
//! `get`: resources of nodes, once or as they change.
//!
//! Owns: which are asked for, and the order in which they are shown.
//! Never: lets one node that fails hide what the others say.

use api::cosi::resource::{Event, EventType, Resource, WatchResponse};
use tokio::task::JoinSet;
use tonic::{Status, Streaming};

use crate::args::Globals;
use crate::args_resource::{Form, Get};
use crate::places::Environment;
use crate::resources::Reader;
use crate::resources::form::{self, Shown};
use crate::resources::kinds::Kind;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::table::Table;
use crate::trouble::Trouble;

/// How much of a table is held until every node said what was there at the beginning: as much as of
/// lists (`resources`), in fewer words.
const HELD_MAX: usize = 16 * 1024 * 1024;

pub(crate) async fn run(
    asked: &Get,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut sessions = Vec::new();
    if asked.insecure {
        for target in Target::insecure(globals, &[])? {
            match target.open().await {
                Ok(session) => sessions.push(session),
                Err(trouble) => screen.complain(&trouble),
            }
        }
    } else {
        sessions.push(Session::open(globals, environment).await?);
    }
    let readers: Vec<Reader<'_>> = sessions.iter().flat_map(Reader::each).collect();
    if asked.watch {
        return watch(&readers, asked, screen).await;
    }
    let mut page = Page::new(asked);
    for reader in readers {
        match read(&reader, asked).await {
            Ok((kind, found)) => {
                for resource in &found {
                    page.show(&reader.name(), None, resource, &kind, screen);
                }
                page.has_head(&kind);
            }
            Err(trouble) => screen.complain(&trouble),
        }
    }
    page.settle(screen);
    Ok(())
}

async fn read(reader: &Reader<'_>, asked: &Get) -> Result<(Kind, Vec<Resource>), Trouble> {
    let kind = reader.resolve(&asked.kind).await?;
    let namespace = asked.namespace.as_deref().unwrap_or(&kind.namespace);
    let found = match &asked.id {
        Some(id) => vec![reader.get(namespace, &kind, id).await?],
        None => reader.list_of(namespace, &kind).await?,
    };
    Ok((kind, found))
}

/// One node's watch.
#[derive(Debug)]
struct Followed {
    reader: usize,
    kind: Kind,
    stream: Streaming<WatchResponse>,
    /// It has said what was there at the beginning.
    is_settled: bool,
}

async fn watch(
    readers: &[Reader<'_>],
    asked: &Get,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut page = Page::new(asked);
    let mut waiting = JoinSet::new();
    let mut unsettled: usize = 0;
    for (index, reader) in readers.iter().enumerate() {
        match open(reader, index, asked).await {
            Ok(followed) => {
                page.has_head(&followed.kind);
                unsettled = unsettled.saturating_add(1);
                waiting.spawn(next(followed));
            }
            Err(trouble) => screen.complain(&trouble),
        }
    }
    while let Some(joined) = waiting.join_next().await {
        let Ok((mut followed, said)) = joined else {
            continue;
        };
        let Some(reader) = readers.get(followed.reader) else {
            continue;
        };
        let was_settled = followed.is_settled;
        let goes_on = match take(&mut followed, said, reader, &mut page, screen) {
            Ok(()) => true,
            Err(trouble) => {
                screen.complain(&trouble);
                followed.is_settled = true;
                false
            }
        };
        if followed.is_settled && !was_settled {
            unsettled = unsettled.saturating_sub(1);
            if unsettled == 0 {
                page.settle(screen);
            }
        }
        if screen.is_closed() {
            return Ok(());
        }
        if goes_on {
            waiting.spawn(next(followed));
        }
    }
    Ok(())
}

async fn open(reader: &Reader<'_>, index: usize, asked: &Get) -> Result<Followed, Trouble> {
    let kind = reader.resolve(&asked.kind).await?;
    let namespace = asked.namespace.as_deref().unwrap_or(&kind.namespace);
    let stream = reader.watch(namespace, &kind, asked.id.as_deref()).await?;
    Ok(Followed {
        reader: index,
        kind,
        stream,
        is_settled: false,
    })
}

type Said = Result<Option<WatchResponse>, Status>;

async fn next(mut followed: Followed) -> (Followed, Said) {
    let said = followed.stream.message().await;
    (followed, said)
}

/// Shows what a node said; an error ends its watch.
fn take(
    followed: &mut Followed,
    said: Said,
    reader: &Reader<'_>,
    page: &mut Page<'_>,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let said = said.map_err(|status| reader.failed(&status, Some(&followed.kind)))?;
    let ended = || Trouble::new(format!("{}: the node ended the watch", reader.name()));
    let said = said.ok_or_else(ended)?;
    for Event {
        resource,
        error,
        event_type,
        ..
    } in said.event
    {
        let event = match EventType::try_from(event_type) {
            Ok(EventType::Created) => "created",
            Ok(EventType::Updated) => "updated",
            Ok(EventType::Destroyed) => "destroyed",
            Ok(EventType::Bootstrapped) => {
                followed.is_settled = true;
                continue;
            }
            Ok(EventType::Errored) => {
                let why = error.unwrap_or_default();
                return Err(Trouble::new(format!(
                    "{}: the watch cannot go on: {why}",
                    reader.name()
                ))
                .hint("watch again: it begins with what is there now"));
            }
            // Nothing happened, or it is of a newer node.
            Ok(EventType::Noop) | Err(_) => continue,
        };
        if let Some(resource) = resource {
            page.show(
                &reader.name(),
                Some(event),
                &resource,
                &followed.kind,
                screen,
            );
            page.check_held()
                .map_err(|trouble| trouble.at(&reader.name()))?;
        }
        // Of one resource there is no more to come first.
        followed.is_settled |= page.asked.id.is_some();
    }
    Ok(())
}

/// What is shown, in the form that was asked for.
#[derive(Debug)]
struct Page<'a> {
    asked: &'a Get,
    table: Option<Table>,
    is_settled: bool,
    /// Bytes of the rows until then.
    held: usize,
    documents: usize,
}

impl<'a> Page<'a> {
    fn new(asked: &'a Get) -> Self {
        Self {
            asked,
            table: None,
            is_settled: false,
            held: 0,
            documents: 0,
        }
    }

    /// Makes sure that the table has a head.
    fn has_head(&mut self, kind: &Kind) {
        let asked = self.asked;
        self.table.get_or_insert_with(|| {
            let mut head = vec!["NODE"];
            if asked.watch {
                head.push("*");
            }
            head.extend(["NAMESPACE", "TYPE", "ID", "VERSION"]);
            head.extend(kind.columns.iter().map(|(name, _)| name.as_str()));
            Table::new(&head)
        });
    }

    fn show(
        &mut self,
        node: &str,
        event: Option<&str>,
        resource: &Resource,
        kind: &Kind,
        screen: &mut Screen<'_>,
    ) {
        let shown = Shown {
            node,
            event,
            resource,
        };
        match &self.asked.output {
            Form::Table => {
                self.has_head(kind);
                let mark = event.map(|event| match event {
                    "created" => "+".to_owned(),
                    "destroyed" => "-".to_owned(),
                    _ => String::new(),
                });
                let cells = std::iter::once(node.to_owned())
                    .chain(mark)
                    .chain(shown.cells(kind));
                match &mut self.table {
                    Some(table) if self.is_settled => {
                        let line = table.line(cells);
                        screen.print(format_args!("{line}\n"));
                    }
                    Some(table) => {
                        let cells: Vec<String> = cells.collect();
                        let bytes = cells.iter().map(String::len);
                        self.held = bytes.fold(self.held, usize::saturating_add);
                        table.row(cells);
                    }
                    None => {}
                }
            }
            Form::Yaml => {
                let mark = if self.documents > 0 { "---\n" } else { "" };
                screen.print(format_args!("{mark}{}", shown.yaml()));
            }
            Form::Json => screen.print(format_args!("{}\n", form::pretty(&shown.json()))),
            Form::Path(template) => {
                let Some(text) = shown.path(template) else {
                    return screen.complain(
                        &Trouble::new(format!("{node}: jsonpath: that is too much to be shown"))
                            .hint("ask for less of it, or take -o json and another program"),
                    );
                };
                let text = form::harmless(&text);
                let end = if text.ends_with('\n') { "" } else { "\n" };
                screen.print(format_args!("{text}{end}"));
            }
        }
        self.documents = self.documents.saturating_add(1);
    }

    /// Refuses to hold more before the table is shown.
    fn check_held(&self) -> Result<(), Trouble> {
        if self.is_settled || self.held <= HELD_MAX {
            return Ok(());
        }
        Err(Trouble::new(format!(
            "more than {HELD_MAX} bytes came without the end of what is there at the beginning"
        ))
        .hint("watch one of them by its id, or with -o json, which shows each as it comes"))
    }

    /// Shows the table of what there is; what comes later follows line by line.
    fn settle(&mut self, screen: &mut Screen<'_>) {
        self.is_settled = true;
        if let (Form::Table, Some(table)) = (&self.asked.output, &self.table) {
            screen.table(table);
        }
    }
}

#[cfg(test)]
mod tests {
    use api::cosi::resource::meta::ResourceDefinitionSpec;

    use super::*;
    use crate::args::Command;
    use crate::tree;

    #[test]
    fn a_table_that_waits_for_its_end_does_not_grow_for_ever() {
        let words = ["ichorctl", "get", "services", "--watch"];
        let command = tree::parse(words).unwrap().command;
        let Command::Get(asked) = command else {
            panic!("{command:?}");
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut err);
        let mut page = Page::new(&asked);
        let kind = Kind::of(ResourceDefinitionSpec::default());

        page.show(
            "node",
            Some("created"),
            &Resource::default(),
            &kind,
            &mut screen,
        );

        assert!(page.held > 0 && page.check_held().is_ok());
        page.held = HELD_MAX + 1;
        assert!(
            page.check_held()
                .unwrap_err()
                .to_string()
                .contains("bytes came")
        );
        page.settle(&mut screen);
        assert!(page.check_held().is_ok());
    }
}
