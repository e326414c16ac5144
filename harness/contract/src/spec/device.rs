//! Where and by what a model computes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::SpecError;

/// Where a model computes. Written `cpu` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The processor.
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(index) => f.pad(&format!("cuda:{index}")),
        }
    }
}

impl FromStr for Device {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        let cuda = text.strip_prefix("cuda:").and_then(|index| index.parse().ok()).map(Self::Cuda);
        // A sign or a leading zero would be a second name of the same device.
        cuda.filter(|device| device.to_string() == text)
            .ok_or_else(|| SpecError::new("device", format!("`{text}` is neither `cpu` nor `cuda:N`")))
    }
}

impl TryFrom<String> for Device {
    type Error = SpecError;

    fn try_from(text: String) -> Result<Self, SpecError> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

/// Which implementation of the recurrent layers a backend uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// The framework's own layers and differentiation, where it has them.
    Stock,
    /// The backend's own arrangement of the framework's operations, equal to float32 rounding.
    Fused,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stock => "stock",
            Self::Fused => "fused",
        })
    }
}
