//! Freed memory stays with the process.
#![expect(unsafe_code, reason = "the C library's switches for it have no safe wrapper among the dependencies")]

/// Tells glibc's allocator to keep what is freed for the next use, and to serve large blocks from there, too.
///
/// A training step frees and fetches the same blocks of tens of megabytes over and over. By default each goes back to the
/// system, whose clearing them anew was measured at a quarter of a step. The peak stays within a tenth of what it was.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep() {
    use std::ffi::c_int;
    // From malloc.h.
    const TRIM_THRESHOLD: c_int = -1;
    const MMAP_THRESHOLD: c_int = -3;
    // SAFETY: the signature is that of mallopt(3), which takes any numbers and locks the allocator by itself.
    unsafe extern "C" {
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    // Where it refuses, it stays slower.
    mallopt(MMAP_THRESHOLD, 1 << 30);
    mallopt(TRIM_THRESHOLD, c_int::MAX);
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep() {}
