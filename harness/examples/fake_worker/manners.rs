//! Workers that misbehave in the middle of their training.

use std::fs;
use std::io::{Error, Write};
use std::process::{Command, Stdio, abort, exit};
use std::thread::sleep;
use std::time::Duration;

use harness_contract::wire::{MAX_PAYLOAD_BYTES, Reply, ReplyFrame, TensorHeader, write_frame};
use harness_contract::{BackendError, ErrorKind, Tensor, WeightMap};

use crate::{FakeModel, GOOD_STEPS, SPEAKS_TO_READERS, SPEAKS_TO_TERMINALS};

/// Bytes that a worker in a flood writes to stderr, without one end of a line.
const FLOOD: usize = 400 << 20;

/// What becomes of a tensor and its name.
type Change<'a> = &'a dyn Fn(&str, &Tensor) -> Option<(String, Tensor)>;

const STEP: Reply = Reply::Step { clipped: false };

impl FakeModel {
    /// Does what no backend should, if that is its manner.
    pub(crate) fn misbehave(&mut self) {
        let number = self.number.get();
        let written = match self.manner.as_str() {
            "abort" => {
                let _ = writeln!(std::io::stderr(), "about to abort");
                abort()
            }
            "exit" => exit(3),
            "panic" => panic!("a backend's panic"),
            "fault" => signal_self("FPE"),
            "stop" => signal_self("STOP"),
            "leak" => self.leave_a_child("setsid", false),
            "leak-pipe" => self.leave_a_child("setsid", true),
            // Nothing in its environment tells where it comes from.
            "leak-hidden" => self.leave_a_child("env -i setsid", false),
            "flood" => {
                let piece = vec![b'~'; 1 << 20];
                for _ in 0..FLOOD / piece.len() {
                    let _ = std::io::stderr().write_all(&piece);
                }
                exit(5)
            }
            "lines" => {
                for line in 0..200_000 {
                    let _ = writeln!(std::io::stderr(), "warning {line}");
                }
                exit(5)
            }
            "vandal" => self.in_own_folders(|folder| fs::remove_dir_all(folder)),
            // Where the record is to be.
            "squatter" => self.in_own_folders(|folder| fs::create_dir_all(folder.join("record.json/x"))),
            "hang" => hang(),
            "brood" => {
                let _ = Command::new("setsid").args(["--fork", "sleep", "62"]).stdin(Stdio::null()).status();
                hang()
            }
            "pause" => {
                if self.steps == GOOD_STEPS + 1 {
                    sleep(Duration::from_secs(3));
                }
                Ok(())
            }
            // A library that prints where it should not; descriptor 1 leads to stderr by now.
            "print" => writeln!(std::io::stdout(), "a native library greets its user"),
            // One that gets at the pipe all the same.
            "scribble" => self.pipe.write_all(b"this is no frame, and long enough to be taken for one"),
            "torrent" => loop {
                if self.pipe.write_all(&[b'x'; 1 << 16]).is_err() {
                    exit(8)
                }
            },
            "trickle" => {
                // A frame that never comes to its end.
                let _ = self.pipe.write_all(&prefix(1000, 0, number));
                while self.pipe.write_all(b" ").is_ok() {
                    sleep(Duration::from_millis(100));
                }
                exit(8)
            }
            "truncate" => {
                let _ = self.pipe.write_all(&[&prefix(9, 0, number)[..], b"{"].concat());
                exit(0)
            }
            "oversize" => {
                self.pipe.write_all(&prefix(2, u32::try_from(MAX_PAYLOAD_BYTES + 1).unwrap_or(u32::MAX), number))
            }
            "vast-header" => self.pipe.write_all(&prefix(u32::MAX, 0, number)),
            // A reply to the request before, once more.
            "repeat" => self.reply(number - 1, 0, STEP, &[0; 16]),
            "forward" => self.reply(number + 1, 0, STEP, &[0; 16]),
            "surplus" => {
                let message = "no memory".to_owned();
                self.reply(number, 0, Reply::Error { error: ErrorKind::Framework, message }, &[0; 16])
            }
            "timeless" => self.reply(number, u64::MAX, STEP, &[0; 16]),
            "short-step" => self.reply(number, 0, STEP, &[0; 8]),
            "long-step" => self.reply(number, 0, STEP, &[0; 24]),
            "other-kind" => self.reply(number, 0, Reply::Logits, &[0; 16]),
            "no-object" => self.frame(number, b"[]"),
            "more-fields" => self.frame(number, br#"{"compute_ns":0,"reply":{"kind":"done","also":1}}"#),
            "twice" => self.frame(number, br#"{"compute_ns":0,"compute_ns":0,"reply":{"kind":"done"}}"#),
            "no-unicode" => self.frame(number, &[0xc3, 0x28]),
            _ => Ok(()),
        };
        if written.is_err() {
            exit(4);
        }
    }

    /// The message of an error that it answers with, if that is its manner.
    pub(crate) fn complaint(&self) -> Option<String> {
        Some(match self.manner.as_str() {
            "escapes" => format!("no memory {SPEAKS_TO_TERMINALS}"),
            "links" => format!("no memory {SPEAKS_TO_READERS}"),
            "long-winded" => "no memory ".repeat(100_000),
            _ => return None,
        })
    }

    /// Loss and gradient norm that can't be, if that is its manner.
    pub(crate) fn wild_numbers(&self) -> Option<(f64, f64)> {
        Some(match self.manner.as_str() {
            "diverge" => (f64::NAN, f64::INFINITY),
            "huge-loss" => (1e308, 1.0),
            "infinite-norm" => (0.7, f64::INFINITY),
            _ => return None,
        })
    }

    /// Weights that are not the model's, if that is its manner.
    pub(crate) fn other_weights(&self) -> Option<Result<WeightMap, BackendError>> {
        let changed = |change: Change<'_>| {
            let mut weights = WeightMap::new();
            for (name, tensor) in self.weights.iter().filter_map(|(name, tensor)| change(name, tensor)) {
                weights.insert(name, tensor)?;
            }
            Ok(weights)
        };
        let raw = |tensors: Vec<TensorHeader>, payload: &[u8]| {
            let header = ReplyFrame { compute_ns: 0, reply: Reply::Weights { tensors } };
            let header = serde_json::to_vec(&header).unwrap_or_default();
            let mut pipe = &self.pipe;
            if write_frame(&mut pipe, self.number.get(), &header, payload).is_err() {
                exit(4);
            }
        };
        let named = |name: String, shape: Vec<usize>| TensorHeader { name, shape };
        Some(match self.manner.as_str() {
            "nan" => changed(&|name, tensor| {
                let mut tensor = tensor.clone();
                if name == "head.bias" {
                    tensor.data[0] = f32::NAN;
                }
                Some((name.into(), tensor))
            }),
            "misnamed" => changed(&|name, tensor| Some((name.replace("head.bias", "head.bia\u{1b}s"), tensor.clone()))),
            "weightless" => changed(&|_, _| None),
            "turned" => changed(&|name, tensor| {
                let shape = tensor.shape.iter().rev().copied().collect();
                Some((name.into(), Tensor { shape, data: tensor.data.clone() }))
            }),
            "boundless" => {
                raw(vec![named("embedding.weight".into(), vec![1 << 40, 1 << 40, 0])], &[]);
                changed(&|_, _| None)
            }
            "many" => {
                raw((0..20_000).map(|place| named(format!("w{place}"), vec![0])).collect(), &[]);
                changed(&|_, _| None)
            }
            _ => return None,
        })
    }

    /// Does something to the folders of its own run.
    fn in_own_folders(&self, action: impl Fn(&std::path::Path) -> std::io::Result<()>) -> std::io::Result<()> {
        let runs = fs::read_dir("runs/small/runs").into_iter().flatten().flatten();
        let own =
            runs.filter(|entry| entry.path().is_dir() && entry.file_name().to_string_lossy().contains(&self.manner));
        own.for_each(|entry| drop(action(&entry.path())));
        Ok(())
    }

    /// Starts a child in a session of its own, which keeps stderr and, if `pipe`, the pipe to the harness, and ends.
    fn leave_a_child(&mut self, how: &str, pipe: bool) -> ! {
        let mut child = Command::new("sh");
        child.args(["-c", &format!("{how} --fork sleep 61")]).stdin(Stdio::null());
        if pipe && let Ok(own) = self.pipe.try_clone() {
            child.stdout(own);
        }
        let _ = child.status();
        // Until it has left this process' group.
        sleep(Duration::from_millis(300));
        exit(6)
    }

    /// Writes a reply past the loop that serves it.
    fn reply(&mut self, number: u32, compute_ns: u64, reply: Reply, payload: &[u8]) -> std::io::Result<()> {
        let header = serde_json::to_vec(&ReplyFrame { compute_ns, reply })?;
        write_frame(&mut self.pipe, number, &header, payload).map_err(Error::other)
    }

    fn frame(&mut self, number: u32, header: &[u8]) -> std::io::Result<()> {
        write_frame(&mut self.pipe, number, header, &[]).map_err(Error::other)
    }
}

fn prefix(header: u32, payload: u32, number: u32) -> [u8; 12] {
    let mut prefix = [0; 12];
    for (place, word) in [header, payload, number].into_iter().enumerate() {
        prefix[4 * place..][..4].copy_from_slice(&word.to_le_bytes());
    }
    prefix
}

fn signal_self(signal: &str) -> ! {
    // The parent of the shell is this process.
    let _ = Command::new("sh").args(["-c", &format!("kill -{signal} $PPID")]).status();
    hang()
}

fn hang() -> ! {
    loop {
        sleep(Duration::from_secs(1));
    }
}
