// SPDX-License-Identifier: MPL-2.0
//! Resources of the machine itself.
//!
//! Owns: what the firmware tells, as resources.
//! Never: reads the firmware.

use super::field::spec;

spec! {
    /// A socket for a processor. Its id is its name, with `-` for spaces.
    Processor,
    "Processors.hardware.talos.dev" in "hardware",
    ["cpus", "cpu", "processor"],
    ["Manufacturer" = "{.manufacturer}", "Model" = "{.productName}", "Cores" = "{.coreCount}",
     "Threads" = "{.threadCount}"],
    Public,
    {
        1 "socket" socket: String, omit, "What is printed beside it.";
        2 "manufacturer" manufacturer: String, omit, "Who made the processor.";
        3 "productName" product_name: String, omit, "What its maker calls it.";
        4 "maxSpeedMhz" max_speed_mhz: u32, omit, "The most that the socket takes, in MHz.";
        5 "bootSpeedMhz" boot_speed_mhz: u32, omit, "How fast it was at the start, in MHz.";
        6 "status" status: u32, omit, "Bit 6: there is one; bits 0 to 2: how it is.";
        7 "serialNumber" serial_number: String, omit, "Its serial number.";
        8 "assetTag" asset_tag: String, omit, "What its owner calls it.";
        9 "partNumber" part_number: String, omit, "Its part number.";
        10 "coreCount" core_count: u32, omit, "How many cores it has.";
        11 "coreEnabled" core_enabled: u32, omit, "How many of them are on.";
        12 "threadCount" thread_count: u32, omit, "How many threads they run at once.";
    }
}

spec! {
    /// A slot for memory. Its id is its name, with `-` for spaces.
    MemoryModule,
    "MemoryModules.hardware.talos.dev" in "hardware",
    ["memorymodules", "ram", "memorymodule", "mm", "mms"],
    ["Manufacturer" = "{.manufacturer}", "Model" = "{.productName}", "SizeMiB" = "{.sizeMiB}"],
    Public,
    {
        1 "sizeMiB" size_mib: u32, omit, "How much is in it, in MiB.";
        2 "deviceLocator" device_locator: String, omit, "What is printed beside it.";
        3 "bankLocator" bank_locator: String, omit, "What is printed beside its bank.";
        4 "speed" speed_mts: u32, omit, "The most that the module can, in megatransfers a second.";
        5 "manufacturer" manufacturer: String, omit, "Who made the module.";
        6 "serialNumber" serial_number: String, omit, "Its serial number.";
        7 "assetTag" asset_tag: String, omit, "What its owner calls it.";
        8 "productName" product_name: String, omit, "Its part number.";
    }
}

spec! {
    /// The machine. Its id is `systeminformation`.
    SystemInformation,
    "SystemInformations.hardware.talos.dev" in "hardware",
    ["systeminformation", "systeminformation", "si", "sis"],
    ["Manufacturer" = "{.manufacturer}", "ProductName" = "{.productName}",
     "Version" = "{.version}", "SerialNumber" = "{.serialnumber}", "UUID" = "{.uuid}",
     "WakeUpType" = "{.wakeUpType}", "SKUNumber" = "{.skuNumber}"],
    Public,
    {
        1 "manufacturer" manufacturer: String, omit, "Who made it.";
        2 "productName" product_name: String, omit, "What its maker calls it.";
        3 "version" version: String, omit, "Which one of that name.";
        4 "serialnumber" serial_number: String, omit, "Its serial number.";
        5 "uuid" uuid: String, omit, "What tells it from all others.";
        6 "wakeUpType" wake_up_type: String, omit, "What switched it on.";
        7 "skuNumber" sku_number: String, omit, "What one orders it by.";
    }
}

impl SystemInformation {
    /// Its only id.
    pub(crate) const ID: &'static str = "systeminformation";
}
