//! How a worker failed.

use std::fmt;
use std::time::Duration;

/// How a worker failed, as distinct from a request it answered with an error.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerFailure {
    /// It could not be started, died, or broke the wire format.
    Broken {
        /// Why, as a sentence fragment.
        reason: String,
        /// The last lines it wrote to stderr.
        last_words: String,
    },
    /// It did not answer within the deadline, and was ended.
    TimedOut {
        /// The request.
        request: String,
        /// The deadline.
        deadline: Duration,
        /// The last lines it wrote to stderr.
        last_words: String,
    },
    /// It was ended because everything is to stop.
    Stopped,
}

impl WorkerFailure {
    pub(super) const fn broken(reason: String, last_words: String) -> Self {
        Self::Broken { reason, last_words }
    }

    /// Why, as a sentence fragment, without the worker's last words.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Broken { reason, .. } => reason.clone(),
            Self::TimedOut { request, deadline, .. } => {
                format!("no answer to `{request}` within {} s", deadline.as_secs_f64())
            }
            Self::Stopped => "interrupted".into(),
        }
    }

    /// The failure as it is displayed, and where the worker's last words are more than the line that is quoted there, all of them below it.
    #[must_use]
    pub fn with_last_words(&self) -> String {
        if self.last_words().lines().count() < 2 {
            return self.to_string();
        }
        let lines: String = self.last_words().lines().map(|line| format!("\n  {line}")).collect();
        format!("{self}\nthe last it wrote to stderr:{lines}")
    }

    /// The last that the worker wrote to stderr.
    #[must_use]
    pub fn last_words(&self) -> &str {
        match self {
            Self::Broken { last_words, .. } | Self::TimedOut { last_words, .. } => last_words,
            Self::Stopped => "",
        }
    }
}

impl fmt::Display for WorkerFailure {
    /// The reason, the worker's last line if it left one, and what to do where that is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())?;
        if let Some(line) = self.last_words().lines().last() {
            write!(f, ": {line}")?;
        }
        if self.last_words().contains("shared librar") {
            f.write_str("; run `just setup` and `just build`")?;
        }
        Ok(())
    }
}
