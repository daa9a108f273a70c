//! AVX2 with fused multiplication and addition: sixteen numbers in two registers.

use super::vector::{Dot, LANES, Vector};
use std::arch::x86_64::{
    __m256, __m256i, _CMP_UNORD_Q, _mm_loadl_epi64, _mm_loadu_si128, _mm_packus_epi16, _mm_storeu_si128,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_blendv_epi8, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_packs_epi32,
    _mm256_packus_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_slli_epi16, _mm256_slli_epi32, _mm256_srai_epi16,
    _mm256_srli_epi16, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
};

/// Numbers in a register.
const HALF: usize = LANES / 2;

/// Quarters of a register in this order undo what packing two registers does to them.
const UNPACKED: i32 = 0b11_01_10_00;

/// Two registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2([__m256; 2]);

macro_rules! halves {
    ($half:ident => $value:expr) => {
        Self([0, 1].map(|$half: usize| unsafe { $value }))
    };
}

impl Vector for Avx2 {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        halves!(_half => _mm256_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        halves!(half => _mm256_loadu_ps(from.add(half * HALF)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(HALF), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn load_i32(from: *const i32) -> Self {
        halves!(half => _mm256_cvtepi32_ps(_mm256_loadu_si256(from.add(half * HALF).cast())))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        halves!(half => {
            let numbers = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(half * HALF).cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(numbers))
        })
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        unsafe {
            let [low, high] = self.0.map(|x| _mm256_srli_epi32::<16>(round_to_bf16(x)));
            let packed = _mm256_permute4x64_epi64::<UNPACKED>(_mm256_packus_epi32(low, high));
            _mm256_storeu_si256(to.cast(), packed);
        }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> Self {
        halves!(half => _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.add(half * HALF).cast()))))
    }

    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        unsafe {
            let [low, high] = self.0.map(|x| _mm256_cvtps_epi32(x));
            let words = _mm256_permute4x64_epi64::<UNPACKED>(_mm256_packs_epi32(low, high));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        halves!(half => _mm256_add_ps(self.0[half], other.0[half]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        halves!(half => _mm256_sub_ps(self.0[half], other.0[half]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        halves!(half => _mm256_mul_ps(self.0[half], other.0[half]))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        halves!(half => _mm256_div_ps(self.0[half], other.0[half]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        halves!(half => _mm256_fmadd_ps(self.0[half], factor.0[half], addend.0[half]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        halves!(half => _mm256_max_ps(self.0[half], other.0[half]))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        halves!(half => _mm256_min_ps(self.0[half], other.0[half]))
    }
}

/// Floats whose upper halves are the nearest bfloat16, ties to even; the lower halves are of no use.
#[inline(always)]
unsafe fn round_to_bf16(x: __m256) -> __m256i {
    unsafe {
        let bits = _mm256_castps_si256(x);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        // What is no number must not become infinite.
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040_0000));
        let no_number = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
        _mm256_blendv_epi8(rounded, quiet, no_number)
    }
}

/// Products of bfloat16 in floats: the even and the odd numbers of the pairs, widened.
pub(super) struct Bf16Dot;

/// The even and the odd numbers of pairs.
#[inline(always)]
unsafe fn widen_bf16(pairs: __m256i) -> [__m256; 2] {
    unsafe {
        let odd = _mm256_and_si256(pairs, _mm256_set1_epi32(0xffff_0000_u32 as i32));
        [_mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)), _mm256_castsi256_ps(odd)]
    }
}

impl Dot for Bf16Dot {
    const BYTES: usize = 2;

    type Sums = [__m256; 2];
    type Filters = [[__m256; 2]; 2];
    type Inputs = [__m256; 2];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        unsafe { [_mm256_setzero_ps(); 2] }
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> Self::Filters {
        unsafe { [0, 32].map(|byte| widen_bf16(_mm256_loadu_si256(from.add(byte).cast()))) }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> Self::Inputs {
        unsafe { widen_bf16(_mm256_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn step(sums: Self::Sums, filters: Self::Filters, inputs: Self::Inputs) -> Self::Sums {
        let pair = |half: usize| unsafe {
            let even = _mm256_fmadd_ps(filters[half][0], inputs[0], sums[half]);
            _mm256_fmadd_ps(filters[half][1], inputs[1], even)
        };
        [pair(0), pair(1)]
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut f32) {
        unsafe { Avx2(sums).store(to) }
    }
}

/// Products of unsigned inputs and signed filters in 32-bit integers: the even and the odd bytes as 16-bit numbers, whose
/// products' sums cannot overflow (those of `_mm256_maddubs_epi16` can).
pub(super) struct U8Dot;

impl Dot for U8Dot {
    const BYTES: usize = 1;

    type Sums = [__m256i; 2];
    type Filters = [[__m256i; 2]; 2];
    type Inputs = [__m256i; 2];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> Self::Filters {
        unsafe {
            [0, 32].map(|byte| {
                let bytes = _mm256_loadu_si256(from.add(byte).cast());
                [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes)), _mm256_srai_epi16::<8>(bytes)]
            })
        }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> Self::Inputs {
        unsafe {
            let bytes = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            [_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(bytes)]
        }
    }

    #[inline(always)]
    unsafe fn step(sums: Self::Sums, filters: Self::Filters, inputs: Self::Inputs) -> Self::Sums {
        let four = |half: usize| unsafe {
            let [even, odd] = [0, 1].map(|part: usize| _mm256_madd_epi16(filters[half][part], inputs[part]));
            _mm256_add_epi32(sums[half], _mm256_add_epi32(even, odd))
        };
        [four(0), four(1)]
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut f32) {
        unsafe {
            _mm256_storeu_si256(to.cast(), sums[0]);
            _mm256_storeu_si256(to.cast::<__m256i>().add(1), sums[1]);
        }
    }
}
