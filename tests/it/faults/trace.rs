//! What a program did to its files and sockets, in the order in which it did it: read from what strace has written.
//!
//! A call takes from one line of the trace to another. What it writes may be on the disk from the first on; that it has
//! happened is known from the second on. Both are line numbers here, and a line number is also a moment at which the power
//! may fail.

use memchr::memchr_iter;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A place in the trace: so many lines stand before it.
pub(super) type Moment = usize;

/// The calls that change files, or say something to a client, or give a number to a file or a connection. Some are listed
/// only so that a test fails which would not understand them.
const CALLS: &str = "open,openat,creat,close,dup,dup2,dup3,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendfile,\
    copy_file_range,fsync,fdatasync,sync,syncfs,sync_file_range,truncate,ftruncate,fallocate,rename,renameat,renameat2,\
    link,linkat,unlink,unlinkat,accept,accept4,mmap,io_uring_setup";

/// Has a command write such a trace while it runs. Its process stays that of the command.
pub(super) fn traced(command: &Command, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-D", "-f", "--seccomp-bpf", "-qq", "-xx", "-s", "16777216"])
        .args(["-e", &format!("trace={CALLS}"), "-o"])
        .arg(trace)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// A call from where it begins to where it has returned, if it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) begun: Moment,
    pub(super) done: Option<Moment>,
}

/// What was done.
#[derive(Debug)]
pub(super) enum What {
    Write {
        file: PathBuf,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: PathBuf,
        len: usize,
    },
    /// Of a file or a folder.
    Sync(PathBuf),
    Create(PathBuf),
    Remove(PathBuf),
    /// The first byte of an answer to the client at this port.
    Answer(u16),
}

/// What stands behind a number that the system gave out.
#[derive(Clone)]
enum Open {
    File(PathBuf),
    Client(u16),
}

/// Reads a trace whose first line is the line `first` of all traces. What concerns other folders is left out.
pub(super) fn read(trace: &Path, folder: &Path, first: Moment) -> Vec<(Span, What)> {
    let text = fs::read(trace).unwrap();
    let mut done = Vec::new();
    let mut open: BTreeMap<i64, Open> = BTreeMap::new();
    let mut exists: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for call in calls(&text, first) {
        let argument = |n: usize| call.arguments.get(n).copied().unwrap_or_default();
        let path = |n: usize| PathBuf::from(String::from_utf8(decoded(argument(n))).unwrap());
        let behind = open.get(&number(argument(0))).cloned();
        let what = match (call.name, behind) {
            ("open" | "openat", _) => {
                let (path, flags) = (path(1), argument(2));
                let Some(result) = call.result.filter(|&n| n >= 0) else {
                    continue;
                };
                assert_eq!(call.name, "openat", "{path:?}");
                if !path.starts_with(folder) {
                    open.remove(&result);
                    continue;
                }
                assert!(!contains(flags, b"O_TRUNC"), "{path:?}");
                open.insert(result, Open::File(path.clone()));
                let is_new = exists.insert(path.clone(), true) != Some(true);
                if !is_new || !contains(flags, b"O_CREAT") {
                    continue;
                }
                What::Create(path)
            }
            ("accept4", _) => {
                let port = call.arguments.iter().find_map(|argument| {
                    let rest = argument.strip_prefix(b"sin_port=htons(")?;
                    Some(number(rest.split(|&b| b == b')').next()?))
                });
                if let (Some(result), Some(port)) = (call.result.filter(|&n| n >= 0), port) {
                    open.insert(result, Open::Client(u16::try_from(port).unwrap()));
                }
                continue;
            }
            ("close", _) => {
                open.remove(&number(argument(0)));
                continue;
            }
            ("pwrite64", Some(Open::File(file))) => {
                let bytes = decoded(argument(1));
                assert_eq!(
                    bytes.len(),
                    position(argument(2)),
                    "all of it is in the trace"
                );
                let at = position(argument(3));
                What::Write { file, at, bytes }
            }
            ("ftruncate", Some(Open::File(file))) => {
                let len = position(argument(1));
                What::Truncate { file, len }
            }
            ("fsync" | "fdatasync", Some(Open::File(file))) => What::Sync(file),
            ("unlink", _) => {
                let path = path(0);
                if !path.starts_with(folder) {
                    continue;
                }
                exists.insert(path.clone(), false);
                What::Remove(path)
            }
            ("sendto" | "write", Some(Open::Client(port)))
                if decoded(argument(1)).starts_with(b"HTTP/1.1 ") =>
            {
                What::Answer(port)
            }
            ("writev", Some(Open::Client(port))) => {
                let first = argument(1).strip_prefix(b"[{iov_base=").unwrap();
                if !decoded(first).starts_with(b"HTTP/1.1 ") {
                    continue;
                }
                What::Answer(port)
            }
            ("sendto" | "write", Some(Open::Client(_))) => continue,
            // The index of the log is shared memory. No power cut leaves it.
            ("mmap", _) => {
                if let Some(Open::File(file)) = open.get(&number(argument(4))) {
                    let is_index = file.to_string_lossy().ends_with("-shm");
                    assert!(
                        is_index || !contains(argument(3), b"MAP_SHARED"),
                        "{file:?}"
                    );
                }
                continue;
            }
            (_, None) if !matches!(call.name, "rename" | "link" | "truncate" | "sync") => continue,
            (name, _) => panic!("the program does what this test does not know: {name}"),
        };
        done.push((call.span, what));
    }
    done.sort_by_key(|(span, _)| span.begun);
    done
}

/// One call as it stands in the trace.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a [u8]>,
    result: Option<i64>,
    span: Span,
}

/// All calls. Those that are about numbers of files come where they ended, because that is where the numbers are known.
fn calls(text: &[u8], first: Moment) -> Vec<Call<'_>> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (line, moment) in pieces(text, b'\n').zip(first..) {
        let Some(space) = line.iter().position(|&b| b == b' ') else {
            continue;
        };
        let (process, line) = (&line[..space], line[space..].trim_ascii());
        if line.starts_with(b"---") || line.starts_with(b"+++") {
            continue;
        }
        if line.starts_with(b"<... ") {
            let began = unfinished.remove(process);
            let call = &mut calls[began.expect("what is resumed was begun")];
            call.result = result(line);
            call.span.done = Some(moment);
            if call.arguments.is_empty() || call.name == "accept4" {
                let from = line.iter().position(|&b| b == b'>').unwrap();
                call.arguments = arguments(&line[from + 1..]);
            }
            continue;
        }
        let parenthesis = line.iter().position(|&b| b == b'(').unwrap();
        let is_whole = !line.ends_with(b"<unfinished ...>");
        if !is_whole {
            unfinished.insert(process, calls.len());
        }
        calls.push(Call {
            name: std::str::from_utf8(&line[..parenthesis]).unwrap(),
            arguments: arguments(&line[parenthesis + 1..]),
            result: is_whole.then(|| result(line)).flatten(),
            span: Span {
                begun: moment,
                done: is_whole.then_some(moment),
            },
        });
    }
    // A number is given where such a call ends, and taken back where a close begins.
    calls.sort_by_key(|call| match call.name {
        "openat" | "accept4" => call.span.done.unwrap_or(call.span.begun),
        _ => call.span.begun,
    });
    calls
}

/// What stands between commas. A string has none, because it is all in hexadecimal.
fn arguments(text: &[u8]) -> Vec<&[u8]> {
    pieces(text, b',').map(<[u8]>::trim_ascii).collect()
}

/// What stands between these bytes, found quickly: a trace is large.
fn pieces(text: &[u8], between: u8) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(between, text).chain([text.len()]);
    let mut from = 0;
    ends.map(move |end| {
        let piece = &text[from..end];
        from = end + 1;
        piece
    })
}

fn result(line: &[u8]) -> Option<i64> {
    let at = line.windows(4).rposition(|window| window == b") = ");
    // It is aligned, so there may be blanks in between.
    let at = at.or_else(|| line.windows(3).rposition(|window| window == b" = "))?;
    let rest = &line[at..];
    let from = rest.iter().position(|&b| b == b'=')? + 1;
    Some(number(rest[from..].trim_ascii()))
}

/// The number that something begins with; -1 if there is none.
fn number(text: &[u8]) -> i64 {
    let end = text
        .iter()
        .position(|&b| !b.is_ascii_digit() && b != b'-')
        .unwrap_or(text.len());
    let digits = std::str::from_utf8(&text[..end]).unwrap();
    digits.parse().unwrap_or(-1)
}

fn position(text: &[u8]) -> usize {
    usize::try_from(number(text)).unwrap()
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// The bytes of a string such as `"\x68\x69"`.
fn decoded(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"\"").unwrap();
    let end = text.iter().position(|&b| b == b'"').unwrap();
    assert!(!text[end..].starts_with(b"\"..."), "a string is cut off");
    let digit = |b: u8| match b {
        b'0'..=b'9' => b - b'0',
        _ => b - b'a' + 10,
    };
    let bytes = text[..end].chunks_exact(4);
    bytes
        .map(|code| digit(code[2]) << 4 | digit(code[3]))
        .collect()
}
