//! The elements of tensors in main memory as slices. The only `unsafe` code of this crate is here and where functions
//! are compiled for another instruction set.

use tch::kind::Element;
use tch::{Device, TchError, Tensor};

/// The elements of a contiguous tensor of kind `T` in main memory.
///
/// Nothing may write to the tensor's memory, through this tensor or a view of it, while the slice is in use. Within
/// this crate each tensor that is read this way is either owned by the reader or lent to nobody else meanwhile.
pub(crate) fn elements<T: Element>(tensor: &Tensor) -> Result<&[T], TchError> {
    let len = check::<T>(tensor)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: `check` made sure that `data_ptr` points at `len` consecutive, initialised `T` in main memory, aligned as
    // libtorch allocates. The tensor keeps them alive.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<T>(), len) })
}

/// The elements of a contiguous tensor of kind `T` in main memory, to change them.
///
/// Nothing may read or write the tensor's memory in another way while the slice is in use; see [`elements`].
pub(crate) fn elements_mut<T: Element>(tensor: &mut Tensor) -> Result<&mut [T], TchError> {
    let len = check::<T>(tensor)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as for `elements`; the exclusive borrow of the tensor stands for that of its memory.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<T>(), len) })
}

/// The number of elements, if they are consecutive `T` in main memory.
fn check<T: Element>(tensor: &Tensor) -> Result<usize, TchError> {
    let fits = tensor.f_kind()? == T::KIND && tensor.device() == Device::Cpu && tensor.is_contiguous();
    if fits { Ok(tensor.numel()) } else { Err(TchError::Kind(format!("not contiguous {:?} in main memory", T::KIND))) }
}
