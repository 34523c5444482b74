// SPDX-License-Identifier: MPL-2.0
//! The node's own screen: the kernel's messages on the first terminal, the dashboard on the second,
//! and nothing of either where there is no screen.

use anyhow::{Context, Result, ensure};
use ichor_tests::layers::Layer;
use ichor_tests::node::{LIMIT, Screens};
use ichor_tests::screen::{Font, Screen, Text};
use ichor_tests::{Arch, Node, Probe, Setup, on_each_architecture, wait};

on_each_architecture! {
    dash_01_without_a_screen_nothing_runs_for_it
}

/// Machines of this architecture have no picture without firmware, which tests have not.
mod amd64_alone {
    use super::{Arch, Result};

    #[test]
    fn dash_01_the_dashboard_is_on_the_second_terminal_and_the_kernels_messages_on_the_first()
    -> Result<()> {
        super::the_screen_of_a_node("")
    }

    #[test]
    fn dash_01_the_same_on_the_frame_buffer_that_vga_asks_for() -> Result<()> {
        super::the_screen_of_a_node("vga=0x317")
    }

    #[test]
    fn dash_02_without_the_dashboard_the_screen_shows_the_kernels_messages() -> Result<()> {
        super::the_screen_without_a_dashboard(Arch::Amd64)
    }
}

/// Columns and rows of a PC in text mode.
const TEXT: (usize, usize) = (80, 25);

/// Someone before the machine, and the kernel's own word for what its terminals hold.
struct Seat {
    node: Node,
    screen: Screen,
    probe: Probe,
    columns: usize,
    rows: usize,
}

impl Seat {
    /// Boots a node whose screen has so many columns and rows.
    fn take(arch: Arch, cmdline: &str, (columns, rows): (usize, usize)) -> Result<Self> {
        let mut setup = Setup::new(arch).with(&[Layer::Probe]);
        setup.screen = Screens::One;
        cmdline.clone_into(&mut setup.cmdline);
        let node = Node::running(&setup)?;
        let (screen, mut probe) = (node.screen()?, node.probe()?);
        // vcs(4): the first byte is how many rows there are, here as a letter.
        let size = probe.read("/host/dev/vcsa1")?;
        let found = size.chars().next().map(u32::from);
        ensure!(
            found == u32::try_from(rows).ok(),
            "{found:?} rows, not {rows}"
        );
        Ok(Self {
            node,
            screen,
            probe,
            columns,
            rows,
        })
    }

    /// What a terminal holds.
    fn terminal(&mut self, number: u8) -> Result<Text> {
        let text = self.probe.read(&format!("/host/dev/vcs{number}"))?;
        Ok(Text::of(&text, self.columns, self.rows))
    }

    /// Waits until a terminal is the one that is shown.
    fn until_shown(&mut self, name: &str) -> Result<()> {
        wait::until(LIMIT, || {
            let active = self.probe.read("/sys/class/tty/tty0/active")?;
            ensure!(active == name, "{active} is shown, not {name}");
            Ok(())
        })
    }

    /// Waits until a terminal holds every one of `words`, and returns its text.
    fn until_holds(&mut self, number: u8, words: &[&str]) -> Result<String> {
        wait::until(LIMIT, || {
            let text = self.terminal(number)?.lines();
            for word in words {
                ensure!(text.contains(word), "no {word:?} on tty{number}:\n{text}");
            }
            Ok(text)
        })
    }

    /// Learns the font from a terminal that is shown and does not change while a picture is taken.
    fn learn(&mut self, number: u8) -> Result<Font> {
        wait::until(LIMIT, || {
            let before = self.terminal(number)?;
            let picture = self.screen.picture()?;
            ensure!(before == self.terminal(number)?, "tty{number} goes on");
            let font = picture.learn(&before);
            // What was learned reads what it was learned from: one picture is one letter.
            let (read, is) = (picture.read(&font, &before), before.lines());
            let differ = read.chars().zip(is.chars()).filter(|(a, b)| a != b).count();
            // The cursor stands in one place of it.
            ensure!(differ <= 2 && is.len() > 200, "read:\n{read}\nis:\n{is}");
            Ok(font)
        })
    }

    /// Waits until the picture shows every one of `words`, as far as the font knows their letters.
    fn until_seen(&mut self, font: &Font, words: &[&str]) -> Result<()> {
        let like = self.terminal(1)?;
        wait::until(LIMIT, || {
            let seen = self.screen.picture()?.read(font, &like);
            for word in words {
                let word = font.reads(word);
                ensure!(seen.contains(&word), "no {word:?} on the screen:\n{seen}");
            }
            Ok(())
        })
    }
}

fn the_screen_of_a_node(cmdline: &str) -> Result<()> {
    let size = if cmdline.is_empty() { TEXT } else { (128, 48) };
    let mut seat = Seat::take(Arch::Amd64, cmdline, size)?;
    let hostname = hostname(&seat.node)?;
    // It comes up by itself, with what the kernel says below.
    seat.until_shown("tty2")?;
    let ready = ["STAGE", "running", "kernel log", &hostname, "F4 logs"];
    let summary = seat.until_holds(2, &ready)?;
    ensure!(!summary.contains("quit"), "{summary}");

    seat.screen.press(&["alt", "f1"])?;
    seat.until_shown("tty1")?;
    let messages = seat.until_holds(1, &["boot sequence: done"])?;
    ensure!(!messages.contains("F4 logs"), "{messages}");
    let font = seat.learn(1)?;
    seat.screen.press(&["alt", "f2"])?;
    seat.until_shown("tty2")?;
    // A host name may have a letter that the first terminal did not have.
    seat.until_seen(&font, &["running", "controlplane", "kernel log", &hostname])?;

    seat.screen.press(&["f2"])?;
    seat.until_holds(2, &["RESMEM", "context switches"])?;
    kernel_messages_stay_away(&mut seat)?;
    seat.screen.press(&["q"])?;
    seat.screen.press(&["f1"])?;
    seat.until_holds(2, &ready)?;
    look_at_the_process(&mut seat)?;
    let serial = seat.node.machine.console_text();
    ensure!(
        !serial.contains('\x1b'),
        "escapes on the serial line: {serial:?}"
    );
    Ok(())
}

/// What the kernel says is on its own terminal while the dashboard is shown.
fn kernel_messages_stay_away(seat: &mut Seat) -> Result<()> {
    const MESSAGE: &str = "configuration applied over the API";
    seat.node
        .patch("machine: {sysctls: {vm.swappiness: \"50\"}}")?;
    wait::until(LIMIT, || {
        let text = seat.terminal(1)?.lines();
        // The first configuration has the same message, further up.
        ensure!(
            text.trim_end().ends_with(MESSAGE),
            "tty1 does not end with {MESSAGE:?}:\n{text}"
        );
        Ok(())
    })?;
    let shown = seat.terminal(2)?.lines();
    ensure!(!shown.contains(MESSAGE), "{shown}");
    Ok(())
}

fn look_at_the_process(seat: &mut Seat) -> Result<()> {
    let pid = seat.probe.pid("dashboard")?;
    let status = seat.probe.read(&format!("/proc/{pid}/status"))?;
    for line in [
        "Uid:\t55\t55\t55\t55",
        "CapEff:\t0000000000000000",
        "Seccomp:\t2",
    ] {
        ensure!(status.contains(line), "no {line:?}:\n{status}");
    }
    let pss = seat.probe.pss()?;
    let own = pss.iter().find(|one| one.pid == pid);
    let own = own.with_context(|| format!("{pss:?}"))?;
    ensure!(own.kb < 6_000, "{own:?}");
    // It comes back when it ends.
    seat.probe.kill(pid)?;
    wait::until(LIMIT, || {
        let next = seat.probe.pid("dashboard")?;
        ensure!(next != pid, "it is {pid} still");
        Ok(())
    })?;
    seat.until_holds(2, &["STAGE", "running"]).map(drop)
}

fn hostname(node: &Node) -> Result<String> {
    let listed = node.ctl(&["get", "hostname"])?.ok()?;
    let row = listed.lines().nth(1).context("no host name")?;
    let name = row.split_whitespace().nth(5).context("no host name")?;
    Ok(name.to_owned())
}

fn the_screen_without_a_dashboard(arch: Arch) -> Result<()> {
    let mut seat = Seat::take(arch, "talos.dashboard.disabled=1", TEXT)?;
    seat.until_shown("tty1")?;
    let font = seat.learn(1)?;
    seat.until_seen(&font, &["boot sequence: done"])?;
    nothing_runs(&mut seat.probe)
}

fn dash_01_without_a_screen_nothing_runs_for_it(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    nothing_runs(&mut node.probe()?)
}

fn nothing_runs(probe: &mut Probe) -> Result<()> {
    let pids = probe.pids()?;
    ensure!(!pids.contains_key("dashboard"), "{pids:?}");
    let all = probe.pss()?;
    ensure!(all.iter().all(|one| one.name != "console"), "{all:?}");
    Ok(())
}
