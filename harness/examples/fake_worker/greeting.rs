//! Workers that misbehave before they have said what they are.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitCode, abort};
use std::thread::sleep;
use std::time::Duration;

use harness_contract::wire::{PROTOCOL_VERSION, Reply, ReplyFrame, read_request, write_frame};

/// Misbehaves, if that is the manner; else `None`.
pub(crate) fn misgreet(manner: &str, pipe: &OwnedFd) -> Option<ExitCode> {
    let hello = |protocol| Reply::Hello { protocol, info: None };
    let header = |reply| serde_json::to_vec(&ReplyFrame { compute_ns: 0, reply }).unwrap_or_default();
    let frame = |header: &[u8], number, payload: &[u8]| {
        let mut bytes = Vec::new();
        // The headers here are short enough.
        let _ = write_frame(&mut bytes, number, header, payload);
        bytes
    };
    let answer = match manner {
        "mute" => return Some(ExitCode::from(7)),
        "stillborn" => abort(),
        "unlinked" => {
            let _ = writeln!(std::io::stderr(), "error while loading shared libraries: libfake.so.1: cannot open");
            return Some(ExitCode::from(127));
        }
        "chatty" => b"Welcome to the native library, version 1.0!\n".to_vec(),
        "half-hello" => vec![40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'{', b'"'],
        "vast-hello" => vec![0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0],
        "version" => frame(&header(hello(PROTOCOL_VERSION + 1)), 0, &[]),
        "nameless" => frame(&header(hello(PROTOCOL_VERSION)), 0, &[]),
        "misnumbered" => frame(&header(hello(PROTOCOL_VERSION)), 5, &[]),
        "laden" => frame(&header(hello(PROTOCOL_VERSION + 1)), 0, &[0; 9]),
        "no-json" => frame(b"hello, harness", 0, &[]),
        "no-text" => frame(&[0xff; 40], 0, &[]),
        "nested" => frame(&b"[".repeat(200_000), 0, &[]),
        "eager" => frame(&header(Reply::Done), 0, &[]),
        _ => return None,
    };
    if !matches!(read_request(&mut std::io::stdin().lock()), Ok(Some(_))) {
        return Some(ExitCode::FAILURE);
    }
    let sent = pipe.try_clone().and_then(|pipe| File::from(pipe).write_all(&answer));
    Some(if sent.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits until another worker of this folder is being asked as well, for half a minute at most; says whether one is.
pub(crate) fn meet(program: &str) -> bool {
    let own = Path::new(program).with_extension("here");
    let others = || {
        let folder = own.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        folder.filter(|entry| entry.path().extension().is_some_and(|end| end == "here") && entry.path() != own).count()
    };
    let _ = File::create(&own);
    (0..3000).any(|_| {
        sleep(Duration::from_millis(10));
        others() > 0
    })
}
