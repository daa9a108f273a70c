//! Files as memory: read where they are looked at, and not kept twice.
#![expect(unsafe_code, reason = "a file that is mapped can be changed by others; see `map`")]

use bytes::Bytes;
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// The bytes of a file.
///
/// The file is to be replaced, never changed, while it is in use: this project writes model files by way of a temporary
/// one beside them. Who shortens one under a running program ends that program.
///
/// # Errors
/// What the system says.
pub fn map(path: &Path) -> std::io::Result<Bytes> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // Safety: the memory is only read, as bytes of any value; that nobody changes the file is asked for above.
    let map = unsafe { Mmap::map(&file) }?;
    Ok(Bytes::from_owner(map))
}
