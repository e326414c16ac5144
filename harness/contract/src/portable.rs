//! Whether this processor is one of those on which a portable kernel gives the same bytes.

use crate::spec::Kernel;

/// The kernels that a backend may call portable ([`crate::BackendInfo::portable`]) on this processor: these where it is an x86-64 with AVX2 and FMA, none
/// elsewhere.
#[must_use]
pub fn portable_here(kernels: &[Kernel]) -> Vec<Kernel> {
    #[cfg(target_arch = "x86_64")]
    let here = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let here = false;
    if here { kernels.to_vec() } else { Vec::new() }
}
