//! The native engine's inner loops, for each instruction set: the only place of unsafe code in the engine.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod convolve;
mod filters;
mod finish;
mod format;
mod map;
mod product;
mod scalar;
mod vector;

pub(crate) use convolve::{Convolve, Cut};
pub(crate) use filters::{Filters, Line};
pub(crate) use format::{Format, LINE};
pub(crate) use map::Map;
pub(crate) use vector::LANES;

use finish::{Destination, Finish};
use product::Product;
use vector::F32Dot;

/// Bytes of the filters of one tap for one chunk of outputs.
pub(crate) const TILE: usize = LANES * LINE;

/// The memory that a run works in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// The feature maps.
    pub(crate) buffer: *mut u8,
}

type ProductFn = unsafe fn(&Product);

/// The kernels of one instruction set.
pub(crate) struct Kernels {
    pub(crate) name: &'static str,
    pub(crate) pixels: usize,
    products: [ProductFn; 4],
    finish: unsafe fn(&Finish, &Destination),
    configure: unsafe fn(usize),
    release: unsafe fn(),
}

impl Kernels {
    fn product(&self, format: Format) -> ProductFn {
        match format {
            Format::F32 => self.products[0],
            Format::Bf16 => self.products[1],
            Format::U8(_) => self.products[2],
            Format::Split => self.products[3],
        }
    }
}

unsafe fn nothing() {}
unsafe fn no_tiles(_: usize) {}

pub(crate) static SCALAR: Kernels = Kernels {
    name: "scalar",
    pixels: 4,
    products: [s_f32, s_bf16, s_u8, s_f32],
    finish: s_finish,
    configure: no_tiles,
    release: nothing,
};
unsafe fn s_f32(p: &Product) { unsafe { product::product::<F32Dot<scalar::Scalar>, 4>(p) } }
unsafe fn s_bf16(p: &Product) { unsafe { product::product::<scalar::Bf16Dot, 4>(p) } }
unsafe fn s_u8(p: &Product) { unsafe { product::product::<scalar::U8Dot, 4>(p) } }
unsafe fn s_finish(f: &Finish, d: &Destination) { unsafe { finish::finish::<scalar::Scalar>(f, d) } }

pub(crate) static AVX512: Kernels = Kernels {
    name: "avx512",
    pixels: 14,
    products: [x_f32, x_bf16, x_u8, x_f32],
    finish: x_finish,
    configure: no_tiles,
    release: nothing,
};
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni")]
unsafe fn x_f32(p: &Product) { unsafe { product::product::<F32Dot<avx512::Avx512>, 14>(p) } }
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni")]
unsafe fn x_bf16(p: &Product) { unsafe { product::product::<avx512::Bf16Dot, 14>(p) } }
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni")]
unsafe fn x_u8(p: &Product) { unsafe { product::product::<avx512::U8Dot, 14>(p) } }
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni")]
unsafe fn x_finish(f: &Finish, d: &Destination) { unsafe { finish::finish::<avx512::Avx512>(f, d) } }

pub(crate) static AMX: Kernels = Kernels {
    name: "amx",
    pixels: 16,
    products: [x_f32, amx::bf16, amx::u8, amx::split],
    finish: x_finish,
    configure: amx::configure,
    release: amx::release,
};
pub(crate) fn amx_there() -> bool { amx::ask() }
