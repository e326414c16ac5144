//! Slurm, where a run is part of one of its jobs: which task this is, and whether another is still there.

use std::env;
use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use harness_text::plain;
use serde::{Deserialize, Serialize};

use super::worker::LineProcess;

/// How long Slurm may take over a question.
const PATIENCE: Duration = Duration::from_secs(20);

/// States of a job in which nothing of it runs, as `scontrol show job` has them. In all others, and in one that is not known here, it may.
const NOT_RUNNING: [&str; 11] = [
    "PENDING",
    "COMPLETED",
    "CANCELLED",
    "FAILED",
    "TIMEOUT",
    "NODE_FAIL",
    "PREEMPTED",
    "BOOT_FAIL",
    "DEADLINE",
    "OUT_OF_MEMORY",
    "REVOKED",
];

/// A job of Slurm, or a task of an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlurmTask {
    /// The cluster.
    pub(super) cluster: String,
    /// `JOB`, or `ARRAY_TASK`.
    pub(super) id: String,
    /// How often it had been started before.
    pub(super) restarts: u64,
}

/// What Slurm says of a task.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Its processes may be there.
    There,
    /// They are not.
    Gone,
    /// Nothing, and why.
    None(String),
}

impl SlurmTask {
    /// The task that this process is part of. A shell on a login node that holds an allocation is part of none: it outlives that.
    pub(super) fn this() -> Option<Self> {
        Self::in_environment(|name| env::var(name).ok())
    }

    fn in_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        variable("SLURMD_NODENAME")?;
        let id = match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID")) {
            (Some(array), Some(task)) => format!("{array}_{task}"),
            _ => variable("SLURM_JOB_ID")?,
        };
        let restarts = variable("SLURM_RESTART_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
        Some(Self { cluster: variable("SLURM_CLUSTER_NAME")?, id, restarts })
    }

    /// What Slurm says of what this task started, asked from `own`.
    pub(super) fn word(&self, own: Option<&Self>) -> Word {
        // Slurm starts a task again once it has ended the one before, or has given up the node it was on.
        if own.is_some_and(|own| (&own.cluster, &own.id) == (&self.cluster, &self.id) && own.restarts > self.restarts) {
            return Word::Gone;
        }
        if !self.id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
            return Word::None("its job has no number that can be".into());
        }
        let cluster = match own {
            Some(own) => Ok(own.cluster.clone()),
            None => ask(&["show", "config"]).and_then(|said| {
                let name = said.lines().find_map(|line| line.strip_prefix("ClusterName")?.trim().strip_prefix('='));
                name.map(|name| name.trim().to_owned()).ok_or_else(|| "Slurm doesn't say which cluster this is".into())
            }),
        };
        match cluster {
            Err(reason) => Word::None(reason),
            Ok(cluster) if cluster != self.cluster => Word::None(format!(
                "its job is of the cluster {}, and this is {}",
                plain(&self.cluster),
                plain(&cluster)
            )),
            Ok(_) => self.understood(ask(&["--oneliner", "show", "job", &self.id])),
        }
    }

    /// What an answer of `scontrol show job` says of it.
    fn understood(&self, answer: Result<String, String>) -> Word {
        let said = match answer {
            Ok(said) => said,
            // It was so long ago that Slurm has forgotten it.
            Err(reason) if reason.contains("Invalid job id specified") => return Word::Gone,
            Err(reason) => return Word::None(reason),
        };
        let field = |name: &str| said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let (Some(state), Some(restarts)) = (field("JobState"), field("Restarts").and_then(|count| count.parse().ok()))
        else {
            return Word::None("what Slurm says of its job can't be understood".into());
        };
        if NOT_RUNNING.contains(&state) || self.restarts < restarts { Word::Gone } else { Word::There }
    }
}

impl fmt::Display for SlurmTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Slurm job {}", plain(&self.id))
    }
}

/// What `scontrol` answers.
fn ask(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("scontrol");
    command.args(arguments);
    let mut process =
        LineProcess::start(command, None, None).map_err(|error| format!("scontrol can't be started: {error}"))?;
    let until = Instant::now() + PATIENCE;
    let mut said = String::new();
    while let Ok(line) = process.read(until.saturating_duration_since(Instant::now())) {
        said.push_str(&line);
        said.push('\n');
    }
    if Instant::now() >= until {
        return Err(format!("scontrol did not answer within {} s", PATIENCE.as_secs()));
    }
    let fate = process.end();
    let words = process.process().last_words();
    match fate.as_str() {
        "exited with code 0" => Ok(said),
        _ => Err(format!("scontrol {fate}: {}", words.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, restarts: u64) -> SlurmTask {
        SlurmTask { cluster: "own".into(), id: id.into(), restarts }
    }

    #[test]
    fn a_task_is_known_by_its_array_and_its_starts_and_a_login_shell_is_none() {
        let of = |variables: &[(&str, &str)]| {
            SlurmTask::in_environment(|name| {
                variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let job = [("SLURM_JOB_ID", "15"), ("SLURM_CLUSTER_NAME", "own"), ("SLURMD_NODENAME", "n1")];
        assert_eq!(of(&job), Some(task("15", 0)));
        let array = [("SLURM_ARRAY_JOB_ID", "12"), ("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_RESTART_COUNT", "2")];
        assert_eq!(of(&[job.as_slice(), &array].concat()), Some(task("12_3", 2)));
        assert_eq!(of(&job[..2]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn an_earlier_start_of_the_same_task_is_gone_and_no_other_is_without_slurm_s_word() {
        let own = task("12_3", 1);
        assert_eq!(task("12_3", 0).word(Some(&own)), Word::Gone);
        let elsewhere = SlurmTask { cluster: "another".into(), ..task("12_3", 0) };
        assert!(matches!(elsewhere.word(Some(&own)), Word::None(_)));
        assert!(matches!(task("12; rm", 0).word(Some(&own)), Word::None(_)));
    }

    #[test]
    fn slurm_s_answers_are_understood_as_they_come() {
        let of = |state: &str, restarts: u64| {
            let line = format!(
                "JobId=13 ArrayJobId=12 JobName=a JobState={state} Reason=None Requeue=1 Restarts={restarts} x\n"
            );
            task("12_3", 1).understood(Ok(line))
        };
        for state in ["RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING", "WHATEVER"] {
            assert_eq!(of(state, 1), Word::There, "{state}");
        }
        for state in ["COMPLETED", "CANCELLED", "NODE_FAIL", "PENDING", "TIMEOUT"] {
            assert_eq!(of(state, 1), Word::Gone, "{state}");
        }
        assert_eq!(of("RUNNING", 2), Word::Gone, "it was started again");
        let unknown = "scontrol exited with code 1: slurm_load_jobs error: Invalid job id specified";
        assert_eq!(task("1", 0).understood(Err(unknown.into())), Word::Gone);
        let down = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)";
        assert_eq!(task("1", 0).understood(Err(down.into())), Word::None(down.into()));
        assert!(matches!(task("1", 0).understood(Ok("no such thing".into())), Word::None(_)));
    }
}
