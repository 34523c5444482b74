// SPDX-License-Identifier: MPL-2.0
//! One file for each command.
//!
//! Owns: which function does which command.
//! Never: does one itself.

mod apply;
mod change;
mod completion;
mod containers;
mod copy;
mod dashboard;
mod disks;
mod edit;
mod etcd;
mod events;
mod extension;
mod extension_new;
mod frame;
pub(crate) mod gen_check;
mod gen_config;
mod gen_keys;
mod gen_secrets;
mod generate;
mod get;
mod health;
mod image;
mod images;
mod inject;
mod inspect;
mod interactive;
mod kubeconfig;
mod list;
mod machineconfig;
mod man;
mod memory;
mod meta;
mod mounts;
mod netstat;
mod order;
mod patch;
mod pcap;
mod power;
mod processes;
mod read;
mod run;
mod services;
mod stream;
mod support;
mod talosconfig;
mod time;
mod usage;
mod validate;
mod version;

use crate::args::{Command, Globals, Line};
use crate::args_extension::{Image, OfImage};
use crate::args_inspect::Inspect;
use crate::args_local::Local;
pub(crate) use crate::commands::extension::refused;
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;

/// Does what the line says.
pub(crate) async fn run(
    line: Line,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let globals = &line.globals;
    let open = || Session::open(globals, environment);
    match line.command {
        Command::ApplyConfig(asked) => apply::run(&asked, globals, environment, screen).await,
        Command::Config(what) => talosconfig::run(what, globals, environment, screen).await,
        Command::Containers(asked) => containers::list(&open().await?, &asked, screen).await,
        Command::Copy(asked) => copy::run(&open().await?, &asked, environment, screen).await,
        Command::Dashboard { update_interval } => {
            let target = Target::configured(globals, environment)?;
            dashboard::run(target, update_interval).await
        }
        Command::Disks { insecure } => disks::run(insecure, globals, environment, screen).await,
        Command::Dmesg { follow, tail } => {
            stream::dmesg(&open().await?, follow, tail, screen).await
        }
        Command::Edit(asked) => {
            let target = Target::configured(globals, environment)?;
            edit::run(&asked, &target, environment, screen).await
        }
        Command::Events(asked) => events::run(&open().await?, &asked, screen).await,
        Command::Get(asked) => get::run(&asked, globals, environment, screen).await,
        Command::Health(asked) => health::run(open().await?, &asked, screen).await,
        Command::Image(asked) => of_image(asked, globals, environment, screen).await,
        Command::Inspect(Inspect::Dependencies { with_resources }) => {
            inspect::dependencies(&open().await?, with_resources, screen).await
        }
        Command::Kubeconfig(asked) => {
            kubeconfig::run(&open().await?, &asked, environment, screen).await
        }
        Command::List(asked) => list::run(&open().await?, &asked, environment, screen).await,
        Command::Logs(asked) => stream::logs(&open().await?, &asked, screen).await,
        Command::Memory { verbose } => memory::run(&open().await?, verbose, screen).await,
        Command::Meta(asked) => meta::run(&asked, globals, environment, screen).await,
        Command::Mounts => mounts::run(&open().await?, screen).await,
        Command::Netstat(asked) => netstat::run(&open().await?, &asked, screen).await,
        Command::Patch(asked) => {
            let target = Target::configured(globals, environment)?;
            patch::run(&asked, &target, environment, screen).await
        }
        Command::Pcap(asked) => pcap::run(&open().await?, &asked, environment, screen).await,
        Command::Processes { sort, watch } => {
            processes::run(&open().await?, sort, watch, screen).await
        }
        Command::Read { path } => read::run(&open().await?, &path, screen).await,
        Command::Restart(asked) => containers::restart(&open().await?, &asked, screen).await,
        Command::Run(asked) => run::run(&open().await?, &asked, screen).await,
        Command::Service { id, action } => {
            services::run(&open().await?, id.as_deref(), action, environment, screen).await
        }
        Command::Stats(asked) => containers::stats(&open().await?, &asked, screen).await,
        Command::Support(asked) => support::run(open().await?, &asked, environment, screen).await,
        Command::Time { check } => time::run(&open().await?, check.as_deref(), screen).await,
        Command::Usage(asked) => usage::run(&open().await?, &asked, screen).await,
        Command::Version(asked) => version::run(&asked, globals, environment, screen).await,
        Command::Local(asked) => at_home(asked, environment, screen).await,
        Command::Order(asked) => order::run(asked, globals, environment, screen).await,
    }
}

async fn of_image(
    asked: Image,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let open = || Session::open(globals, environment);
    match asked.what {
        OfImage::Default => {
            images::default(screen);
            Ok(())
        }
        OfImage::Extend(what) => image::extend(&what, environment, screen).await,
        OfImage::List => images::list(&open().await?, asked.namespace, screen).await,
        OfImage::Pull { image } => {
            images::pull(&open().await?, asked.namespace, &image, screen).await
        }
    }
}

/// What needs no node.
async fn at_home(
    asked: Local,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    match asked {
        Local::Completion { shell } => {
            completion::run(shell, screen);
            Ok(())
        }
        Local::Extension(what) => extension::run(&what, environment, screen).await,
        Local::Gen { force, what } => generate::run(&what, force, environment, screen),
        Local::Inject(what) => inject::run(&what, environment, screen),
        Local::Machineconfig(what) => machineconfig::run(&what, environment, screen),
        Local::Man { folder } => man::run(&folder, environment, screen),
        Local::Validate(asked) => validate::run(&asked, environment, screen),
    }
}
