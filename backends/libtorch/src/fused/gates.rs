//! The passes over the gates of one step, compiled for several instruction sets, of which one is chosen at run time.
//!
//! All slices hold one block of some multiple of `hidden_size` elements for each row of the batch. What is done to a
//! block stands in functions of its own whose arguments are slices: that no two of them overlap is what lets the
//! compiler compute several elements at once.

#[cfg(target_arch = "x86_64")]
use std::arch::is_x86_feature_detected;

use super::activation::Real;

/// Defines a function that runs its body, compiled for the widest instruction set of these that the processor has. In the
/// body, `FUSED` says whether that has fused multiply-adds; all that have them give the same bits.
macro_rules! vectorised {
    ($(#[$documentation:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$documentation])*
        pub(super) fn $name<T: Real>($($argument: $kind),*) {
            #[inline(always)]
            fn body<T: Real, const FUSED: bool>($($argument: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq")]
                fn with_avx512<T: Real>($($argument: $kind),*) {
                    body::<T, true>($($argument),*);
                }

                #[target_feature(enable = "avx2,fma")]
                fn with_avx2<T: Real>($($argument: $kind),*) {
                    body::<T, true>($($argument),*);
                }

                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                    // SAFETY: the processor has just been found to have what the function is compiled for.
                    return unsafe { with_avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            body::<T, false>($($argument),*);
        }
    };
}

/// What an LSTM's step reads and writes beside the gates.
pub(super) struct LstmStep<'a, T> {
    /// `c`.
    pub(super) before: &'a [T],
    /// `c'`.
    pub(super) cell: &'a mut [T],
    /// `tanh(c')`.
    pub(super) squashed: &'a mut [T],
    /// `h'`.
    pub(super) state: &'a mut [T],
}

/// What the way back through an LSTM's step reads and writes beside the gates.
pub(super) struct LstmBack<'a, T> {
    /// `c`.
    pub(super) before: &'a [T],
    /// `tanh(c')`.
    pub(super) squashed: &'a [T],
    /// The gradient with respect to `h'`.
    pub(super) upstream: &'a [T],
    /// The gradient with respect to `c'`, which becomes that with respect to `c`.
    pub(super) carried: &'a mut [T],
}

vectorised! {
    /// `h = tanh(a)`.
    fn rnn_forward(sums: &[T], state: &mut [T]) {
        state.copy_from_slice(sums);
        tanh::<T, FUSED>(state);
    }
}

vectorised! {
    /// The gradient with respect to `a` from that with respect to `h`: times `1 - h^2`.
    fn rnn_backward(gradient: &mut [T], upstream: &[T], state: &[T]) {
        for ((gradient, &upstream), &state) in gradient.iter_mut().zip(upstream).zip(state) {
            *gradient = upstream * (T::ONE - state * state);
        }
    }
}

vectorised! {
    /// `out = a b`.
    fn multiply(a: &[T], b: &[T], out: &mut [T]) {
        product(a, b, out);
    }
}

vectorised! {
    /// `out = out + a b`.
    fn multiply_and_add(a: &[T], b: &[T], out: &mut [T]) {
        add_product(a, b, out);
    }
}

vectorised! {
    /// `out = out b`.
    fn multiply_by(out: &mut [T], b: &[T]) {
        for (out, &b) in out.iter_mut().zip(b) {
            *out *= b;
        }
    }
}

vectorised! {
    /// Adds all rows to `sums`, which is as long as each of them.
    fn add_rows(rows: &[T], sums: &mut [T]) {
        for row in rows.chunks_exact(sums.len()) {
            add(row, sums);
        }
    }
}

vectorised! {
    /// `c' = f c + i g`, `h' = o tanh(c')`. `gates` holds the sums of i, f, g, o and then the gates.
    fn lstm_forward(hidden_size: usize, gates: &mut [T], step: LstmStep<'_, T>) {
        let LstmStep { before, cell, squashed, state } = step;
        let rows = gates
            .chunks_exact_mut(4 * hidden_size)
            .zip(before.chunks_exact(hidden_size))
            .zip(cell.chunks_exact_mut(hidden_size))
            .zip(squashed.chunks_exact_mut(hidden_size))
            .zip(state.chunks_exact_mut(hidden_size));
        for ((((gates, before), cell), squashed), state) in rows {
            let (i_and_f, g_and_o) = gates.split_at_mut(2 * hidden_size);
            let (g, o) = g_and_o.split_at_mut(hidden_size);
            sigmoid::<T, FUSED>(i_and_f);
            tanh::<T, FUSED>(g);
            sigmoid::<T, FUSED>(o);
            let (i, f) = i_and_f.split_at(hidden_size);
            lstm_cell(i, f, g, before, cell);
            squashed.copy_from_slice(cell);
            tanh::<T, FUSED>(squashed);
            product(o, squashed, state);
        }
    }
}

vectorised! {
    /// The gradients with respect to the sums of i, f, g, o, in place of the gates.
    fn lstm_backward(hidden_size: usize, gates: &mut [T], step: LstmBack<'_, T>) {
        let LstmBack { before, squashed, upstream, carried } = step;
        let rows = gates
            .chunks_exact_mut(4 * hidden_size)
            .zip(before.chunks_exact(hidden_size))
            .zip(squashed.chunks_exact(hidden_size))
            .zip(upstream.chunks_exact(hidden_size))
            .zip(carried.chunks_exact_mut(hidden_size));
        for ((((gates, before), squashed), upstream), carried) in rows {
            let (i, rest) = gates.split_at_mut(hidden_size);
            let (f, rest) = rest.split_at_mut(hidden_size);
            let (g, o) = rest.split_at_mut(hidden_size);
            lstm_output_back(o, squashed, upstream, carried);
            lstm_input_back(i, g, carried);
            lstm_forget_back(f, before, carried);
        }
    }
}

vectorised! {
    /// `n = tanh(a + r u)`, `h' = n + z (h - n)`. `gates` holds the sums of r, z, `u`, the recurrent part of n, and `a`,
    /// its other part; then r, z, `u`, n.
    fn gru_forward(hidden_size: usize, gates: &mut [T], before: &[T], state: &mut [T]) {
        let rows = gates
            .chunks_exact_mut(4 * hidden_size)
            .zip(before.chunks_exact(hidden_size))
            .zip(state.chunks_exact_mut(hidden_size));
        for ((gates, before), state) in rows {
            let (r_and_z, u_and_n) = gates.split_at_mut(2 * hidden_size);
            let (u, n) = u_and_n.split_at_mut(hidden_size);
            sigmoid::<T, FUSED>(r_and_z);
            let (r, z) = r_and_z.split_at(hidden_size);
            add_product(r, u, n);
            tanh::<T, FUSED>(n);
            gru_state(z, n, before, state);
        }
    }
}

vectorised! {
    /// The gradients with respect to the sums of r, z, `u` and `a` (see [`gru_forward`]), in place of the gates, from
    /// `upstream`, that with respect to `h'`. What reaches `h` past the kernels is added to `carried`.
    fn gru_backward(hidden_size: usize, gates: &mut [T], before: &[T], upstream: &[T], carried: &mut [T]) {
        let rows = gates
            .chunks_exact_mut(4 * hidden_size)
            .zip(before.chunks_exact(hidden_size))
            .zip(upstream.chunks_exact(hidden_size))
            .zip(carried.chunks_exact_mut(hidden_size));
        for (((gates, before), upstream), carried) in rows {
            let (r, rest) = gates.split_at_mut(hidden_size);
            let (z, rest) = rest.split_at_mut(hidden_size);
            let (u, n) = rest.split_at_mut(hidden_size);
            add_product(upstream, z, carried);
            gru_update_back(z, n, before, upstream);
            gru_reset_back(r, u, n);
        }
    }
}

#[inline(always)]
fn sigmoid<T: Real, const FUSED: bool>(values: &mut [T]) {
    for value in values {
        *value = value.sigmoid::<FUSED>();
    }
}

#[inline(always)]
fn tanh<T: Real, const FUSED: bool>(values: &mut [T]) {
    for value in values {
        *value = value.tanh::<FUSED>();
    }
}

/// `out = out + a`.
#[inline(always)]
fn add<T: Real>(a: &[T], out: &mut [T]) {
    for (out, &a) in out.iter_mut().zip(a) {
        *out += a;
    }
}

/// `out = a b`.
#[inline(always)]
fn product<T: Real>(a: &[T], b: &[T], out: &mut [T]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = a * b;
    }
}

/// `out = out + a b`.
#[inline(always)]
fn add_product<T: Real>(a: &[T], b: &[T], out: &mut [T]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out += a * b;
    }
}

/// `c' = f c + i g`.
#[inline(always)]
fn lstm_cell<T: Real>(i: &[T], f: &[T], g: &[T], before: &[T], cell: &mut [T]) {
    for ((((cell, &i), &f), &g), &before) in cell.iter_mut().zip(i).zip(f).zip(g).zip(before) {
        *cell = f * before + i * g;
    }
}

/// `h' = o tanh(c')` backwards: what comes through `h'` is added to the gradient with respect to `c'`.
#[inline(always)]
fn lstm_output_back<T: Real>(o: &mut [T], squashed: &[T], upstream: &[T], carried: &mut [T]) {
    for (((o, &squashed), &upstream), carried) in o.iter_mut().zip(squashed).zip(upstream).zip(carried) {
        *carried += upstream * *o * (T::ONE - squashed * squashed);
        *o = upstream * squashed * *o * (T::ONE - *o);
    }
}

/// `c' = ... + i g` backwards.
#[inline(always)]
fn lstm_input_back<T: Real>(i: &mut [T], g: &mut [T], carried: &[T]) {
    for ((i, g), &carried) in i.iter_mut().zip(g).zip(carried) {
        let (input, candidate) = (*i, *g);
        *i = carried * candidate * input * (T::ONE - input);
        *g = carried * input * (T::ONE - candidate * candidate);
    }
}

/// `c' = f c + ...` backwards.
#[inline(always)]
fn lstm_forget_back<T: Real>(f: &mut [T], before: &[T], carried: &mut [T]) {
    for ((f, &before), carried) in f.iter_mut().zip(before).zip(carried) {
        let forget = *f;
        *f = *carried * before * forget * (T::ONE - forget);
        *carried *= forget;
    }
}

/// `h' = n + z (h - n)`.
#[inline(always)]
fn gru_state<T: Real>(z: &[T], n: &[T], before: &[T], state: &mut [T]) {
    for (((state, &z), &n), &before) in state.iter_mut().zip(z).zip(n).zip(before) {
        *state = n + z * (before - n);
    }
}

/// `h' = n + z (h - n)` backwards, down to the sums under both.
#[inline(always)]
fn gru_update_back<T: Real>(z: &mut [T], n: &mut [T], before: &[T], upstream: &[T]) {
    for (((z, n), &before), &upstream) in z.iter_mut().zip(n).zip(before).zip(upstream) {
        let (update, candidate) = (*z, *n);
        *z = upstream * (before - candidate) * update * (T::ONE - update);
        *n = upstream * (T::ONE - update) * (T::ONE - candidate * candidate);
    }
}

/// `a + r u` backwards, down to the sum under r.
#[inline(always)]
fn gru_reset_back<T: Real>(r: &mut [T], u: &mut [T], at_sum: &[T]) {
    for ((r, u), &at_sum) in r.iter_mut().zip(u).zip(at_sum) {
        let (reset, recurrent) = (*r, *u);
        *r = at_sum * recurrent * reset * (T::ONE - reset);
        *u = at_sum * reset;
    }
}
