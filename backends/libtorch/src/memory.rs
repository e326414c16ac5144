//! How the process keeps memory between steps.

/// Asks glibc to keep freed blocks for the next step instead of handing them back to the system.
///
/// Every step allocates and frees the same tensors of some megabytes. By default they are mapped anew or cut off the
/// heap's end each time, and the kernel clears every page again: an eighth of a step's time. Other C libraries have
/// settings of their own, and there this does nothing.
pub(crate) fn keep() {
    /// The most that glibc accepts on 64 bits; larger blocks, such as the embedding, are mapped and live long.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    const LARGEST: libc::c_int = 32 << 20;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, value) in [(libc::M_MMAP_THRESHOLD, LARGEST), (libc::M_TRIM_THRESHOLD, libc::c_int::MAX)] {
        // SAFETY: `mallopt` takes any pair of integers, from any thread, and changes later allocations only.
        let accepted = unsafe { libc::mallopt(setting, value) };
        debug_assert_eq!(accepted, 1, "glibc refuses {setting} = {value}");
    }
}
