//! What a process wrote to stderr: read to its end, kept to a bound.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use harness_text::plain_lines;

/// Bytes of the beginning that are kept.
const HEAD: usize = 1 << 10;

/// Bytes of the end that are kept.
const TAIL: usize = 3 << 10;

/// Bytes of a log.
const LOG: u64 = 8 << 20;

/// The beginning and the end of what was written.
#[derive(Debug, Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Kept {
    fn push(&mut self, mut bytes: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        bytes = &bytes[room..];
        // Of a piece longer than the tail only its end can stay.
        let skipped = bytes.len().saturating_sub(TAIL);
        let over = (self.tail.len() + bytes.len() - skipped).saturating_sub(TAIL);
        self.tail.drain(..over);
        self.tail.extend(&bytes[skipped..]);
        self.left_out += (skipped + over) as u64;
    }

    /// All of it, or its beginning and its end, as people may read it.
    fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let bytes = match self.left_out {
            0 => [self.head.as_slice(), &tail].concat(),
            count => [self.head.as_slice(), format!("\n... {count} bytes ...\n").as_bytes(), &tail].concat(),
        };
        plain_lines(String::from_utf8_lossy(&bytes).trim_end()).into_owned()
    }
}

/// A log of bounded length. A full disk must not stop the reading, so it may end sooner.
struct Log {
    file: File,
    room: u64,
}

impl Log {
    fn write(&mut self, bytes: &[u8]) {
        if self.room == 0 {
            return;
        }
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        self.room = if self.file.write_all(&bytes[..fits]).is_ok() { self.room - fits as u64 } else { 0 };
        if self.room == 0 {
            let note = format!("\n... the rest is left out: a log has at most {} MiB ...\n", LOG >> 20);
            let _ = self.file.write_all(note.as_bytes());
        }
    }
}

/// Reads a process' stderr in a thread of its own: a process whose stderr nobody reads stops at its next line once the pipe is full.
#[derive(Debug)]
pub(super) struct LastWords {
    kept: Arc<Mutex<Kept>>,
    end: Receiver<()>,
}

impl LastWords {
    /// Begins to read; what comes goes to `log` as well.
    pub(super) fn read(stderr: ChildStderr, log: Option<File>) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (ended, end) = channel();
        let own = Arc::clone(&kept);
        thread::spawn(move || drain(stderr, &own, log.map(|file| Log { file, room: LOG }), &ended));
        Self { kept, end }
    }

    /// Waits until whoever holds the other end has closed it, but no longer than this. Says whether they have.
    pub(super) fn wait(&self, most: Duration) -> bool {
        // The thread sends nothing; its end is what is waited for.
        !matches!(self.end.recv_timeout(most), Err(std::sync::mpsc::RecvTimeoutError::Timeout))
    }

    /// What was written so far, as people may read it: a few kB at most, the beginning and the end of it.
    pub(super) fn text(&self) -> String {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

fn drain(mut stderr: ChildStderr, kept: &Mutex<Kept>, mut log: Option<Log>, _ended: &Sender<()>) {
    let mut buffer = vec![0; 1 << 14];
    loop {
        let bytes = match stderr.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if let Some(log) = &mut log {
            log.write(bytes);
        }
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pieces: &[&[u8]]) -> Kept {
        let mut kept = Kept::default();
        pieces.iter().for_each(|piece| kept.push(piece));
        kept
    }

    #[test]
    fn little_is_kept_whole() {
        assert_eq!(kept(&[b"one\n", b"two\n"]).text(), "one\ntwo");
        assert_eq!(kept(&[&[b'a'; HEAD], &[b'b'; TAIL]]).text().len(), HEAD + TAIL);
    }

    #[test]
    fn much_is_kept_by_its_beginning_and_its_end_however_it_comes() {
        let many: Vec<u8> = (0..100_000_u32).map(|place| b'a' + (place % 26) as u8).collect();
        let whole = kept(&[&many]).text();
        let pieces: Vec<&[u8]> = many.chunks(777).collect();
        assert_eq!(kept(&pieces).text(), whole);
        let (head, rest) = whole.split_at(HEAD);
        assert_eq!(head.as_bytes(), &many[..HEAD]);
        assert_eq!(&rest.as_bytes()[rest.len() - TAIL..], &many[many.len() - TAIL..]);
        assert!(rest.starts_with(&format!("\n... {} bytes ...\n", many.len() - HEAD - TAIL)), "{rest}");
    }

    #[test]
    fn what_a_terminal_would_act_on_is_shown_escaped() {
        assert_eq!(kept(&[b"\x1b[31mred\x00\xff\n\tnext"]).text(), "\\u{1b}[31mred\\0\u{fffd}\n\\tnext");
    }
}
