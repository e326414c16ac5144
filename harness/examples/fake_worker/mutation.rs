//! A worker whose replies are changed on their way.

use std::io::{self, Write};
use std::process::ExitCode;

use harness_contract::serve_on;

use crate::Fake;

/// The most bytes before the first change. A conversation of the tests has more.
const FIRST: u64 = 6000;

/// Serves with bytes changed, left out or added at a place that follows from the seed.
pub(crate) fn serve_mutated(mut fake: Fake, seed: u64) -> ExitCode {
    let mut state = seed;
    let at = drawn(&mut state) % FIRST;
    let output = Mutated { pipe: io::stdout().lock(), until: at, state };
    match serve_on(&mut fake, io::stdin().lock(), output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

struct Mutated<W> {
    pipe: W,
    /// Bytes until the next change.
    until: u64,
    state: u64,
}

impl<W: Write> Write for Mutated<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.until >= bytes.len() as u64 {
            self.pipe.write_all(bytes)?;
            self.until -= bytes.len() as u64;
            return Ok(bytes.len());
        }
        let mut changed = bytes.to_vec();
        let place = usize::try_from(self.until).unwrap_or(0);
        let byte = drawn(&mut self.state).to_le_bytes()[0];
        match drawn(&mut self.state) % 5 {
            0 => changed[place] ^= 1 << (byte % 8),
            1 => changed[place] = byte,
            2 => drop(changed.remove(place)),
            3 => changed.insert(place, byte),
            _ => drop(changed.drain(place..)),
        }
        self.until = drawn(&mut self.state) % FIRST;
        self.pipe.write_all(&changed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

/// SplitMix64.
fn drawn(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32
}
