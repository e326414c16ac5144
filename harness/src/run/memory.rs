//! How much memory this process and those it starts may have.

use std::fs;
use std::path::{Path, PathBuf};

/// The memory of this machine, or of the part of it that a control group leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All of it, in bytes.
    pub(crate) all: u64,
    /// What is free, or would be if caches were given up, in bytes.
    pub(crate) free: u64,
}

impl Memory {
    /// Reads it off the system; `None` where the system doesn't say.
    #[must_use]
    pub(crate) fn read() -> Option<Self> {
        Self::below(Path::new("/"))
    }

    /// As the files below this root say.
    fn below(root: &Path) -> Option<Self> {
        let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
        let kibibytes = |name: &str| -> Option<u64> {
            let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            rest.trim().strip_suffix("kB")?.trim().parse().ok()
        };
        let machine = Self { all: kibibytes("MemTotal")? << 10, free: kibibytes("MemAvailable")? << 10 };
        let groups = groups(root);
        Some(
            groups
                .into_iter()
                .fold(machine, |least, group| Self { all: least.all.min(group.all), free: least.free.min(group.free) }),
        )
    }
}

/// The limits of the control groups that this process is in, of either version, and of those around them.
fn groups(root: &Path) -> Vec<Memory> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut found = Vec::new();
    for line in own.lines() {
        // hierarchy:controllers:path; version 2 has one hierarchy, 0, without controllers.
        let mut parts = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (folder, limit, usage, cache) = if hierarchy == "0" && controllers.is_empty() {
            ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
        } else if controllers.split(',').any(|name| name == "memory") {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        } else {
            continue;
        };
        let top = root.join(folder);
        // In a container, the path may be that of the host: then only the top is there.
        for group in Path::new(path.trim_start_matches('/')).ancestors().map(|group| top.join(group)) {
            found.extend(limit_of(&group, limit, usage, cache));
        }
    }
    found
}

fn limit_of(group: &Path, limit: &str, usage: &str, cache: &str) -> Option<Memory> {
    let number = |path: PathBuf| -> Option<u64> { fs::read_to_string(path).ok()?.trim().parse().ok() };
    // `max` is no number: no limit.
    let all = number(group.join(limit))?;
    let used = number(group.join(usage)).unwrap_or(0);
    let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let given_up: u64 = statistics
        .lines()
        .find_map(|line| line.strip_prefix(cache)?.strip_prefix(' ')?.trim().parse().ok())
        .unwrap_or(0);
    Some(Memory { all, free: all.saturating_sub(used.saturating_sub(given_up)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       8000000 kB\nMemFree:         100000 kB\nMemAvailable:   6000000 kB\n";

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn without_control_groups_it_is_the_machine_s() {
        let root = system(&[("proc/meminfo", MEMINFO)]);
        assert_eq!(Memory::below(root.path()), Some(Memory { all: 8_000_000 << 10, free: 6_000_000 << 10 }));
        assert_eq!(Memory::below(&root.path().join("nowhere")), None);
    }

    #[test]
    fn a_group_of_version_2_or_one_around_it_limits_it() {
        let root = system(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/memory.max", "1000000\n"),
            ("sys/fs/cgroup/outer/memory.current", "700000\n"),
            ("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 200000\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
        ]);
        assert_eq!(Memory::below(root.path()), Some(Memory { all: 1_000_000, free: 500_000 }));
    }

    #[test]
    fn a_group_of_version_1_limits_it_where_only_the_top_is_shown() {
        let root = system(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "3:cpuset:/\n4:memory:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 100000\n"),
        ]);
        assert_eq!(Memory::below(root.path()), Some(Memory { all: 2_000_000, free: 1_600_000 }));
    }
}
