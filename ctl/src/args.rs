// SPDX-License-Identifier: MPL-2.0
//! The command line as a tree of types.
//!
//! Owns: every command, flag, alias, default and help text.
//! Never: does anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use config::GoDuration;

use crate::args_capture::Pcap;
use crate::args_cluster::{Health, Kubeconfig};
use crate::args_config::Config;
use crate::args_containers::{Containers, RestartContainer};
use crate::args_extension::Image;
use crate::args_files::{Copy, List, Usage};
use crate::args_inspect::Inspect;
use crate::args_local::Local;
use crate::args_meta::Meta;
use crate::args_netstat::Netstat;
use crate::args_order::Order;
use crate::args_resource::{Change, Get, Patch};
use crate::args_run::Run;

/// The whole line.
#[derive(Debug, Parser)]
#[command(
    name = "ichorctl",
    version,
    about = "Drives Ichor nodes over their API",
    after_help = "Example: ichorctl -e 10.0.0.2 -n 10.0.0.2 services",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Line {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command. `tree` adds the lists, which are joined, to all of them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// Client configuration file; else $TALOSCONFIG, else the first that is there of $HOME/.talos/config,
    /// $XDG_CONFIG_HOME/talos/config.yaml and /var/run/secrets/talos.dev/config
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) talosconfig: Option<PathBuf>,
    /// Context of the client configuration to use
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub(crate) context: Option<String>,
    /// Endpoints to connect to instead of the context's; with :PORT if it is not 50000
    #[arg(short, long, value_delimiter = ',', value_name = "ADDRESS", value_parser = item)]
    pub(crate) endpoints: Vec<String>,
    /// Nodes that the command is for
    #[arg(short, long, value_delimiter = ',', value_name = "NODE", value_parser = item)]
    pub(crate) nodes: Vec<String>,
    /// Cluster to reach through an endpoint that serves several
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
}

/// One of several nodes or endpoints. Whoever passes a variable that is empty does not mean the
/// endpoint of the context, which would be told to `reset` then.
fn item(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it names nothing; leave the flag out to use those of the context".to_owned());
    }
    Ok(text.to_owned())
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a new configuration to a node
    #[command(
        visible_alias = "apply",
        after_help = "Example: ichorctl apply-config --insecure -n 10.0.0.2 -f controlplane.yaml"
    )]
    ApplyConfig(ApplyConfig),
    /// Change the client configuration file (talosconfig)
    #[command(
        subcommand,
        after_help = "Example: ichorctl config merge ./talosconfig"
    )]
    Config(Config),
    /// List the containers of nodes
    #[command(
        visible_aliases = ["container", "c"],
        after_help = "Example: ichorctl -n 10.0.0.2 containers"
    )]
    Containers(Containers),
    /// Copy a file or a folder from a node
    #[command(
        visible_alias = "cp",
        after_help = "Examples: ichorctl -n 10.0.0.2 copy /var/log ./log\n          \
                      ichorctl -n 10.0.0.2 copy /var/log - > log.tar.gz"
    )]
    Copy(Copy),
    /// Show what nodes are and do, live in the terminal
    #[command(
        after_help = "Keys: F1 F2 F4 (or 1 2 4)  summary, monitor, logs\n      \
                      h l, left right      another node\n      \
                      j k, up down         scroll; Ctrl-D Ctrl-U half a page, Ctrl-F Ctrl-B a page\n      \
                      n p                  another log\n      \
                      q, Ctrl-C            leave\n\n\
                      Example: ichorctl -n 10.0.0.2,10.0.0.3 dashboard"
    )]
    Dashboard {
        /// Time between updates
        #[arg(short = 'd', long, default_value = "3s", value_parser = duration)]
        update_interval: Duration,
    },
    /// List disks
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 disks --insecure")]
    Disks {
        /// Ask a node in maintenance mode
        #[arg(short, long)]
        insecure: bool,
    },
    /// Show the kernel log
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 dmesg --follow")]
    Dmesg {
        /// Go on with what comes
        #[arg(short, long)]
        follow: bool,
        /// Only new messages (with --follow)
        #[arg(long)]
        tail: bool,
    },
    /// Change a configuration in an editor: $TALOS_EDITOR, else $EDITOR, else vi
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 edit machineconfig --mode no-reboot")]
    Edit(Change),
    /// Show what happens on nodes, as it happens
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 events --tail 20")]
    Events(Events),
    /// Show resources: what nodes know about themselves
    #[command(
        visible_alias = "g",
        after_help = "Examples: ichorctl -n 10.0.0.2 get rd\n          \
                      ichorctl -n 10.0.0.2 get machineconfig -o yaml\n          \
                      ichorctl -n 10.0.0.2 get services --watch"
    )]
    Get(Get),
    /// Check the health of a cluster
    #[command(after_help = "Examples: ichorctl -n 10.0.0.2 health\n          \
                      ichorctl health --server=false --control-plane-nodes 10.0.0.2 --worker-nodes 10.0.0.3")]
    Health(Health),
    /// Make boot images; show and pull the images of containers
    #[command(
        visible_alias = "images",
        after_help = "Example: ichorctl image extend initramfs --extension ./hello -o initramfs.new"
    )]
    Image(Image),
    /// Look inside of a node
    #[command(
        subcommand,
        after_help = "Example: ichorctl -n 10.0.0.2 inspect dependencies"
    )]
    Inspect(Inspect),
    /// Get the administrator's kubeconfig
    #[command(after_help = "Examples: ichorctl -n 10.0.0.2 kubeconfig\n          \
                      ichorctl -n 10.0.0.2 kubeconfig ./kubeconfig --merge=false")]
    Kubeconfig(Kubeconfig),
    /// List the files of a node
    #[command(
        visible_aliases = ["l", "ls"],
        after_help = "Example: ichorctl -n 10.0.0.2 list /etc --long"
    )]
    List(List),
    /// Show what a service wrote
    #[command(
        visible_alias = "log",
        after_help = "Example: ichorctl -n 10.0.0.2 logs machined -f"
    )]
    Logs(Logs),
    /// Show memory usage
    #[command(
        visible_alias = "m",
        after_help = "Example: ichorctl -n 10.0.0.2 memory"
    )]
    Memory {
        /// Every number of the kernel
        #[arg(short, long)]
        verbose: bool,
    },
    /// Write and delete values of META, which outlive the configuration
    #[command(
        after_help = "Examples: ichorctl -n 10.0.0.2 meta write 0xa \"$(cat network.yaml)\"\n          \
                      ichorctl -n 10.0.0.2 meta delete 0xa"
    )]
    Meta(Meta),
    /// List mounts
    #[command(
        visible_alias = "mount",
        after_help = "Example: ichorctl -n 10.0.0.2 mounts"
    )]
    Mounts,
    /// Show connections and sockets
    #[command(
        visible_alias = "ss",
        after_help = "Example: ichorctl -n 10.0.0.2 netstat --listening --programs"
    )]
    Netstat(Netstat),
    /// Change a configuration by patches
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 patch machineconfig -p @mtu.yaml")]
    Patch(Patch),
    /// Capture packets of a node
    #[command(
        after_help = "Examples: ichorctl -n 10.0.0.2 pcap -i eth0 --duration 10s\n          \
                      ichorctl -n 10.0.0.2 pcap -o - | tcpdump -vvv -r -\n          \
                      ichorctl -n 10.0.0.2 pcap --bpf-filter \"$(tcpdump -dd -y EN10MB 'udp port 53')\""
    )]
    Pcap(Pcap),
    /// List processes
    #[command(
        visible_aliases = ["process", "p", "ps"],
        after_help = "Example: ichorctl -n 10.0.0.2 processes --sort cpu"
    )]
    Processes {
        /// Order
        #[arg(short, long, default_value = "rss")]
        sort: Sort,
        /// Show again every second
        #[arg(short, long)]
        watch: bool,
    },
    /// Show a file of a node
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 read /proc/modules")]
    Read {
        /// The file
        path: String,
    },
    /// Restart a container
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 restart ctr-web")]
    Restart(RestartContainer),
    /// Run a container on a node
    #[command(
        after_help = "Examples: ichorctl -n 10.0.0.2 run --rm busybox:1.36 echo hello\n          \
                      ichorctl -n 10.0.0.2 run -d --restart always --memory 64MiB -v /var/www:/srv:ro \\\n            \
                      busybox:1.36 httpd -f -p 8080 -h /srv"
    )]
    Run(Box<Run>),
    /// Show services, or start, stop and restart one
    #[command(
        visible_alias = "services",
        after_help = "Examples: ichorctl -n 10.0.0.2 services\n          \
                      ichorctl -n 10.0.0.2 service udevd restart"
    )]
    Service {
        /// The service
        id: Option<String>,
        /// What to do with it
        #[arg(default_value = "status")]
        action: ServiceAction,
    },
    /// Show what containers use
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 stats")]
    Stats(Containers),
    /// Collect what nodes say about themselves in an archive, without secrets
    #[command(after_help = "Example: ichorctl -n 10.0.0.2,10.0.0.3 support -O nodes.zip")]
    Support(Support),
    /// Compare the time of nodes with a time server
    #[command(after_help = "Examples: ichorctl -n 10.0.0.2 time\n          \
                      ichorctl -n 10.0.0.2 time --check pool.ntp.org")]
    Time {
        /// The time server to ask, instead of the configured ones
        #[arg(short, long, value_name = "SERVER")]
        check: Option<String>,
    },
    /// Show how much files and folders take
    #[command(
        visible_alias = "du",
        after_help = "Example: ichorctl -n 10.0.0.2 usage /var --depth 1 --humanize"
    )]
    Usage(Usage),
    /// Show versions of client and nodes
    #[command(after_help = "Example: ichorctl version --client --short")]
    Version(Version),
    #[command(flatten)]
    Local(Local),
    #[command(flatten)]
    Order(Order),
}

#[derive(Debug, Args)]
pub(crate) struct ApplyConfig {
    /// What is applied; there is only one kind
    #[arg(value_parser = ["machineconfig", "mc", "config"], hide = true)]
    pub(crate) kind: Option<String>,
    /// The configuration; - reads standard input. Mode interactive makes one itself
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// To a node in maintenance mode: encrypted, but nobody shows who they are
    #[arg(short, long)]
    pub(crate) insecure: bool,
    /// When it takes effect
    #[arg(short, long, default_value = "auto")]
    pub(crate) mode: ApplyMode,
    /// Only say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Patch for the file before it is sent: text, or @FILE, or @- for standard input
    #[arg(short = 'p', long, value_name = "PATCH")]
    pub(crate) config_patch: Vec<String>,
    /// With --insecure: accept only servers with one of these fingerprints
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "FINGERPRINT",
        requires = "insecure"
    )]
    pub(crate) cert_fingerprint: Vec<String>,
    /// With mode try: when the old configuration comes back, or the node waits for one again
    #[arg(long, default_value = "1m0s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Go back to the old configuration, or wait for one again, unless this one is confirmed within
    /// TIME; `now` confirms
    #[arg(long, value_name = "TIME", value_parser = confirmation)]
    pub(crate) confirm: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApplyMode {
    Auto,
    Interactive,
    NoReboot,
    Reboot,
    Staged,
    Try,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only events that this actor caused
    #[arg(long, default_value = "", value_name = "ID")]
    pub(crate) actor_id: String,
    /// Begin this long ago
    #[arg(long, value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Begin after this event
    #[arg(long, default_value = "", value_name = "ID")]
    pub(crate) since: String,
    /// Begin this many events ago; -1: with all there are
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) tail: i32,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The service; or controller-runtime, kernel or syslogd
    pub(crate) service: String,
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// A container of Kubernetes instead of a service
    #[arg(short, long)]
    pub(crate) kubernetes: bool,
    /// Only the last lines; -1: all
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) tail: i32,
}

#[derive(Debug, Args)]
pub(crate) struct Support {
    /// Questions to each node at the same time
    #[arg(
        short = 'w',
        long,
        default_value_t = 1,
        value_name = "NUMBER",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=32)
    )]
    pub(crate) num_workers: usize,
    /// The archive; without it support.zip. It must not exist
    #[arg(short = 'O', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Name each file as it comes
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Rss,
    Cpu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RebootMode {
    Default,
    Powercycle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServiceAction {
    Start,
    Stop,
    Restart,
    Status,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Version {
    /// Only the client's
    #[arg(long)]
    pub(crate) client: bool,
    /// One line each
    #[arg(long)]
    pub(crate) short: bool,
    /// Ask a node in maintenance mode
    #[arg(short, long)]
    pub(crate) insecure: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Wait until it is done
    #[arg(
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) wait: bool,
    /// Show the kernel log meanwhile; always waits
    #[arg(long)]
    pub(crate) debug: bool,
    /// How long to wait at most
    #[arg(long, default_value = "30m0s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Reads `1m30s` as Go writes it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    GoDuration::parse(text)
        .and_then(GoDuration::to_std)
        .ok_or_else(|| "a duration such as 30s, 5m or 1h30m is wanted".to_owned())
}

/// What `--confirm` takes in place of a time: what is on trial is good.
pub(crate) const NOW: &str = "now";

/// What the node reads itself, checked before anything is sent.
pub(crate) fn confirmation(text: &str) -> Result<String, String> {
    match duration(text) {
        Ok(time) if !time.is_zero() => Ok(text.to_owned()),
        _ if text == NOW => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("now, or a time such as 30s, 5m or 1h30m is wanted".to_owned()),
    }
}
