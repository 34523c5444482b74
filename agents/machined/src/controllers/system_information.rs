// SPDX-License-Identifier: MPL-2.0
//! What the machine is made of, as the firmware tells.
//!
//! Boards without SMBIOS have a device tree: its model and serial number are all that is known. Firmware
//! that says the same UUID on every machine is overruled by a value of META.
//!
//! Owns: `SystemInformation`, `Processor` and `MemoryModule`; read once, when META is loaded.
//! Never: fails for what is not there.

use std::collections::BTreeSet;

use resource::{Body, Controller, Desired, Input, Output};

use crate::files;
use crate::places::Places;
use crate::resources::{MemoryModule, MetaKey, MetaLoaded, Processor, SystemInformation};
use crate::smbios::{self, Machine};

/// The longest table: what the kernel takes of old ones; those of servers have some 10 KiB.
const TABLE_MAX: u64 = 64 * 1024;
/// The longest text of a device tree that is looked at.
const TEXT_MAX: u64 = 256;

pub(super) fn controller(places: &Places) -> Controller {
    let places = places.clone();
    let mut found: Option<Machine> = None;
    Controller {
        name: "hardware.SystemInfoController",
        inputs: vec![
            Input::of::<MetaLoaded>().only(MetaLoaded::ID),
            Input::of::<MetaKey>(),
        ],
        outputs: vec![
            Output::of::<SystemInformation>(),
            Output::of::<Processor>(),
            Output::of::<MemoryModule>(),
        ],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            // No other UUID is shown for a moment.
            if view.get::<MetaLoaded>(MetaLoaded::ID).is_none() {
                return Ok(());
            }
            let Machine {
                mut system,
                processors,
                memory,
            } = found.get_or_insert_with(|| read(&places)).clone();
            if let Some(MetaKey(uuid)) = view.get::<MetaKey>(&MetaKey::id(MetaKey::UUID))
                && !uuid.is_empty()
            {
                system.get_or_insert_default().uuid.clone_from(uuid);
            }
            if let Some(system) = system {
                desired.put(SystemInformation::ID, system);
            }
            let mut taken = BTreeSet::new();
            for processor in processors {
                let id = id(&processor.socket, &mut taken);
                desired.put(id, processor);
            }
            let mut taken = BTreeSet::new();
            for module in memory {
                let id = id(&module.device_locator, &mut taken);
                desired.put(id, module);
            }
            Ok(())
        })),
    }
}

fn read(places: &Places) -> Machine {
    let mut machine = tables(places);
    machine.system = machine.system.or_else(|| device_tree(places));
    machine
}

fn tables(places: &Places) -> Machine {
    let tables = places.at("/sys/firmware/dmi/tables");
    let Ok(table) = files::read_bytes(&tables.join("DMI"), TABLE_MAX) else {
        return Machine::default();
    };
    let entry = files::read_bytes(&tables.join("smbios_entry_point"), TEXT_MAX).unwrap_or_default();
    smbios::parse(&table, smbios::version(&entry))
}

fn device_tree(places: &Places) -> Option<SystemInformation> {
    let text = |name: &str| {
        let path = places.at("/proc/device-tree").join(name);
        let bytes = files::read_bytes(&path, TEXT_MAX).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.trim_matches(['\0', '\n', ' ']).to_owned()
    };
    let found = SystemInformation {
        product_name: text("model"),
        serial_number: text("serial-number"),
        ..SystemInformation::default()
    };
    (found != SystemInformation::default()).then_some(found)
}

/// The name of a socket or slot; firmware that gives two the same name must not hide one.
fn id(name: &str, taken: &mut BTreeSet<String>) -> String {
    let name = match name.replace([' ', '/'], "-") {
        name if name.is_empty() => "unknown".to_owned(),
        name => name,
    };
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone())
        .chain(numbered)
        .find(|id| !taken.contains(id));
    let id = free.unwrap_or(name);
    taken.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::Folder;

    /// A node below this folder whose META is loaded.
    fn loaded(folder: &Folder) -> Bench {
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        bench.say(MetaLoaded::ID, MetaLoaded);
        bench
    }

    fn with_tables(folder: &Folder) {
        let tables = folder.path().join("sys/firmware/dmi/tables");
        std::fs::create_dir_all(&tables).unwrap();
        std::fs::write(tables.join("DMI"), smbios::tests::table()).unwrap();
        std::fs::write(tables.join("smbios_entry_point"), b"_SM_\0\0\x02\x08").unwrap();
    }

    fn system(bench: &Bench) -> Option<&SystemInformation> {
        bench.store.get::<SystemInformation>(SystemInformation::ID)
    }

    #[test]
    fn sockets_and_slots_are_called_by_their_names() {
        let folder = Folder::new();
        with_tables(&folder);
        let mut bench = loaded(&folder);

        assert_eq!(bench.run().calls, 1);

        assert!(bench.store.get::<Processor>("CPU-0").is_some());
        let module = bench.store.get::<MemoryModule>("DIMM-0").unwrap();
        assert_eq!(module.size_mib, 256);
        assert_eq!(system(&bench).unwrap().product_name, "Standard PC");
        // Nothing is read again while nothing changes.
        assert_eq!(bench.run().calls, 0);
    }

    #[test]
    fn a_value_of_meta_takes_the_place_of_the_uuid_and_gives_it_back() {
        let folder = Folder::new();
        with_tables(&folder);
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        let key = MetaKey::id(MetaKey::UUID);
        bench.say(&key, MetaKey("of-meta".to_owned()));
        bench.run();
        assert_eq!(system(&bench), None, "META is not loaded yet");

        bench.say(MetaLoaded::ID, MetaLoaded);
        bench.run();
        let overruled = system(&bench).unwrap().clone();
        let kind = <MetaKey as resource::ResourceSpec>::KIND;
        let now = bench.now.wall;
        let _gone = bench.store.tear_down("test", "runtime", kind, &key, now);
        bench.run();

        let firmwares = system(&bench).unwrap();
        assert_eq!(overruled.uuid, "of-meta");
        assert_eq!(overruled.product_name, firmwares.product_name);
        assert!(firmwares.uuid.len() == 36, "{firmwares:?}");
    }

    #[test]
    fn a_board_without_any_table_has_the_uuid_of_meta() {
        let folder = Folder::new();
        let mut bench = loaded(&folder);
        bench.say("0x0f", MetaKey("of-meta".to_owned()));

        bench.run();

        assert_eq!(system(&bench).unwrap().uuid, "of-meta");
    }

    #[test]
    fn a_board_is_known_by_its_device_tree_and_nothing_is_nothing() {
        let folder = Folder::new();
        let mut bench = loaded(&folder);
        bench.run();
        assert_eq!(bench.store.list::<SystemInformation>().count(), 0);

        let tree = folder.path().join("proc/device-tree");
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(tree.join("model"), "Pine64 Rock64\0").unwrap();
        let mut bench = loaded(&folder);
        bench.run();

        assert_eq!(system(&bench).unwrap().product_name, "Pine64 Rock64");
        assert_eq!(bench.store.list::<Processor>().count(), 0);
    }

    #[test]
    fn two_slots_of_one_name_are_both_shown() {
        let mut taken = BTreeSet::new();

        let ids = ["DIMM 0", "DIMM 0", "", "a/b"].map(|name| id(name, &mut taken));

        assert_eq!(ids, ["DIMM-0", "DIMM-0-2", "unknown", "a-b"]);
    }
}
