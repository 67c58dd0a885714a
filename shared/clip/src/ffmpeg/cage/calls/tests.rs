use super::*;
use std::collections::HashMap;

const OWN: u64 = 7;
/// Calls by name, with their numbers on an architecture.
type Numbers = HashMap<String, c_long>;

/// The kernel's own list for architectures without older forms, such as aarch64 (package `linux-libc-dev`).
const GENERIC: &str = "/usr/include/asm-generic/unistd.h";
/// The same for `x86_64`, where the distribution has it.
const X86_64: [&str; 2] = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"];
/// `AUDIT_ARCH_...` of `linux/audit.h`.
const AUDIT: [(TargetArch, u32); 2] = [(TargetArch::x86_64, 0xc000_003e), (TargetArch::aarch64, 0xc000_00b7)];

fn numbers(architecture: TargetArch) -> Numbers {
    let paths = if architecture == TargetArch::x86_64 { &X86_64[..] } else { &[GENERIC] };
    let header = paths.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap();
    let defined = header.lines().filter_map(|line| {
        let mut words = line.strip_prefix("#define __NR")?.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    let defined: HashMap<String, String> = defined.collect();
    let number = |value: &str| {
        // Some have a number with the other word length, and are named after it.
        let value = value.strip_prefix("__NR").and_then(|name| defined.get(name)).map_or(value, |v| v);
        value.parse().ok()
    };
    let named = defined.iter().filter_map(|(name, value)| Some((name.strip_prefix('_')?, number(value)?)));
    named.map(|(name, number)| (name.to_owned(), number)).collect()
}

/// The rules of this build, as they are on another architecture; the names of those calls that it does not have.
fn carried(
    architecture: TargetArch,
    numbers_there: &Numbers,
) -> (BTreeMap<c_long, Vec<SeccompRule>>, Vec<String>) {
    let own: TargetArch = ARCH.try_into().unwrap();
    let names: HashMap<c_long, String> =
        numbers(own).into_iter().map(|(name, number)| (number, name)).collect();
    let (mut there, mut lost) = (BTreeMap::new(), vec![]);
    for (call, rules) in rules(OWN).unwrap() {
        match numbers_there.get(&names[&call]) {
            _ if architecture != own && FREE_OLD.contains(&call) => {}
            Some(number) => drop(there.insert(*number, rules)),
            None => lost.push(names[&call].clone()),
        }
    }
    (there, lost)
}

/// What the kernel makes of a call: classic BPF over `struct seccomp_data`, in the instructions that filters consist of.
fn verdict(program: &BpfProgram, audit: u32, call: c_long, arguments: [u64; 6]) -> u32 {
    let mut data = vec![u32::try_from(call).unwrap(), audit, 0, 0];
    data.extend(
        arguments
            .iter()
            .flat_map(|value| [value & 0xffff_ffff, value >> 32].map(|half| u32::try_from(half).unwrap())),
    );
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let instruction = &program[at];
        let k = instruction.k;
        let jump = |holds: bool| usize::from(if holds { instruction.jt } else { instruction.jf });
        at += 1 + match instruction.code {
            0x20 => {
                accumulator = data[usize::try_from(k).unwrap() / 4];
                0
            }
            0x54 => {
                accumulator &= k;
                0
            }
            0x05 => usize::try_from(k).unwrap(),
            0x15 => jump(accumulator == k),
            0x25 => jump(accumulator > k),
            0x35 => jump(accumulator >= k),
            0x06 => return k,
            other => panic!("the filter has an instruction {other:#x}"),
        };
    }
}

/// Calls with the arguments that decide: whether they are let through.
fn bound_calls() -> Vec<(&'static str, [u64; 6], bool)> {
    let flags = |flags: c_int| u64::from(flags.unsigned_abs());
    let (first, second) = (|value| [value, 0, 0, 0, 0, 0], |value| [0, value, 0, 0, 0, 0]);
    let third = |value| [0, 0, value, 0, 0, 0];
    vec![
        ("openat", third(flags(libc::O_RDONLY | libc::O_CLOEXEC)), true),
        ("openat", third(flags(libc::O_WRONLY)), false),
        ("openat", third(flags(libc::O_RDWR | libc::O_CREAT)), false),
        ("openat", third(flags(libc::O_TRUNC)), false),
        ("clone", first(flags(THREAD | libc::CLONE_FS | libc::CLONE_FILES)), true),
        ("clone", first(flags(libc::SIGCHLD)), false),
        ("clone", first(flags(THREAD | libc::CLONE_NEWUSER)), false),
        ("fcntl", second(flags(libc::F_GETFL)), true),
        ("fcntl", second(flags(libc::F_SETOWN)), false),
        ("ioctl", second(libc::TCGETS), true),
        ("ioctl", second(libc::TIOCSTI), false),
        ("prctl", first(flags(libc::PR_SET_NAME)), true),
        ("prctl", first(flags(libc::PR_SET_DUMPABLE)), false),
        ("prlimit64", first(0), true),
        ("prlimit64", third(1), false),
        ("prlimit64", first(1), false),
        ("kill", first(OWN), true),
        ("kill", first(OWN + 1), false),
        ("tgkill", first(OWN), true),
        ("tgkill", first(OWN + 1), false),
    ]
}

#[test]
fn a_filter_lets_through_the_listed_calls_by_the_numbers_of_its_architecture_and_no_other() {
    let (free, absent) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs());
    let own: TargetArch = ARCH.try_into().unwrap();
    for (architecture, audit) in
        AUDIT.into_iter().filter(|(each, _)| [own, TargetArch::aarch64].contains(each))
    {
        let numbers = numbers(architecture);
        let (rules, lost) = carried(architecture, &numbers);
        let program = program(rules.clone(), architecture).unwrap();
        // More instructions the kernel does not take (`BPF_MAXINSNS`).
        assert!(program.len() < 4096, "{architecture:?}");
        for (name, number) in numbers.iter().filter(|(_, number)| rules.get(number).is_none_or(Vec::is_empty))
        {
            let wanted = if rules.contains_key(number) { free } else { absent };
            assert_eq!(verdict(&program, audit, *number, [0; 6]), wanted, "{architecture:?} {name}");
        }
        for (name, arguments, passes) in bound_calls() {
            let found = verdict(&program, audit, numbers[name], arguments);
            assert_eq!(found, if passes { free } else { absent }, "{architecture:?} {name} {arguments:?}");
        }
        for (_, other) in AUDIT.into_iter().filter(|(_, other)| *other != audit) {
            assert_eq!(verdict(&program, other, numbers["read"], [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
        }
        // open(2) is bound, and an older form as well.
        let older: &[&str] = if architecture == own { &[] } else { &["open"] };
        assert_eq!(lost, older, "{architecture:?}");
    }
    let arm = numbers(TargetArch::aarch64);
    assert_eq!(
        (arm["close"], arm["openat"], arm["execve"], arm["mmap"], arm["socket"]),
        (57, 56, 221, 222, 198)
    );
}
