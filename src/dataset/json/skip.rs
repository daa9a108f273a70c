//! Passing what does not matter.

use super::Json;
use crate::dataset::DatasetError;

impl Json<'_> {
    /// Passes a value without looking into it: of lists and objects only the brackets are counted.
    pub fn skip(&mut self) -> Result<(), DatasetError> {
        match self.peek()? {
            Some(b'"') => self.skip_string(),
            Some(b'[' | b'{') => self.skip_parts(),
            _ => self.scalar().map(drop),
        }
    }

    fn skip_string(&mut self) -> Result<(), DatasetError> {
        self.at += 1;
        loop {
            match self.window.get(self.at).copied() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                // Of an escape that lies across the window's end, the first half waits for the second.
                Some(b'\\') if self.at + 1 < self.window.len() => self.at += 2,
                Some(byte) if byte != b'\\' => self.at += 1,
                _ if self.more()? => {}
                _ => return Err(self.cut_off()),
            }
        }
    }

    fn skip_parts(&mut self) -> Result<(), DatasetError> {
        let mut depth = 0_usize;
        loop {
            self.at += plain(self.window.get(self.at..).unwrap_or_default());
            match self.window.get(self.at).copied() {
                Some(b'"') => {
                    self.skip_string()?;
                    continue;
                }
                Some(b'[' | b'{') => depth += 1,
                Some(_) => depth -= 1,
                None if self.more()? => continue,
                None => return Err(self.cut_off()),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// How many bytes at the start are neither brackets nor quotation marks. Blocks are looked at as a whole: the compiler
/// turns that into vector instructions, and outlines of masks are most of a COCO file.
fn plain(bytes: &[u8]) -> usize {
    // `[` and `{` differ in one bit, as do `]` and `}`.
    let special = |byte: u8| byte == b'"' || byte | 0x20 == b'{' || byte | 0x20 == b'}';
    let blocks = bytes.chunks_exact(32).take_while(|block| !block.iter().fold(false, |any, byte| any | special(*byte)));
    let start = blocks.count() * 32;
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(|byte| special(*byte)).unwrap_or(rest.len())
}
