// SPDX-License-Identifier: MPL-2.0
//! A filter as the kernel runs it: a program of classic BPF.
//!
//! Neighbouring numbers with the same verdict are one run. The program halves the runs until one
//! is left, so a call costs seven or eight comparisons and not one for each number.
//!
//! Owns: the instructions.
//! Never: knows a system call.

use super::{Filter, NUMBERS_MAX, Test, Verdict};

/// What the filter answers (linux/seccomp.h): go on; fail with an errno; end the process.
const ALLOW: u32 = 0x7fff_0000;
const FAIL: u32 = 0x0005_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const EPERM: u32 = linux_raw_sys::errno::EPERM;
const ENOSYS: u32 = linux_raw_sys::errno::ENOSYS;

/// Instructions of classic BPF (linux/bpf_common.h): load a word of the call's description, jump
/// if equal, jump if greater or equal, jump if a bit is set, answer.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const ANSWER: u16 = 0x06;

/// Where `struct seccomp_data` has the call's number, its architecture, and the lower half of its
/// first argument.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// `AUDIT_ARCH_*` of this architecture (linux/audit.h): machine, 64 bits, little endian.
#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xc000_00b7;

/// Numbers from here on are x32 calls on x86-64; no kernel has that many others.
const FOREIGN_NUMBERS: u32 = 0x4000_0000;

/// How long a program may be: a quarter of what the kernel takes (`BPF_MAXINSNS`).
const INSTRUCTIONS_MAX: usize = 1024;

/// One instruction (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
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

    const fn answer(operand: u32) -> Self {
        Self::new(ANSWER, 0, 0, operand)
    }
}

/// How every filter begins. The number is then in the accumulator.
const HEAD: [Instruction; 6] = [
    Instruction::new(LOAD, 0, 0, ARCHITECTURE),
    Instruction::new(IF_EQUAL, 1, 0, THIS_ARCHITECTURE),
    Instruction::answer(KILL_PROCESS),
    Instruction::new(LOAD, 0, 0, NUMBER),
    Instruction::new(IF_AT_LEAST, 0, 1, FOREIGN_NUMBERS),
    Instruction::answer(KILL_PROCESS),
];

/// Numbers in a row with one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: u32,
    verdict: Verdict,
}

/// A compiled filter.
#[derive(Debug)]
pub(super) struct Program {
    instructions: [Instruction; INSTRUCTIONS_MAX],
    len: usize,
}

impl Program {
    /// Compiles a filter. `None` when it becomes too long.
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        let mut program = Self {
            instructions: [Instruction::answer(KILL_PROCESS); INSTRUCTIONS_MAX],
            len: 0,
        };
        for instruction in HEAD {
            program.put(instruction)?;
        }
        let start = Run {
            first: 0,
            verdict: filter.get(0),
        };
        let (mut runs, mut count) = ([start; NUMBERS_MAX], 1_usize);
        let mut last = start.verdict;
        for first in 1..=u32::try_from(NUMBERS_MAX).ok()? {
            let verdict = filter.get(first);
            if verdict != last {
                *runs.get_mut(count)? = Run { first, verdict };
                (count, last) = (count.saturating_add(1), verdict);
            }
        }
        program.decide(runs.get(..count)?)?;
        Some(program)
    }

    /// The instructions.
    pub(super) fn instructions(&self) -> &[Instruction] {
        self.instructions.get(..self.len).unwrap_or_default()
    }

    fn put(&mut self, instruction: Instruction) -> Option<()> {
        *self.instructions.get_mut(self.len)? = instruction;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// Finds the run of the number, of which each half is a program of its own. As deep as the
    /// number of halvings.
    fn decide(&mut self, runs: &[Run]) -> Option<()> {
        let (lower, upper) = runs.split_at(runs.len() / 2);
        let middle = upper.first()?;
        if lower.is_empty() {
            return self.say(middle.verdict);
        }
        let jump = self.len;
        self.put(Instruction::new(IF_AT_LEAST, 0, 0, middle.first))?;
        let begin = self.len;
        self.decide(lower)?;
        let distance = u8::try_from(self.len.saturating_sub(begin)).ok()?;
        self.instructions.get_mut(jump)?.when_true = distance;
        self.decide(upper)
    }

    /// Answers, whatever is in the accumulator.
    fn say(&mut self, verdict: Verdict) -> Option<()> {
        match verdict {
            Verdict::Allow => self.put(Instruction::answer(ALLOW)),
            Verdict::Refuse => self.put(Instruction::answer(FAIL | EPERM)),
            Verdict::Unknown => self.put(Instruction::answer(FAIL | ENOSYS)),
            Verdict::If(test) => {
                self.put(Instruction::new(LOAD, 0, 0, FIRST_ARGUMENT))?;
                match test {
                    // The first of the two answers that follow refuses.
                    Test::Without(bits) => self.put(Instruction::new(IF_ANY_BIT, 0, 1, bits))?,
                    Test::Not(number) => self.put(Instruction::new(IF_EQUAL, 0, 1, number))?,
                    Test::OneOf(numbers) => {
                        for (index, number) in numbers.iter().enumerate() {
                            // Over the comparisons that are left and that answer.
                            let distance = numbers.len().checked_sub(index)?;
                            let distance = u8::try_from(distance).ok()?;
                            self.put(Instruction::new(IF_EQUAL, distance, 0, *number))?;
                        }
                    }
                }
                self.put(Instruction::answer(FAIL | EPERM))?;
                self.put(Instruction::answer(ALLOW))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ALLOW, ANSWER, ARCHITECTURE, ENOSYS, EPERM, FAIL, FIRST_ARGUMENT, Filter, IF_ANY_BIT,
        IF_AT_LEAST, IF_EQUAL, KILL_PROCESS, LOAD, NUMBER, NUMBERS_MAX, Program, THIS_ARCHITECTURE,
        Test, Verdict,
    };

    /// Runs a filter as the kernel would. Returns its answer, and after how many instructions.
    fn run(filter: &Filter, architecture: u32, number: u32, argument: u32) -> (u32, usize) {
        let program = Program::of(filter).unwrap();
        let (mut at, mut accumulator) = (0_usize, 0_u32);
        for count in 1.. {
            let instruction = program.instructions()[at];
            at = at.saturating_add(1);
            let holds = match instruction.code {
                LOAD => {
                    accumulator = match instruction.operand {
                        ARCHITECTURE => architecture,
                        NUMBER => number,
                        FIRST_ARGUMENT => argument,
                        place => panic!("loads from {place}"),
                    };
                    continue;
                }
                IF_EQUAL => accumulator == instruction.operand,
                IF_AT_LEAST => accumulator >= instruction.operand,
                IF_ANY_BIT => accumulator & instruction.operand != 0,
                ANSWER => return (instruction.operand, count),
                code => panic!("instruction {code}"),
            };
            let jump = if holds {
                instruction.when_true
            } else {
                instruction.when_false
            };
            at = at.saturating_add(usize::from(jump));
        }
        unreachable!()
    }

    fn answer(filter: &Filter, number: u32, argument: u32) -> u32 {
        run(filter, THIS_ARCHITECTURE, number, argument).0
    }

    #[test]
    fn every_call_meets_its_verdict() {
        let mut filter = Filter::new(Verdict::Refuse, 450, Verdict::Unknown);
        // Short runs, long runs, and both ends.
        for number in (0..450).filter(|number| number % 7 < 3 && number / 50 != 2) {
            filter.set(number, Verdict::Allow);
        }
        for number in 0..600 {
            let expected = match filter.get(number) {
                Verdict::Allow => ALLOW,
                Verdict::Refuse => FAIL | EPERM,
                Verdict::Unknown => FAIL | ENOSYS,
                Verdict::If(_) => panic!("no such"),
            };
            assert_eq!(answer(&filter, number, 0), expected, "{number}");
        }
    }

    #[test]
    fn a_verdict_is_found_in_few_steps() {
        let mut filter = Filter::new(Verdict::Refuse, 450, Verdict::Unknown);
        for number in (0..450).step_by(5) {
            filter.set(number, Verdict::Allow);
        }

        let longest = (0..460).map(|number| run(&filter, THIS_ARCHITECTURE, number, 0).1);

        assert!(longest.max() <= Some(4 + 8 + 1));
    }

    #[test]
    fn arguments_are_tested() {
        let without = Verdict::If(Test::Without(0x7000_0010));
        let not = Verdict::If(Test::Not(40));
        let one_of = Verdict::If(Test::OneOf(&[0, 8, u32::MAX]));
        for (verdict, argument, expected) in [
            (without, 0, ALLOW),
            (without, 0x0f00_000f, ALLOW),
            (without, 0x0000_0010, FAIL | EPERM),
            (without, 0x1000_0000, FAIL | EPERM),
            (not, 39, ALLOW),
            (not, 40, FAIL | EPERM),
            (one_of, 0, ALLOW),
            (one_of, 8, ALLOW),
            (one_of, u32::MAX, ALLOW),
            (one_of, 1, FAIL | EPERM),
        ] {
            let mut filter = Filter::new(Verdict::Refuse, 450, Verdict::Unknown);
            filter.set(7, verdict);

            assert_eq!(answer(&filter, 7, argument), expected, "{verdict:?}");
            assert_eq!(answer(&filter, 8, argument), FAIL | EPERM);
        }
    }

    #[test]
    fn calls_of_another_architecture_end_the_process() {
        let filter = Filter::new(Verdict::Allow, u32::MAX, Verdict::Allow);

        assert_eq!(run(&filter, THIS_ARCHITECTURE ^ 1, 0, 0).0, KILL_PROCESS);
        assert_eq!(answer(&filter, 0x4000_0001, 0), KILL_PROCESS);
        assert_eq!(answer(&filter, 0, 0), ALLOW);
    }

    #[test]
    fn a_filter_that_is_too_long_is_refused() {
        let mut filter = Filter::new(Verdict::Allow, u32::MAX, Verdict::Allow);
        for number in (0..u32::try_from(NUMBERS_MAX).unwrap()).step_by(2) {
            filter.set(number, Verdict::If(Test::Not(number)));
        }

        assert!(Program::of(&filter).is_none());
    }
}
