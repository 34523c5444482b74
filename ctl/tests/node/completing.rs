// SPDX-License-Identifier: MPL-2.0
//! Completion: what is offered for the last of some words, and the scripts that ask for it.
//!
//! Owns: each source of words, and that nothing else is ever said.
//! Never: trusts a script that no shell has read: bash reads its own here.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use ichorctl::Outcome;

use crate::desk::Desk;
use crate::double::Node;
use crate::terminal::Terminal;

/// The answer for a line whose words one blank parts; at the end of it a blank begins a word.
fn answer(desk: &Desk, line: &str) -> String {
    let words: Vec<&str> = std::iter::once("__complete")
        .chain(line.split(' '))
        .collect();
    let said = desk.run_words(&words);
    assert_eq!((said.outcome, said.err.as_str()), (Outcome::Done, ""));
    said.out
}

/// The words of an answer.
fn words(answer: &str) -> Vec<&str> {
    let (words, orders) = answer.rsplit_once(':').unwrap();
    assert!(orders.trim_end().parse::<u8>().is_ok(), "{answer}");
    let word = |line| str::split(line, '\t').next().unwrap();
    words.lines().map(word).collect()
}

fn offered(desk: &Desk, line: &str, expected: &[&str]) {
    assert_eq!(words(&answer(desk, line)), expected, "{line}");
}

/// A desk with a cluster whose context leads to a node.
fn with_node() -> (Desk, Node) {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.run(&format!("config endpoint {}", node.address))
        .done();
    desk.run("config node 10.0.0.2 10.0.0.3").done();
    (desk, node)
}

#[test]
fn cmd_008_commands_flags_and_values_are_offered_without_a_node() {
    let desk = Desk::empty();
    for (line, expected) in [
        ("ser", &["service"][..]),
        ("services", &["services"]),
        ("l", &["list", "logs"]),
        ("inspect dep", &["dependencies"]),
        ("config conte", &["context", "contexts"]),
        ("processes --so", &["--sort"]),
        ("nothing-like-it", &[]),
        ("nothing like it", &[]),
        ("get rd -o j", &["json", "jsonpath="]),
        ("g rd --output=", &["json", "jsonpath=", "table", "yaml"]),
        ("service apid ", &["restart", "start", "status", "stop"]),
        ("list -t f,", &["f,d", "f,l"]),
        ("edit ", &["machineconfig"]),
        ("patch mc ", &["v1alpha1"]),
        ("completion ", &["bash", "fish", "zsh"]),
        ("run busybox ls -", &[]),
    ] {
        offered(&desk, line, expected);
    }
    assert_eq!(answer(&desk, "--talosconfig x"), ":0\n");
    assert_eq!(answer(&desk, "man "), ":16\n");
    assert_eq!(answer(&desk, "get rd -o jsonp"), "jsonpath=\n:6\n");
    let about = "machineconfig\tGenerate and patch configurations\n:4\n";
    assert_eq!(answer(&desk, "machinec"), about);
    let said = desk.run_words(&["__complete"]);
    assert!(said.done().contains("\nservice\t"));
}

#[test]
fn cmd_008_every_command_is_offered() {
    let out = answer(&Desk::empty(), "");
    let words = words(&out);
    for word in [
        "apply-config",
        "bootstrap",
        "config",
        "containers",
        "dashboard",
        "disks",
        "dmesg",
        "etcd",
        "events",
        "gen",
        "get",
        "health",
        "image",
        "inspect",
        "kubeconfig",
        "list",
        "logs",
        "memory",
        "meta",
        "mounts",
        "netstat",
        "patch",
        "pcap",
        "processes",
        "read",
        "reboot",
        "reset",
        "restart",
        "rollback",
        "service",
        "shutdown",
        "stats",
        "support",
        "time",
        "upgrade",
        "usage",
        "validate",
        "version",
    ] {
        assert!(words.contains(&word), "{word}: {out}");
    }
    assert!(!words.contains(&"__complete"), "{out}");
}

#[test]
fn cmd_008_contexts_endpoints_and_nodes_are_those_of_the_client_configuration() {
    let desk = Desk::with_cluster();
    desk.run("config merge talosconfig").done();
    desk.run("config context home-1").done();
    desk.run("config node 10.1.0.2").done();
    desk.run("config context home").done();
    desk.run("config endpoint 10.0.0.8 10.0.0.9").done();
    desk.run("config node 10.0.0.2 10.0.0.3 fd00::2").done();
    desk.write(
        "other",
        "context: one\ncontexts: {one: {endpoints: [], nodes: [a, $(touch run)]}, 't w o': {}}\n",
    );
    for (line, expected) in [
        ("--context ", &["home", "home-1"][..]),
        ("services --context=home-", &["home-1"]),
        ("config context home", &["home", "home-1"]),
        ("config use-context home-", &["home-1"]),
        ("config remove home-", &["home-1"]),
        ("get -n ", &["10.0.0.2", "10.0.0.3", "fd00::2"]),
        ("-n f", &["fd00::2"]),
        ("--nodes=10.0.0.3,10", &["10.0.0.3,10.0.0.2"]),
        ("health --init-node 10.0.0.2", &["10.0.0.2"]),
        ("--context home-1 -n ", &["10.1.0.2"]),
        ("-e ", &["10.0.0.8", "10.0.0.9"]),
        ("--talosconfig other --nodes ", &["a"]),
        ("--talosconfig=other config context ", &["one"]),
        ("--talosconfig nowhere -n ", &[]),
        ("--context nobody -n ", &[]),
    ] {
        offered(&desk, line, expected);
    }
}

#[test]
fn cmd_008_types_of_resources_and_their_ids_are_those_of_the_node() {
    let (desk, _node) = with_node();
    for (line, expected) in [
        (
            "get ",
            &[
                "machineconfigs.config.talos.dev",
                "resolverstatuses.net.talos.dev",
                "resourcedefinitions.meta.cosi.dev",
                "routestatuses.net.talos.dev",
                "services",
            ][..],
        ),
        ("get ser", &["services"]),
        ("g mc", &["mc"]),
        ("get sv", &["svc"]),
        ("get services ", &["apid", "udevd"]),
        ("get svc u", &["udevd"]),
        (
            "get --namespace runtime Services.v1alpha1.talos.dev a",
            &["apid"],
        ),
        ("get rs ", &[]),
        ("get teapots ", &[]),
        ("get services apid ", &[]),
    ] {
        offered(&desk, line, expected);
    }
    let about = "services\tServices.v1alpha1.talos.dev\n:4\n";
    assert_eq!(answer(&desk, "get ser"), about);
}

#[test]
fn cmd_008_services_logs_and_containers_are_those_of_the_node() {
    let (desk, _node) = with_node();
    for (line, expected) in [
        ("service ", &["apid", "broken", "udevd"][..]),
        ("services a", &["apid"]),
        ("logs k", &["kernel"]),
        (
            "log ",
            &[
                "apid",
                "broken",
                "controller-runtime",
                "ctr-web",
                "ext-hello",
                "kernel",
                "syslogd",
                "udevd",
            ],
        ),
        ("logs -k ", &[]),
        ("restart ", &["ctr-web", "ext-hello"]),
        ("restart --kubernetes ", &[]),
        ("restart -k=false c", &["ctr-web"]),
    ] {
        offered(&desk, line, expected);
    }
    assert_eq!(answer(&desk, "restart c"), "ctr-web\tbusybox:1\n:4\n");
    assert_eq!(answer(&desk, "service b"), "broken\tFailed\n:4\n");
}

#[test]
fn cmd_008_paths_are_those_of_the_node_and_what_a_shell_would_obey_is_left_out() {
    let (desk, _node) = with_node();
    for (line, expected) in [
        ("read ", &["/hosts", "/resolv.conf"][..]),
        ("read h", &[]),
        ("read /etc/h", &["/etc/hosts"]),
        ("cat /etc/h", &[]),
        ("ls /etc/", &["/etc/hosts", "/etc/resolv.conf"]),
        ("usage /a /etc/r", &["/etc/resolv.conf"]),
        ("cp '/etc/h", &["/etc/hosts"]),
        ("ls /gone/", &[]),
        ("ls /rude/", &["/rude/folder/", "/rude/plain"]),
    ] {
        offered(&desk, line, expected);
    }
    assert_eq!(answer(&desk, "ls /rude/f"), "/rude/folder/\n:6\n");
    assert_eq!(answer(&desk, "cp /etc/hosts "), ":0\n");
    assert_eq!(words(&answer(&desk, "ls /many/")).len(), 1000);
}

#[test]
fn cmd_008_the_nodes_and_endpoints_of_the_line_are_asked_in_the_way_of_the_line() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let bare = Node::maintenance();
    // Nobody is behind the first endpoint.
    let away = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (line, expected) in [
        (format!("-e {} service a", node.address), &["apid"][..]),
        (
            format!("service -n 10.0.0.2 -e {} a", node.address),
            &["apid"],
        ),
        (
            format!("-e {away},{} -n 10.0.0.2 service a", node.address),
            &["apid"],
        ),
        // One that fails takes nothing from the others.
        (
            format!("-e {} -n 10.0.0.9,10.0.0.2 service a", node.address),
            &["apid"],
        ),
        (format!("-e {} -n 10.0.0.9 service a", node.address), &[]),
        (format!("-n {} get -i services a", bare.address), &["apid"]),
        (
            format!("-n {} get --insecure=false services a", bare.address),
            &[],
        ),
        (
            format!("-e {} --context nobody service a", node.address),
            &[],
        ),
    ] {
        offered(&desk, &line, expected);
    }
}

#[test]
fn cmd_008_without_an_answer_nothing_is_said() {
    let (desk, _node) = with_node();
    let stranger = Node::running(&Desk::with_cluster().authority());
    let empty = Desk::empty();
    for (desk, line) in [
        (&empty, "get ".to_owned()),
        (&empty, "--context ".to_owned()),
        (&empty, "-n \u{7f} service ".to_owned()),
        (&desk, format!("-e {} service ", stranger.address)),
        (&desk, "-e http://x/ service ".to_owned()),
        (&desk, "get -i ".to_owned()),
        (&desk, "--talosconfig /dev/zero service ".to_owned()),
    ] {
        assert_eq!(answer(desk, &line), ":4\n", "{line}");
    }
    desk.write("broken", "contexts: [");
    assert_eq!(answer(&desk, "--talosconfig broken service "), ":4\n");
}

#[test]
fn cmd_008_a_node_that_is_silent_holds_nobody_up() {
    let mut desk = Desk::with_cluster();
    desk.environment.patience = Some(Duration::from_millis(100));
    // Connections are made, and nothing comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let begun_at = Instant::now();

    let line = format!("-e {} logs ", silent.local_addr().unwrap());
    offered(&desk, &line, &["controller-runtime", "kernel", "syslogd"]);

    // Any other command waits for 10 seconds.
    assert!(begun_at.elapsed() < Duration::from_secs(9));
}

/// The words of a line as bash parts them: at blanks, and around `=` and `:`.
fn parted(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in line.split(' ') {
        let mut rest = word;
        while let Some(at) = rest.find(['=', ':']) {
            if at > 0 {
                words.push(rest[..at].to_owned());
            }
            words.push(rest[at..=at].to_owned());
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() || word.is_empty() {
            words.push(rest.to_owned());
        }
    }
    words
}

/// Where the program is.
fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ichorctl")).parent().unwrap()
}

/// What bash offers for the last word of a line, with our script sourced.
fn completed(desk: &Desk, line: &str) -> Vec<String> {
    const ASK: &str = r#"
PATH=$PROGRAMS:$PATH
source completion.bash
complete -p ichorctl >/dev/null || exit 1
function=$(complete -p ichorctl | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
COMP_WORDS=(ichorctl "$@")
COMP_CWORD=$#
COMP_POINT=${#COMP_LINE}
current=${COMP_WORDS[COMP_CWORD]}
"$function" ichorctl "${current#[=:]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let bash = std::process::Command::new("bash")
        .args(["--norc", "-c", ASK, "bash"])
        .args(parted(line))
        .env("PROGRAMS", programs())
        .env("COMP_LINE", format!("ichorctl {line}"))
        .env("HOME", desk.folder.join("home"))
        // What is looked at is what is offered, not how fast a busy machine is.
        .env("ICHORCTL_COMPLETION_SECONDS", "60")
        .env_remove("TALOSCONFIG")
        .current_dir(&desk.folder)
        .output()
        .unwrap();
    assert!(bash.status.success() && bash.stderr.is_empty(), "{bash:?}");
    let out = String::from_utf8(bash.stdout).unwrap();
    let words = out.lines().filter(|line| !line.is_empty());
    words.map(str::to_owned).collect()
}

#[test]
fn cmd_008_bash_completes_what_the_program_and_the_node_know_with_the_script_that_is_written() {
    let (desk, node) = with_node();
    desk.write("completion.bash", desk.run("completion bash").done());
    desk.write("home/notes", "");
    std::fs::create_dir(desk.folder.join("folder")).unwrap();
    std::fs::rename(
        desk.folder.join("home/.talos/config"),
        desk.folder.join("home/elsewhere"),
    )
    .unwrap();
    let flags = format!("--talosconfig ~/elsewhere -e {}", node.address);

    for (line, expected) in [
        ("ser", &["service"][..]),
        ("inspect dep", &["dependencies"]),
        ("nothing-like-it", &[]),
        ("get rd -o j", &["json", "jsonpath="]),
        ("get rd --output=j", &["json", "jsonpath="]),
        ("get rd --output=", &["json", "jsonpath=", "table", "yaml"]),
        ("-n ", &["10.0.0.2", "10.0.0.3"]),
        ("-n 10.0.0.2,", &["10.0.0.2,10.0.0.3"]),
        ("--talosconfig secr", &["secrets.yaml"]),
        ("--talosconfig=secr", &["secrets.yaml"]),
        ("man fol", &["folder"]),
        ("get ser", &["services"]),
        ("get services ", &["apid", "udevd"]),
        ("service a", &["apid"]),
        ("restart c", &["ctr-web"]),
        ("ls /rude/", &["/rude/folder/", "/rude/plain"]),
        ("\"get\" services 'a", &["apid"]),
    ] {
        assert_eq!(
            completed(&desk, &format!("{flags} {line}")),
            expected,
            "{line}"
        );
    }
    assert!(!desk.folder.join("run").exists());
}

#[test]
fn cmd_008_a_key_in_bash_completes_a_line_with_what_the_node_knows() {
    let (desk, node) = with_node();
    desk.write("completion.bash", desk.run("completion bash").done());
    let command = format!(
        "stty rows 30 cols 100; ICHORCTL_COMPLETION_SECONDS=60 HISTFILE= INPUTRC=/dev/null TALOSCONFIG=home/.talos/config \
         PATH={}:$PATH bash --norc --noprofile -i",
        programs().display()
    );
    let endpoint = format!("--endpoints={}", node.address);
    for (typed, shown) in [
        (
            format!("{endpoint} get ser\t"),
            format!("{endpoint} get services "),
        ),
        (
            format!("{endpoint} get services u\t-w"),
            "services udevd -w".to_owned(),
        ),
        (
            "get --nodes=10.0.0.3,\t-w".to_owned(),
            "--nodes=10.0.0.3,10.0.0.2 -w".to_owned(),
        ),
        ("ls /rude/f\tx".to_owned(), "ls /rude/folder/x".to_owned()),
        (
            "ls \"/rude/f\tx".to_owned(),
            "ls \"/rude/folder/\"x".to_owned(),
        ),
    ] {
        let mut terminal = Terminal::with(&command, &desk);
        // The prompt is there when bash hears keys.
        terminal.press("source completion.bash; PS1='rea''dy> '\n");
        terminal.wait_for("ready> ");

        terminal.press(&format!("ichorctl {typed}"));

        terminal.wait_for(&shown);
    }
}

#[test]
fn cmd_008_scripts_of_all_shells_pass_the_line_on() {
    let desk = Desk::empty();
    for (shell, begin, end) in [
        (
            "bash",
            "# bash completion",
            "complete -F _ichorctl ichorctl\n",
        ),
        ("fish", "# fish completion", "-a '(__ichorctl_complete)'\n"),
        (
            "zsh",
            "#compdef ichorctl\n",
            "compdef _ichorctl ichorctl\nfi\n",
        ),
    ] {
        let script = desk.run(&format!("completion {shell}")).done();
        assert!(
            script.starts_with(begin) && script.ends_with(end),
            "{script}"
        );
        assert!(script.contains(" __complete "), "{script}");
    }
}
