// SPDX-License-Identifier: MPL-2.0
//! System call filters (seccomp(2)): a list of calls that fail with EPERM.
//!
//! Owns: the filter program and its installation.
//! Never: fakes a success, ends a process, or decides which calls are denied.

use linux_raw_sys::general::__NR_seccomp;

use crate::arch::{NONE, syscall};
use crate::io;

/// The number of every system call of this architecture, as `__NR_*`.
pub use linux_raw_sys::general as numbers;

/// The most calls that one filter denies: its jumps have eight bits.
pub const DENIED_MAX: usize = 96;

/// `SECCOMP_SET_MODE_FILTER`.
const SET_MODE_FILTER: usize = 1;
/// What the filter answers (linux/seccomp.h): go on; fail with EPERM; end the process.
const ALLOW: u32 = 0x7fff_0000;
const FAIL_EPERM: u32 = 0x0005_0001;
const KILL_PROCESS: u32 = 0x8000_0000;

/// Instructions of classic BPF (linux/bpf_common.h): load a word of the call's description, jump
/// if equal, jump if greater or equal, answer.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const ANSWER: u16 = 0x06;

/// Where `struct seccomp_data` has the call's number and architecture.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// `AUDIT_ARCH_*` of this architecture (linux/audit.h): machine, 64 bits, little endian.
#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xc000_00b7;

/// Numbers from here on are x32 calls on x86-64; no kernel has that many others.
const FOREIGN_NUMBERS: u32 = 0x4000_0000;

/// One instruction (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u16,
    when_true: u8,
    when_false: u8,
    operand: u32,
}

impl Instruction {
    const fn new(code: u16, when_true: u8, when_false: u8, operand: u32) -> Self {
        Self {
            code,
            when_true,
            when_false,
            operand,
        }
    }
}

/// What the kernel is given (`struct sock_fprog`).
#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

/// How long a filter of the greatest length is.
const INSTRUCTIONS_MAX: usize = DENIED_MAX + HEAD.len() + 2;

/// How every filter begins: another architecture's call ends the process, because its numbers
/// mean other things; so does an x32 one. The number is then in the accumulator.
const HEAD: [Instruction; 6] = [
    Instruction::new(LOAD, 0, 0, ARCHITECTURE),
    Instruction::new(IF_EQUAL, 1, 0, THIS_ARCHITECTURE),
    Instruction::new(ANSWER, 0, 0, KILL_PROCESS),
    Instruction::new(LOAD, 0, 0, NUMBER),
    Instruction::new(IF_AT_LEAST, 0, 1, FOREIGN_NUMBERS),
    Instruction::new(ANSWER, 0, 0, KILL_PROCESS),
];

/// Denies this thread, and every program it becomes, the calls in `denied`, for good. The thread
/// must have `no_new_privs`, or `CAP_SYS_ADMIN`.
///
/// # Errors
/// `2BIG` for too many; otherwise the kernel's.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn deny(denied: &[u32]) -> io::Result<()> {
    let mut instructions = [HEAD[0]; INSTRUCTIONS_MAX];
    let len = compile(denied, &mut instructions).ok_or(io::Errno::TOOBIG)?;
    let program = Program {
        len,
        instructions: instructions.as_ptr(),
    };
    let place = (&raw const program).expose_provenance();
    let _ = instructions.as_ptr().expose_provenance();
    // SAFETY: the kernel reads `program` and `len` instructions, which live until the call
    // returns, and checks them. The filter only lets calls fail, which every caller expects, or
    // ends the process.
    unsafe {
        syscall(
            __NR_seccomp,
            [SET_MODE_FILTER, NONE, place, NONE, NONE, NONE],
        )
    }
    .map(drop)
}

/// Writes the filter and returns its length. Each denied number jumps to the last instruction.
fn compile(denied: &[u32], to: &mut [Instruction; INSTRUCTIONS_MAX]) -> Option<u16> {
    if denied.len() > DENIED_MAX {
        return None;
    }
    let mut place = to.iter_mut();
    let mut put = |instruction| place.next().map(|slot| *slot = instruction);
    for instruction in HEAD {
        put(instruction)?;
    }
    for (index, number) in denied.iter().enumerate() {
        // Over the remaining comparisons and the answer ALLOW.
        let distance = u8::try_from(denied.len().saturating_sub(index)).ok()?;
        put(Instruction::new(IF_EQUAL, distance, 0, *number))?;
    }
    put(Instruction::new(ANSWER, 0, 0, ALLOW))?;
    put(Instruction::new(ANSWER, 0, 0, FAIL_EPERM))?;
    let len = HEAD.len().saturating_add(denied.len()).saturating_add(2);
    u16::try_from(len).ok()
}

#[cfg(test)]
mod tests {
    use super::{
        ALLOW, ANSWER, ARCHITECTURE, DENIED_MAX, FAIL_EPERM, HEAD, IF_AT_LEAST, IF_EQUAL,
        INSTRUCTIONS_MAX, KILL_PROCESS, LOAD, THIS_ARCHITECTURE, compile,
    };

    /// Runs a filter as the kernel would.
    fn run(denied: &[u32], architecture: u32, number: u32) -> u32 {
        let mut program = [HEAD[0]; INSTRUCTIONS_MAX];
        let len = compile(denied, &mut program).unwrap();
        let (mut at, mut accumulator) = (0_usize, 0_u32);
        loop {
            assert!(at < usize::from(len), "fell off the end");
            let instruction = program[at];
            at = at.saturating_add(1);
            let holds = match instruction.code {
                LOAD if instruction.operand == ARCHITECTURE => {
                    accumulator = architecture;
                    continue;
                }
                LOAD => {
                    accumulator = number;
                    continue;
                }
                IF_EQUAL => accumulator == instruction.operand,
                IF_AT_LEAST => accumulator >= instruction.operand,
                ANSWER => return instruction.operand,
                code => panic!("instruction {code}"),
            };
            let jump = if holds {
                instruction.when_true
            } else {
                instruction.when_false
            };
            at = at.saturating_add(usize::from(jump));
        }
    }

    #[test]
    fn denied_calls_fail_and_others_go_on() {
        for denied in [&[][..], &[7], &[7, 9, 0], &[3; DENIED_MAX]] {
            for number in 0..20 {
                let expected = if denied.contains(&number) {
                    FAIL_EPERM
                } else {
                    ALLOW
                };
                assert_eq!(run(denied, THIS_ARCHITECTURE, number), expected, "{number}");
            }
        }
    }

    #[test]
    fn calls_of_another_architecture_end_the_process() {
        assert_eq!(run(&[], THIS_ARCHITECTURE ^ 1, 0), KILL_PROCESS);
        assert_eq!(run(&[], THIS_ARCHITECTURE, 0x4000_0001), KILL_PROCESS);
    }

    #[test]
    fn a_filter_that_is_too_long_is_refused() {
        let mut program = [HEAD[0]; INSTRUCTIONS_MAX];

        assert_eq!(compile(&[1; DENIED_MAX + 1], &mut program), None);
    }
}
