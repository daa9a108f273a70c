//! The two kinds of numbers that the kernels compute with.

use burn::backend::flex::FlexTensor;
use burn::tensor::{Element, TensorData};
use std::cell::RefCell;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Sub};

/// f32 or f64.
pub(super) trait Real:
    Element
    + Copy
    + Default
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + 'static
{
    /// 1.
    const ONE: Self;

    /// The nearest.
    fn of(value: f64) -> Self;

    /// Exactly.
    fn as_f64(self) -> f64;

    /// The elements of a tensor without gaps, in order.
    fn slice(tensor: &FlexTensor) -> &[Self];

    /// The elements to be changed, if nobody else holds them and they have no gaps.
    fn slice_mut(tensor: &mut FlexTensor) -> Option<&mut [Self]>;

    /// Lends `length` numbers of this thread's workspace to `work`; they hold what the last user left.
    fn with_workspace<R>(length: usize, work: impl FnOnce(&mut [Self]) -> R) -> R;

    /// A tensor of these numbers.
    fn tensor<const D: usize>(values: Vec<Self>, shape: [usize; D]) -> FlexTensor {
        FlexTensor::from_data(TensorData::new(values, shape))
    }
}

macro_rules! real {
    ($kind:ty) => {
        impl Real for $kind {
            const ONE: Self = 1.0;

            fn of(value: f64) -> Self {
                value as Self
            }

            fn as_f64(self) -> f64 {
                self.into()
            }

            fn slice(tensor: &FlexTensor) -> &[Self] {
                tensor.as_slice().unwrap_or(&[])
            }

            fn slice_mut(tensor: &mut FlexTensor) -> Option<&mut [Self]> {
                let (start, end) = tensor.layout().contiguous_offsets()?;
                tensor.try_storage_mut::<Self>()?.get_mut(start..end)
            }

            fn with_workspace<R>(length: usize, work: impl FnOnce(&mut [Self]) -> R) -> R {
                thread_local!(static SPACE: RefCell<Vec<$kind>> = const { RefCell::new(Vec::new()) });
                // Taken out: this thread may be lent to another task of the same kind while `work` waits for its own.
                let mut space = SPACE.take();
                if space.len() < length {
                    space.resize(length, 0.0);
                }
                let result = work(&mut space[..length]);
                SPACE.set(space);
                result
            }
        }
    };
}

real!(f32);
real!(f64);
