//! The kernels of each instruction set, chosen when the program runs.

use super::depthwise::Run;
use super::finish::{self, Destination, Finish};
use super::product::{self, Product};
use super::tile::Outputs;
use super::vector::F32Dot;
use super::{Depthwise, Elementwise, Format, Memory, Pack, Pooling, Regroup, Unpack, Winograd, scalar, stem};
use crate::engine::KernelSet;

/// Pixels of a group of a product in tiles.
const TILE_PIXELS: usize = 16;

/// The kernels of one instruction set.
pub(crate) struct Kernels {
    /// Which.
    pub(crate) set: KernelSet,
    /// Most pixels of a group of a product in vectors.
    pixels: usize,
    /// Of floats, bfloat16 and bytes.
    products: [unsafe fn(&Product); 3],
    /// Inputs that these multiply for sixteen outputs in a nanosecond, about.
    speeds: [f64; 3],
    /// Kernels whose products are done in vectors, where these do some of them in tiles.
    vectors: Option<&'static Kernels>,
    /// To be called before products of groups of so many pixels, and after them.
    pub(super) configure: unsafe fn(usize),
    pub(super) release: unsafe fn(),
    pub(super) finish: unsafe fn(&Finish, &Destination),
    pub(super) pack_row: unsafe fn(&[f32], Format, *mut u8),
    pub(super) winograd_inputs: unsafe fn(&Winograd, usize, usize, *mut u8, &Memory),
    pub(super) winograd_outputs: unsafe fn(&Winograd, Outputs),
    pub(super) depthwise: unsafe fn(&Depthwise, &Run),
    pub(super) pooling: unsafe fn(&Pooling, usize, &Memory),
    pub(super) elementwise: unsafe fn(&Elementwise, usize, &Memory),
    pub(super) regroup: unsafe fn(&Regroup, usize, &Memory),
    pub(super) pack: unsafe fn(&Pack, usize, &Memory),
    pub(super) unpack: unsafe fn(&Unpack, usize, &Memory),
}

impl Kernels {
    /// Most pixels of a group of a product of maps of a format.
    pub(crate) fn pixels(&self, format: Format) -> usize {
        if self.has_tiles(format) { TILE_PIXELS } else { self.pixels }
    }

    /// Whether products of maps of a format are done in tiles, which take as long with few pixels as with many, and can go
    /// on with the sums of others.
    pub(crate) fn has_tiles(&self, format: Format) -> bool {
        self.set == KernelSet::Amx && format != Format::F32
    }

    pub(super) fn product(&self, format: Format) -> unsafe fn(&Product) {
        self.products[index(format)]
    }

    /// The same without tiles: lines that are shorter than [`super::LINE`] have none.
    pub(crate) fn of_vectors(&self) -> &Kernels {
        self.vectors.unwrap_or(self)
    }

    /// Inputs that are multiplied for sixteen outputs in a nanosecond, about.
    pub(crate) fn speed(&self, format: Format) -> f64 {
        self.speeds[index(format)]
    }
}

/// A format's place in the tables.
fn index(format: Format) -> usize {
    match format {
        Format::F32 => 0,
        Format::Bf16 => 1,
        Format::U8(_) => 2,
    }
}

/// The kernels of an instruction set, if this processor has it.
pub(crate) fn of(set: KernelSet) -> Option<&'static Kernels> {
    all().into_iter().find(|kernels| kernels.set == set)
}

/// The best kernels of this processor.
pub(crate) fn best() -> &'static Kernels {
    all().first().copied().unwrap_or(&SCALAR)
}

/// All kernels that this processor can run, the best ones first.
pub(crate) fn all() -> Vec<&'static Kernels> {
    #[cfg(target_arch = "x86_64")]
    let mut kernels = x86::all();
    #[cfg(not(target_arch = "x86_64"))]
    let mut kernels = Vec::new();
    kernels.push(&SCALAR);
    kernels
}

unsafe fn no_tiles(_: usize) {}
unsafe fn nothing() {}

/// A table of kernels in terms of one [`super::vector::Vector`] and three [`super::vector::Dot`]s (with the most pixels
/// whose sums fit into the registers, and their speeds), compiled with the features that it needs.
macro_rules! kernels {
    ($static:ident, $set:expr, $vector:ty, $pixels:literal,
        [$f32:ty: $f32_most:literal, $bf16:ty: $bf16_most:literal, $u8:ty: $u8_most:literal], $speeds:expr
        $(, $features:literal)?) => {
        static $static: Kernels = {
            $(#[target_feature(enable = $features)])?
            unsafe fn product_f32(product: &Product) {
                unsafe { product::product::<$f32, $f32_most>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn product_bf16(product: &Product) {
                unsafe { product::product::<$bf16, $bf16_most>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn product_u8(product: &Product) {
                unsafe { product::product::<$u8, $u8_most>(product) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn finish(finish: &Finish, destination: &Destination) {
                unsafe { finish::finish::<$vector>(finish, destination) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn pack_row(from: &[f32], format: Format, to: *mut u8) {
                unsafe { stem::pack_row::<$vector>(from, format, to) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn winograd_inputs(work: &Winograd, part: usize, block: usize, to: *mut u8, memory: &Memory) {
                unsafe { work.inputs::<$vector>(part, block, to, memory) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn winograd_outputs(work: &Winograd, outputs: Outputs) {
                unsafe { work.outputs::<$vector>(outputs) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn depthwise(work: &Depthwise, run: &Run) {
                unsafe { work.sums::<$vector>(run) }
            }
            kernels!(@items [$($features)?] $vector, pooling Pooling, elementwise Elementwise,
                regroup Regroup, pack Pack, unpack Unpack);
            Kernels {
                set: $set,
                pixels: $pixels,
                products: [product_f32, product_bf16, product_u8],
                speeds: $speeds,
                vectors: None,
                configure: no_tiles,
                release: nothing,
                finish,
                pack_row,
                winograd_inputs,
                winograd_outputs,
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

kernels!(SCALAR, KernelSet::Scalar, scalar::Scalar, 4,
    [F32Dot<scalar::Scalar>: 4, scalar::Bf16Dot: 4, scalar::U8Dot: 4], [0.8, 0.4, 0.4]);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use crate::engine::kernels::avx512::Avx512;
    use crate::engine::kernels::{amx, avx2, avx512};

    kernels!(AVX2, KernelSet::Avx2, avx2::Avx2, 6,
        [F32Dot<avx2::Avx2>: 6, avx2::Bf16Dot: 6, avx2::U8Dot: 6], [3.0, 2.0, 6.0], "avx2,fma");

    kernels!(AVX512, KernelSet::Avx512, Avx512<true>, 14,
        [F32Dot<Avx512<true>>: 14, avx512::Bf16Dot: 14, avx512::U8Dot: 14], [6.0, 12.0, 24.0],
        "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,fma");

    // Without extensions.
    kernels!(AVX512_BASE, KernelSet::Avx512, Avx512<false>, 14,
        [F32Dot<Avx512<false>>: 14, avx2::Bf16Dot: 6, avx2::U8Dot: 6], [6.0, 2.0, 6.0],
        "avx512f,avx512bw,avx512vl,avx512dq,fma");

    static AVX512_VNNI: Kernels =
        Kernels { products: [AVX512_BASE.products[0], AVX512_BASE.products[1], vnni], ..AVX512_BASE };

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")]
    unsafe fn vnni(product: &Product) {
        unsafe { product::product::<avx512::U8Dot, 14>(product) }
    }

    static AMX: Kernels = Kernels {
        set: KernelSet::Amx,
        products: [AVX512.products[0], amx::bf16, amx::u8],
        speeds: [6.0, 50.0, 100.0],
        vectors: Some(&AVX512),
        configure: amx::configure,
        release: amx::release,
        ..AVX512
    };

    pub(super) fn all() -> Vec<&'static Kernels> {
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq");
        let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
        let bf16 = vnni && is_x86_feature_detected!("avx512bf16");
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let tables = [
            (&AMX, bf16 && amx::is_there()),
            (&AVX512, bf16),
            (&AVX512_VNNI, vnni),
            (&AVX512_BASE, avx512),
            (&AVX2, avx2),
        ];
        tables.into_iter().filter_map(|(table, there)| there.then_some(table)).collect()
    }
}
