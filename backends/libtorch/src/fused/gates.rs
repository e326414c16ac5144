//! The passes over the gates of one step, compiled for the baseline and for AVX2, chosen at run time.
//!
//! All slices hold `rows` blocks of some multiple of `hidden_size` elements.

use super::activation::Real;

/// Defines a function that runs its body, compiled for AVX2 where the processor has it.
macro_rules! vectorised {
    ($(#[$documentation:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$documentation])*
        #[expect(clippy::too_many_arguments, reason = "one slice for each quantity of the cell's equations")]
        pub(super) fn $name<T: Real>($($argument: $kind),*) {
            #[inline(always)]
            fn body<T: Real>($($argument: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2<T: Real>($($argument: $kind),*) {
                    body($($argument),*);
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has just been found to have AVX2.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            body($($argument),*);
        }
    };
}

vectorised! {
    /// `h = tanh(a)`, in place. `state` holds the sums `a` and then the outputs `h`.
    fn rnn_forward(state: &mut [T]) {
        for value in state {
            *value = value.tanh();
        }
    }
}

vectorised! {
    /// The gradient with respect to `a` from that with respect to `h`, in place: times `1 - h^2`.
    fn rnn_backward(gradient: &mut [T], state: &[T]) {
        for (gradient, &state) in gradient.iter_mut().zip(state) {
            *gradient *= T::ONE - state * state;
        }
    }
}

vectorised! {
    /// `c' = f c + i g`, `h = o tanh(c')`. `gates` holds the sums of i, f, g, o and then the gates.
    fn lstm_forward(hidden_size: usize, gates: &mut [T], before: &[T], cell: &mut [T], squashed: &mut [T], state: &mut [T]) {
        let rows = gates.chunks_exact_mut(4 * hidden_size).zip(before.chunks_exact(hidden_size))
            .zip(cell.chunks_exact_mut(hidden_size)).zip(squashed.chunks_exact_mut(hidden_size))
            .zip(state.chunks_exact_mut(hidden_size));
        for ((((gates, before), cell), squashed), state) in rows {
            let (i, rest) = gates.split_at_mut(hidden_size);
            let (f, rest) = rest.split_at_mut(hidden_size);
            let (g, o) = rest.split_at_mut(hidden_size);
            for at in 0..hidden_size {
                (i[at], f[at], g[at], o[at]) = (i[at].sigmoid(), f[at].sigmoid(), g[at].tanh(), o[at].sigmoid());
                cell[at] = f[at] * before[at] + i[at] * g[at];
                squashed[at] = cell[at].tanh();
                state[at] = o[at] * squashed[at];
            }
        }
    }
}

vectorised! {
    /// The gradients with respect to the sums of i, f, g, o, in place of the gates, from `upstream`, that with respect to
    /// `h`, and `carried`, that with respect to `c'`, which becomes that with respect to `c`.
    fn lstm_backward(hidden_size: usize, gates: &mut [T], before: &[T], squashed: &[T], upstream: &[T], carried: &mut [T]) {
        let rows = gates.chunks_exact_mut(4 * hidden_size).zip(before.chunks_exact(hidden_size))
            .zip(squashed.chunks_exact(hidden_size)).zip(upstream.chunks_exact(hidden_size))
            .zip(carried.chunks_exact_mut(hidden_size));
        for ((((gates, before), squashed), upstream), carried) in rows {
            let (i, rest) = gates.split_at_mut(hidden_size);
            let (f, rest) = rest.split_at_mut(hidden_size);
            let (g, o) = rest.split_at_mut(hidden_size);
            for at in 0..hidden_size {
                let (input, forget, candidate, output) = (i[at], f[at], g[at], o[at]);
                let cell = carried[at] + upstream[at] * output * (T::ONE - squashed[at] * squashed[at]);
                i[at] = cell * candidate * input * (T::ONE - input);
                f[at] = cell * before[at] * forget * (T::ONE - forget);
                g[at] = cell * input * (T::ONE - candidate * candidate);
                o[at] = upstream[at] * squashed[at] * output * (T::ONE - output);
                carried[at] = cell * forget;
            }
        }
    }
}

vectorised! {
    /// `n = tanh(a + r u)`, `h' = n + z (h - n)`. `gates` holds the sums of r, z, `u`, the recurrent part of n, and `a`,
    /// its other part; then r, z, `u`, n.
    fn gru_forward(hidden_size: usize, gates: &mut [T], before: &[T], state: &mut [T]) {
        let rows = gates.chunks_exact_mut(4 * hidden_size).zip(before.chunks_exact(hidden_size))
            .zip(state.chunks_exact_mut(hidden_size));
        for ((gates, before), state) in rows {
            let (r, rest) = gates.split_at_mut(hidden_size);
            let (z, rest) = rest.split_at_mut(hidden_size);
            let (u, n) = rest.split_at_mut(hidden_size);
            for at in 0..hidden_size {
                (r[at], z[at]) = (r[at].sigmoid(), z[at].sigmoid());
                n[at] = (n[at] + r[at] * u[at]).tanh();
                state[at] = n[at] + z[at] * (before[at] - n[at]);
            }
        }
    }
}

vectorised! {
    /// The gradients with respect to the sums of r, z, `u` and `a` (see `gru_forward`), in place of the gates, from
    /// `upstream`, that with respect to `h'`. What reaches `h` past the kernels is written to `carried`.
    fn gru_backward(hidden_size: usize, gates: &mut [T], before: &[T], upstream: &[T], carried: &mut [T]) {
        let rows = gates.chunks_exact_mut(4 * hidden_size).zip(before.chunks_exact(hidden_size))
            .zip(upstream.chunks_exact(hidden_size)).zip(carried.chunks_exact_mut(hidden_size));
        for (((gates, before), upstream), carried) in rows {
            let (r, rest) = gates.split_at_mut(hidden_size);
            let (z, rest) = rest.split_at_mut(hidden_size);
            let (u, n) = rest.split_at_mut(hidden_size);
            for at in 0..hidden_size {
                let (reset, update, recurrent, candidate) = (r[at], z[at], u[at], n[at]);
                let at_candidate = upstream[at] * (T::ONE - update) * (T::ONE - candidate * candidate);
                r[at] = at_candidate * recurrent * reset * (T::ONE - reset);
                z[at] = upstream[at] * (before[at] - candidate) * update * (T::ONE - update);
                u[at] = at_candidate * reset;
                n[at] = at_candidate;
                carried[at] += upstream[at] * update;
            }
        }
    }
}
