//! AMX: tiles of sixteen lines, multiplied 16 pixels × 16 outputs × 64 bytes at a time.
//!
//! [Intel 64 and IA-32 Architectures Software Developer's Manual], volume 1, chapter 18. The compiler's own functions for
//! AMX are not stable; tiles are used inside one assembler block at a time, and no compiled code touches them.
//!
//! [Intel 64 and IA-32 Architectures Software Developer's Manual]: https://www.intel.com/sdm

use super::product::{Product, SUMS};
use super::{LINE, TILE};
use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

/// Whether this process may use tiles of bfloat16 and bytes.
pub(super) fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(ask)
}

/// Asks the processor, and the system for its leave.
fn ask() -> bool {
    /// `arch_prctl` and its request, and the number of the tiles' state (Linux, `asm/prctl.h`).
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XTILE_DATA: i64 = 18;
    if !cfg!(target_os = "linux") {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    let bits = [22, 24, 25]; // AMX-BF16, AMX-TILE, AMX-INT8
    if bits.iter().any(|bit| features >> bit & 1 == 0) {
        return false;
    }
    let answer: i64;
    // Safety: the call changes nothing but the process's leave to use tiles.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => answer, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XTILE_DATA,
             out("rcx") _, out("r11") _, options(nostack));
    }
    answer == 0
}

/// `LDTILECFG`'s operand.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

/// Tiles of `pixels` lines for sums and inputs (0 to 5), of sixteen for filters (6, 7), until [`release`].
///
/// # Safety
/// [`is_there`].
pub(super) unsafe fn configure(pixels: usize) {
    let mut configuration = Configuration([0; 64]);
    configuration.0[0] = 1;
    for tile in 0..8 {
        configuration.0[16 + 2 * tile] = LINE as u8;
        configuration.0[48 + tile] = if tile < 6 { pixels as u8 } else { 16 };
    }
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) }
}

/// Frees the tiles: a thread that holds some costs the system time at each switch.
///
/// # Safety
/// [`is_there`].
pub(super) unsafe fn release() {
    unsafe { asm!("tilerelease", options(nostack, nomem)) }
}

/// The sums of two groups and two chunks: those so far, or zeros.
unsafe fn begin(product: &Product) {
    unsafe {
        if product.go_on {
            asm!(
                "tileloadd tmm0, [{sums} + {width}*1]", "tileloadd tmm1, [{sums} + {width}*1 + 1024]",
                "tileloadd tmm2, [{next} + {width}*1]", "tileloadd tmm3, [{next} + {width}*1 + 1024]",
                sums = in(reg) product.sums, next = in(reg) product.sums.byte_add(product.sums_stride * SUMS),
                width = in(reg) LINE, options(nostack, readonly),
            );
        } else {
            asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
        }
    }
}

/// The instructions of one product of two groups and two chunks, for one kind of number.
macro_rules! two_by_two {
    ($name:ident, $multiply:literal) => {
        unsafe fn $name(product: &Product) {
            let [first, second] = product.groups;
            let [left, right] = product.filters;
            let next = product.sums_stride * SUMS;
            unsafe {
                begin(product);
                asm!(
                    "2:",
                    "mov {tap:e}, dword ptr [{taps}]",
                    // This order keeps the multiplier busy: each load comes two products before it is needed.
                    "lea {line}, [{first} + {tap}]",
                    "tileloadd tmm4, [{line} + {stride}*1]",
                    "lea {line}, [{second} + {tap}]",
                    "tileloadd tmm5, [{line} + {stride}*1]",
                    "tileloadd tmm6, [{left} + {width}*1]",
                    concat!($multiply, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{right} + {width}*1]",
                    concat!($multiply, " tmm2, tmm5, tmm6"),
                    concat!($multiply, " tmm1, tmm4, tmm7"),
                    concat!($multiply, " tmm3, tmm5, tmm7"),
                    "add {left}, 1024",
                    "add {right}, 1024",
                    "add {taps}, 4",
                    "dec {count}",
                    "jnz 2b",
                    "tilestored [{sums} + {width}*1], tmm0",
                    "tilestored [{sums} + {width}*1 + 1024], tmm1",
                    "add {sums}, {next}",
                    "tilestored [{sums} + {width}*1], tmm2",
                    "tilestored [{sums} + {width}*1 + 1024], tmm3",
                    tap = out(reg) _, line = out(reg) _, taps = inout(reg) product.taps.as_ptr() => _,
                    count = inout(reg) product.taps.len() => _, first = in(reg) first, second = in(reg) second,
                    left = inout(reg) left => _, right = inout(reg) right => _, sums = inout(reg) product.sums => _,
                    stride = in(reg) product.pixel_stride, width = in(reg) LINE, next = in(reg) next,
                    options(nostack),
                );
            }
        }
    };
}

two_by_two!(bf16_two_by_two, "tdpbf16ps");
two_by_two!(u8_two_by_two, "tdpbusd");

macro_rules! one_by_one {
    ($name:ident, $multiply:literal) => {
        /// One group and one chunk.
        unsafe fn $name(product: &Product, group: usize, chunk: usize) {
            let sums = unsafe { product.sums.byte_add((group * product.sums_stride + chunk) * SUMS) };
            unsafe {
                if product.go_on {
                    asm!("tileloadd tmm0, [{sums} + {width}*1]", sums = in(reg) sums, width = in(reg) LINE,
                         options(nostack, readonly));
                } else {
                    asm!("tilezero tmm0", options(nostack, nomem));
                }
                for (index, &tap) in product.taps.iter().enumerate() {
                    asm!("tileloadd tmm4, [{line} + {stride}*1]", "tileloadd tmm6, [{tile} + {width}*1]",
                         concat!($multiply, " tmm0, tmm4, tmm6"), line = in(reg) product.groups[group].add(tap as usize),
                         stride = in(reg) product.pixel_stride, tile = in(reg) product.filters[chunk].add(index * TILE),
                         width = in(reg) LINE, options(nostack, readonly));
                }
                asm!("tilestored [{sums} + {width}*1], tmm0", sums = in(reg) sums, width = in(reg) LINE, options(nostack));
            }
        }
    };
}

one_by_one!(bf16_one_by_one, "tdpbf16ps");
one_by_one!(u8_one_by_one, "tdpbusd");

macro_rules! product {
    ($name:ident, $two_by_two:ident, $one_by_one:ident) => {
        /// # Safety
        /// The pointers are valid, and the tiles configured for the product's pixels.
        pub(super) unsafe fn $name(product: &Product) {
            unsafe {
                if product.group_count == 2 && product.chunk_count == 2 && !product.taps.is_empty() {
                    return $two_by_two(product);
                }
                for group in 0..product.group_count {
                    for chunk in 0..product.chunk_count {
                        $one_by_one(product, group, chunk);
                    }
                }
            }
        }
    };
}

product!(bf16, bf16_two_by_two, bf16_one_by_one);
product!(u8, u8_two_by_two, u8_one_by_one);
