//! The machine a run is made on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::record::Environment;

/// How the variables begin that speak to OpenMP, the libraries of linear algebra and the frameworks: they change times, and some of them results.
/// TensorFlow's are not all that begin with `TF_`: Terraform's do, too, and hold secrets.
const RUNTIMES: [&str; 23] = [
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "ONEDNN_",
    "DNNL_",
    "XLA_",
    "TORCH_",
    "PYTORCH_",
    "CUDA_",
    "LD_PRELOAD",
    "TF_NUM_",
    "TF_ENABLE_",
    "TF_DISABLE_",
    "TF_XLA_",
    "TF_DETERMINISTIC_",
    "TF_CUDNN_",
    "TF_GPU_",
    "TF_CPU_",
    "TF_FORCE_",
    "TF_USE_",
    "TF_ONEDNN_",
];
/// The longest value of such a variable that is kept, in characters.
const LONGEST_VALUE: usize = 500;

/// What doesn't change while a grid runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    platform: String,
    cpu: String,
    cores: usize,
    memory_bytes: Option<u64>,
    variables: BTreeMap<String, String>,
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
            variables: of_runtimes(std::env::vars_os()),
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
            variables: self.variables.clone(),
        }
    }
}

/// Those variables that a runtime listens to.
fn of_runtimes(all: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
    let text = |own: OsString| own.to_string_lossy().chars().take(LONGEST_VALUE).collect::<String>();
    all.map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| RUNTIMES.iter().any(|runtime| name.starts_with(runtime)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_a_runtime_listens_to_are_noted_and_no_others() {
        let all = [
            ("OMP_WAIT_POLICY", "passive"),
            ("HOME", "/home/me"),
            ("TF_NUM_INTRAOP_THREADS", "3"),
            ("TF_TOKEN_app", "secret"),
        ];
        let noted = of_runtimes(all.into_iter().map(|(name, value)| (name.into(), value.into())));
        let names: Vec<_> = noted.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["OMP_WAIT_POLICY=passive", "TF_NUM_INTRAOP_THREADS=3"]);
        let long = of_runtimes([("LD_PRELOAD".into(), "x".repeat(1 << 20).into())].into_iter());
        assert_eq!(long["LD_PRELOAD"].len(), LONGEST_VALUE);
    }
}
