//! The kernels of each instruction set, chosen when the program runs.

use super::finish::{self, Destination, Finish};
use super::product::{self, Product};
use super::vector::F32Dot;
use super::{Depthwise, Elementwise, Format, Memory, Pack, Pooling, Regroup, Stem, Unpack, scalar};
use crate::engine::KernelSet;

/// The kernels of one instruction set.
pub(crate) struct Kernels {
    /// Which.
    pub(crate) set: KernelSet,
    /// Most pixels of a group of a product.
    pub(crate) pixels: usize,
    /// Of floats, bfloat16, bytes and split floats.
    products: [unsafe fn(&Product); 4],
    /// To be called before products of groups of so many pixels, and after them.
    pub(super) configure: unsafe fn(usize),
    pub(super) release: unsafe fn(),
    pub(super) finish: unsafe fn(&Finish, &Destination),
    pub(super) pack_windows: unsafe fn(&Stem, (&[f32], *mut u8)),
    pub(super) depthwise: unsafe fn(&Depthwise, usize, &Memory),
    pub(super) pooling: unsafe fn(&Pooling, usize, &Memory),
    pub(super) elementwise: unsafe fn(&Elementwise, usize, &Memory),
    pub(super) regroup: unsafe fn(&Regroup, usize, &Memory),
    pub(super) pack: unsafe fn(&Pack, usize, &Memory),
    pub(super) unpack: unsafe fn(&Unpack, usize, &Memory),
}

impl Kernels {
    pub(super) fn product(&self, format: Format) -> unsafe fn(&Product) {
        match format {
            Format::F32 => self.products[0],
            Format::Bf16 => self.products[1],
            Format::U8(_) => self.products[2],
            Format::Split => self.products[3],
        }
    }
}

/// The kernels of an instruction set, if this processor has it.
pub(crate) fn of(set: KernelSet) -> Option<&'static Kernels> {
    match set {
        KernelSet::Scalar => Some(&SCALAR),
        #[cfg(target_arch = "x86_64")]
        KernelSet::Avx512 => x86::has_avx512().then_some(&x86::AVX512),
        #[cfg(target_arch = "x86_64")]
        KernelSet::Amx => (x86::has_avx512() && super::amx::is_there()).then_some(&x86::AMX),
        _ => None,
    }
}

/// The best kernels of this processor.
pub(crate) fn best() -> &'static Kernels {
    [KernelSet::Amx, KernelSet::Avx512, KernelSet::Avx2].into_iter().find_map(of).unwrap_or(&SCALAR)
}

unsafe fn no_tiles(_: usize) {}
unsafe fn nothing() {}

/// A table of kernels in terms of one [`super::vector::Vector`], compiled with the features that it needs.
macro_rules! kernels {
    ($static:ident, $set:expr, $vector:ty, $pixels:literal, [$f32:ty, $bf16:ty, $u8:ty] $(, $features:literal)?) => {
        pub(super) static $static: Kernels = {
            $(#[target_feature(enable = $features)])?
            unsafe fn product_f32(product: &Product) {
                unsafe { product::product::<$f32, $pixels>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn product_bf16(product: &Product) {
                unsafe { product::product::<$bf16, $pixels>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn product_u8(product: &Product) {
                unsafe { product::product::<$u8, $pixels>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn product_split(product: &Product) {
                unsafe { product::split::<$bf16>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn finish(finish: &Finish, destination: &Destination) {
                unsafe { finish::finish::<$vector>(finish, destination) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn pack_windows(stem: &Stem, windows: (&[f32], *mut u8)) {
                unsafe { stem.pack::<$vector>(windows) }
            }
            kernels!(@items [$($features)?] $vector, depthwise Depthwise, pooling Pooling, elementwise Elementwise,
                regroup Regroup, pack Pack, unpack Unpack);
            Kernels {
                set: $set,
                pixels: $pixels,
                products: [product_f32, product_bf16, product_u8, product_split],
                configure: no_tiles,
                release: nothing,
                finish,
                pack_windows,
                depthwise,
                pooling,
                elementwise,
                regroup,
                pack,
                unpack,
            }
        };
    };
    (@items $features:tt $vector:ty, $($name:ident $work:ident),*) => {
        $(kernels!(@item $features $vector, $name $work);)*
    };
    (@item [$($features:literal)?] $vector:ty, $name:ident $work:ident) => {
        $(#[target_feature(enable = $features)])?
        unsafe fn $name(work: &$work, item: usize, memory: &Memory) {
            unsafe { work.item::<$vector>(item, memory) }
        }
    };
}

kernels!(SCALAR, KernelSet::Scalar, scalar::Scalar, 4, [F32Dot<scalar::Scalar>, scalar::Bf16Dot, scalar::U8Dot]);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use crate::engine::kernels::{amx, avx512};

    kernels!(AVX512, KernelSet::Avx512, avx512::Avx512, 14, [F32Dot<avx512::Avx512>, avx512::Bf16Dot, avx512::U8Dot],
        "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,fma");

    pub(super) static AMX: Kernels = Kernels {
        set: KernelSet::Amx,
        pixels: amx::PIXELS,
        products: [AVX512.products[0], amx::bf16, amx::u8, amx::split],
        configure: amx::configure,
        release: amx::release,
        ..AVX512
    };

    pub(super) fn has_avx512() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bf16")
            && is_x86_feature_detected!("avx512vnni")
    }
}
