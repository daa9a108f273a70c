//! Large pieces of memory, in pages as large as the system gives.

#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::MmapMut;

/// Zeroed bytes, aligned to pages.
pub(crate) struct Block(MmapMut);

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Block {
    /// So many bytes.
    ///
    /// # Errors
    /// What the system says when it has no memory.
    pub(crate) fn new(bytes: usize) -> std::io::Result<Self> {
        let map = MmapMut::map_anon(bytes.max(1))?;
        // Large pages are a matter of speed alone: 61 million weights lie in 60,000 small pages, far more than a processor
        // remembers the places of.
        #[cfg(target_os = "linux")]
        let _ = map.advise(Advice::HugePage);
        Ok(Self(map))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
