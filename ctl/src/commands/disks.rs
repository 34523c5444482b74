// SPDX-License-Identifier: MPL-2.0
//! `disks`.
//!
//! Owns: the table.
//! Never: asks a node in maintenance mode to speak for another.

use api::storage::Disk;
use api::storage::disk::DiskType;

use crate::args::Globals;
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

const HEAD: [&str; 14] = [
    "NODE",
    "DEV",
    "MODEL",
    "SERIAL",
    "TYPE",
    "UUID",
    "WWID",
    "MODALIAS",
    "NAME",
    "SIZE",
    "BUS_PATH",
    "SUBSYSTEM",
    "READ_ONLY",
    "SYSTEM_DISK",
];

/// Whether rows begin with their node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nodes {
    Named,
    Unnamed,
}

pub(crate) async fn run(
    insecure: bool,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if !insecure {
        let session = Session::open(globals, environment).await?;
        let mut table = Table::new(&HEAD);
        ask(&session, &mut table, Nodes::Named, screen).await?;
        screen.table(&table);
        return Ok(());
    }
    let targets = Target::insecure(globals, &[])?;
    // One node is not named in its own table, as in the documents.
    let nodes = match targets.len() {
        1 => Nodes::Unnamed,
        _ => Nodes::Named,
    };
    let mut table = Table::new(cut(&HEAD, nodes));
    for target in targets {
        let outcome = match target.open().await {
            Ok(session) => ask(&session, &mut table, nodes, screen).await,
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = outcome {
            screen.complain(&trouble);
        }
    }
    screen.table(&table);
    Ok(())
}

fn cut<T>(cells: &[T], nodes: Nodes) -> &[T] {
    match (nodes, cells) {
        (Nodes::Unnamed, [_node, rest @ ..]) => rest,
        (Nodes::Named | Nodes::Unnamed, all) => all,
    }
}

async fn ask(
    session: &Session,
    table: &mut Table,
    nodes: Nodes,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let reply = session.storage().disks(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        for disk in &message.disks {
            table.row(cut(&row(&node, disk), nodes).iter().cloned());
        }
    }
    Ok(())
}

fn row(node: &str, disk: &Disk) -> [String; 14] {
    let kind = match disk.r#type() {
        DiskType::Unknown => "UNKNOWN",
        DiskType::Ssd => "SSD",
        DiskType::Hdd => "HDD",
        DiskType::Nvme => "NVME",
        DiskType::Sd => "SD",
    };
    let dash = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
    let star = |is_so: bool| if is_so { "*" } else { "" }.to_owned();
    [
        node.to_owned(),
        dash(&disk.device_name),
        dash(&disk.model),
        dash(&disk.serial),
        kind.to_owned(),
        dash(&disk.uuid),
        dash(&disk.wwid),
        dash(&disk.modalias),
        dash(&disk.name),
        units::size(disk.size),
        dash(&disk.bus_path),
        dash(&disk.subsystem),
        star(disk.readonly),
        star(disk.system_disk),
    ]
}
