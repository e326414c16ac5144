//! stub
use std::path::{Path, PathBuf};
use super::ReportError;
use crate::bench::BenchRecord;
use crate::bench::peers::PeersRecord;
/// stub
pub fn write_bench(_record: &BenchRecord, _directory: &Path) -> Result<Vec<PathBuf>, ReportError> { Ok(Vec::new()) }
/// stub
pub fn write_peers(_record: &PeersRecord, _directory: &Path) -> Result<Vec<PathBuf>, ReportError> { Ok(Vec::new()) }
