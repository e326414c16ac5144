//! Treats subnormal numbers (below 1.2e-38) as zero while a backend's own loops compute.
//!
//! Processors take many times longer over such numbers, and they come up by themselves: where padding stands at the end,
//! gradients shrink on their way back through it, and the first moment of a word that has not occurred for 800 steps has
//! decayed that far. They are far below the rounding of any weight. TensorFlow's own threads treat them so by default, PyTorch's after
//! `torch.set_flush_denormal(True)`.

/// While this lives, the thread that made it reads and writes subnormal numbers as zero, where the processor is an x86-64.
#[derive(Debug)]
pub struct SubnormalsAsZero {
    #[cfg(target_arch = "x86_64")]
    before: u32,
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    /// "Flush to zero" and "denormals are zero" of the MXCSR register.
    pub(super) const AS_ZERO: u32 = 0x8040;

    /// The register's value.
    pub(super) fn read() -> u32 {
        let mut value = 0u32;
        // SAFETY: the instruction writes four bytes to where it is pointed, which is `value`.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
        value
    }

    /// Sets the register to a value that was read from it, with or without `AS_ZERO`.
    pub(super) fn write(value: u32) {
        // SAFETY: the instruction reads four bytes, and no reserved bit is set in a value that was read; the bits that differ change
        // nothing that the compiler relies on but the treatment of subnormal numbers between these two calls.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags)) };
    }
}

impl SubnormalsAsZero {
    /// From now on.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that changes how the thread computes would surprise")]
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let before = control::read();
            control::write(before | control::AS_ZERO);
            Self { before }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self {}
    }
}

impl Drop for SubnormalsAsZero {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        control::write(self.before);
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn subnormals_are_zero_while_it_lives_and_come_back_after() {
        let half = || black_box(f32::MIN_POSITIVE) * black_box(0.5);
        assert!(half() > 0.0);
        {
            let _guard = SubnormalsAsZero::new();
            assert_eq!(half(), 0.0);
        }
        assert!(half() > 0.0);
    }
}
