//! The machine a run is made on.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::record::Environment;

/// What doesn't change while a grid runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    platform: String,
    cpu: String,
    cores: usize,
    memory_bytes: Option<u64>,
}

impl Machine {
    /// Reads it off the system.
    #[must_use]
    pub fn read() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            text.lines().find_map(|line| {
                line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
            })
        });
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let kibibytes: u64 = text
                .lines()
                .find_map(|line| line.strip_prefix("MemTotal:"))?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()?;
            Some(kibibytes * 1024)
        });
        Self {
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: cpu.unwrap_or_else(|| "unknown".into()),
            cores: allowed_cores().len(),
            memory_bytes: memory,
        }
    }

    /// The environment of a run that starts now.
    #[must_use]
    pub fn environment(&self, threads: usize, jobs: usize, device: &str) -> Environment {
        Environment {
            harness_version: env!("CARGO_PKG_VERSION").into(),
            git_commit: option_env!("STUDY_GIT_COMMIT").map(str::to_owned),
            platform: self.platform.clone(),
            cpu: self.cpu.clone(),
            cores: self.cores,
            memory_bytes: self.memory_bytes,
            threads,
            jobs,
            device: device.into(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        }
    }
}

/// The processors this process may run on; at least one.
#[must_use]
pub fn allowed_cores() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None);
    let cores: Vec<usize> = set
        .map(|set| (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
        .unwrap_or_default();
    if cores.is_empty() { vec![0] } else { cores }
}
