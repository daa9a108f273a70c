//! AVX-512 (F, BW, VL, DQ), and its extensions for bfloat16 (BF16) and bytes (VNNI), which not every processor has.

use super::vector::{Dot, LANES, Vector};
use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, _CMP_UNORD_Q, _mm_loadu_si128, _mm_storeu_si128, _mm256_loadu_si256,
    _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512,
    _mm512_castsi512_si128, _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_cvtepi32_epi16, _mm512_cvtepi32_ps,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtneps_pbh, _mm512_cvtps_epi32, _mm512_cvtusepi32_epi8,
    _mm512_div_ps, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_or_epi32, _mm512_max_epi32, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_packs_epi32,
    _mm512_packus_epi16, _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};
use std::mem::transmute;

/// One register; `BF16`: numbers are rounded to bfloat16 by the extension.
#[derive(Clone, Copy)]
pub(super) struct Avx512<const BF16: bool>(__m512);

impl<const BF16: bool> Avx512<BF16> {
    /// The nearest bfloat16, ties to even.
    #[inline(always)]
    unsafe fn to_bf16(self) -> __m256i {
        unsafe {
            if BF16 {
                return transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(self.0));
            }
            let bits = _mm512_castps_si512(self.0);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
            // What is no number must not become infinite.
            let no_number = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
            let result = _mm512_mask_or_epi32(rounded, no_number, bits, _mm512_set1_epi32(0x0040_0000));
            _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(result))
        }
    }
}

impl<const BF16: bool> Vector for Avx512<BF16> {
    const SUMS: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_i32(from: *const i32) -> Self {
        Self(unsafe { _mm512_cvtepi32_ps(_mm512_loadu_si512(from.cast())) })
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            Self(transmute::<__m512i, __m512>(_mm512_slli_epi32::<16>(halves)))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        unsafe { _mm256_storeu_si256(to.cast(), self.to_bf16()) }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> Self {
        Self(unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) })
    }

    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        unsafe {
            let integers = _mm512_max_epi32(_mm512_cvtps_epi32(self.0), _mm512_setzero_si512());
            _mm_storeu_si128(to.cast(), _mm512_cvtusepi32_epi8(integers));
        }
    }

    #[inline(always)]
    unsafe fn store_u8_block(numbers: [Self; 4], count: usize, to: *mut u8) {
        unsafe {
            let [a, b, c, d] = numbers;
            let low = _mm512_packs_epi32(_mm512_cvtps_epi32(a.0), _mm512_cvtps_epi32(b.0));
            let high = _mm512_packs_epi32(_mm512_cvtps_epi32(c.0), _mm512_cvtps_epi32(d.0));
            // Each quarter has four bytes of each.
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
            match count {
                4 => _mm512_storeu_si512(to.cast(), bytes),
                2 => _mm256_storeu_si256(to.cast(), _mm512_castsi512_si256(bytes)),
                _ => _mm_storeu_si128(to.cast(), _mm512_castsi512_si128(bytes)),
            }
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }
}

/// Products of bfloat16 in floats.
pub(super) struct Bf16Dot;

impl Dot for Bf16Dot {
    const BYTES: usize = 2;

    type Sums = __m512;
    type Filters = __m512bh;
    type Inputs = __m512bh;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> __m512bh {
        unsafe { transmute::<__m512i, __m512bh>(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> __m512bh {
        unsafe { transmute::<__m512i, __m512bh>(_mm512_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn step(sums: __m512, filters: __m512bh, inputs: __m512bh) -> __m512 {
        unsafe { _mm512_dpbf16_ps(sums, filters, inputs) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, sums) }
    }
}

/// Products of unsigned inputs and signed filters in 32-bit integers.
pub(super) struct U8Dot;

impl Dot for U8Dot {
    const BYTES: usize = 1;

    type Sums = __m512i;
    type Filters = __m512i;
    type Inputs = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn step(sums: __m512i, filters: __m512i, inputs: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, inputs, filters) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512i, to: *mut f32) {
        unsafe { _mm512_storeu_si512(to.cast(), sums) }
    }
}

const _: () = assert!(LANES == 16);
