//! Freed memory stays with the process.

/// Tells glibc's allocator to keep what is freed for the next use, and to serve blocks of up to 32 MiB from there, too.
///
/// Each run of a network allocates its outputs, and each step of a training the same blocks over and over. By default
/// each goes back to the system, whose clearing them anew was measured at a quarter of a training step, and at a thirtieth
/// of a run of YOLOv3. For programs to call as they start: a library has no business to.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_freed_memory() {
    use std::ffi::c_int;
    // From malloc.h.
    const TRIM_THRESHOLD: c_int = -1;
    const MMAP_THRESHOLD: c_int = -3;
    /// The most that glibc takes on 64-bit systems.
    const LARGEST: c_int = 32 << 20;
    // Safety: the signature is that of mallopt(3), which takes any numbers and locks the allocator by itself.
    unsafe extern "C" {
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    // Where it refuses, it stays slower.
    mallopt(MMAP_THRESHOLD, LARGEST);
    mallopt(TRIM_THRESHOLD, c_int::MAX);
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_freed_memory() {}
