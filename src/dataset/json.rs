//! Reads JSON piece by piece: for files of hundreds of megabytes of which few fields matter.
//!
//! Why not serde_json: Python writes `NaN` and `Infinity`, and `1e999` is a number too, and such a record is to be counted
//! and named, where serde_json gives the whole file up. It also needs the file in memory, or is slow; ARCHITECTURE.md has
//! figures. Numbers are exact: the nearest f64, as in Python.

use super::DatasetError;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

mod number;
mod scalar;
mod skip;

pub(super) use scalar::Scalar;

/// Bytes that are read at once: they stay in the processor's cache.
const STEP: u64 = 1 << 18;

/// A JSON file that is being read.
pub(super) struct Json<'a> {
    input: &'a mut dyn Read,
    path: &'a Path,
    /// What has been read and not passed, and some that has been passed.
    window: Vec<u8>,
    /// The next byte in the window.
    at: usize,
    /// Bytes that were passed before the window.
    passed: usize,
    /// Line ends that were passed before this place in the window.
    lines: usize,
    counted: usize,
    /// The record that is being read: its list, its index.
    record: Option<(&'static str, usize)>,
}

impl<'a> Json<'a> {
    /// A reader; an empty file and a byte-order mark are refused. `path` is for messages.
    pub fn new(input: &'a mut dyn Read, path: &'a Path) -> Result<Self, DatasetError> {
        let mut json = Self { input, path, window: Vec::new(), at: 0, passed: 0, counted: 0, lines: 0, record: None };
        json.more()?;
        let mark = match json.window.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => "a byte-order mark, which JSON must not have: save it as UTF-8 without one",
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the byte-order mark of UTF-16: JSON is UTF-8",
            _ => "",
        };
        if !mark.is_empty() {
            return Err(json.fault(&format!("the file starts with {mark}")));
        }
        if json.peek()?.is_none() {
            return Err(DatasetError::malformed(path, None, "the file is empty"));
        }
        Ok(json)
    }

    /// The next byte that is no space; `None` at the end of the file.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<u8>, DatasetError> {
        loop {
            match self.window.get(self.at).copied() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(Some(byte)),
                None if self.more()? => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads an object. `each` is called at the values of those `keys` that are there, and reads them; others are skipped.
    #[inline]
    pub fn object(
        &mut self,
        keys: &[&'static str],
        mut each: impl FnMut(&mut Self, &'static str) -> Result<(), DatasetError>,
    ) -> Result<(), DatasetError> {
        self.expect(b'{', "an object")?;
        if self.accept(b'}')? {
            return Ok(());
        }
        loop {
            match self.key(keys)? {
                Some(key) => each(self, key)?,
                None => self.skip()?,
            }
            if !self.accept(b',')? {
                return self.expect(b'}', "`,` or `}`");
            }
        }
    }

    /// Reads a list of records; `each` is called at each of them with its index, and reads it.
    pub fn list(
        &mut self,
        name: &'static str,
        mut each: impl FnMut(&mut Self, usize) -> Result<(), DatasetError>,
    ) -> Result<(), DatasetError> {
        self.expect(b'[', "a list")?;
        if self.accept(b']')? {
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.record = Some((name, index));
            each(self, index)?;
            if !self.accept(b',')? {
                self.expect(b']', "`,` or `]`")?;
                self.record = None;
                return Ok(());
            }
            index += 1;
        }
    }

    /// Reads four numbers in a list; `None` if anything else is there.
    #[inline]
    pub fn four(&mut self) -> Result<Option<[f64; 4]>, DatasetError> {
        if self.peek()? != Some(b'[') {
            self.skip()?;
            return Ok(None);
        }
        self.at += 1;
        let (mut numbers, mut count, mut sound) = ([0.0; 4], 0, true);
        if self.accept(b']')? {
            return Ok(None);
        }
        loop {
            match (self.scalar()?.number(), numbers.get_mut(count)) {
                (Some(number), Some(place)) => *place = number,
                _ => sound = false,
            }
            count += 1;
            if !self.accept(b',')? {
                self.expect(b']', "`,` or `]`")?;
                return Ok((sound && count == 4).then_some(numbers));
            }
        }
    }

    /// Reads a value; of one that has parts only the kind.
    #[inline]
    pub fn scalar(&mut self) -> Result<Scalar, DatasetError> {
        match self.peek()? {
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(b'"') => {
                let (range, _) = self.quoted()?;
                Ok(Scalar::Text(self.text(&range)?))
            }
            Some(b'[') => self.skip().map(|()| Scalar::List),
            Some(b'{') => self.skip().map(|()| Scalar::Object),
            Some(b'n') => self.word("null").map(|()| Scalar::Null),
            Some(b't') => self.word("true").map(|()| Scalar::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Scalar::Bool(false)),
            Some(b'N') => self.word("NaN").map(|()| Scalar::Float(f64::NAN)),
            Some(b'I') => self.word("Infinity").map(|()| Scalar::Float(f64::INFINITY)),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Refuses what follows the value.
    pub fn end(&mut self) -> Result<(), DatasetError> {
        if self.peek()?.is_some() { Err(self.unexpected("the end of the file")) } else { Ok(()) }
    }

    /// The line of the next byte, from 1.
    pub fn line(&mut self) -> usize {
        self.lines += newlines(self.window.get(self.counted..self.at).unwrap_or_default());
        self.counted = self.at;
        1 + self.lines
    }

    /// Whether the record is one of a list, and which: `record 3 of `annotations``.
    fn context(&self) -> String {
        self.record.map_or_else(String::new, |(name, index)| format!(", in record {index} of {name}"))
    }

    /// What is wrong here, with the line, the byte and the record.
    #[cold]
    pub fn fault(&self, reason: &str) -> DatasetError {
        let line = 1 + self.lines + newlines(self.window.get(self.counted..self.at).unwrap_or_default());
        let reason = format!("{reason} (byte {}{})", self.passed + self.at, self.context());
        DatasetError::malformed(self.path, Some(line), reason)
    }

    /// Something else is here, or nothing.
    #[cold]
    fn unexpected(&self, wanted: &str) -> DatasetError {
        match self.window.get(self.at).copied() {
            None => self.fault(&format!("the file ends early, where {wanted} belongs: was it written to its end?")),
            Some(byte) => {
                let found = char::from(byte).escape_default();
                self.fault(&format!("expected {wanted}, found `{found}`"))
            }
        }
    }

    /// Drops what was passed and reads on; `false` at the end of the file.
    #[cold]
    fn more(&mut self) -> Result<bool, DatasetError> {
        self.line();
        self.passed += self.at;
        self.window.drain(..self.at);
        (self.at, self.counted) = (0, 0);
        let read = self.input.take(STEP).read_to_end(&mut self.window);
        Ok(read.map_err(|error| DatasetError::file(self.path, error))? > 0)
    }

    /// Passes that byte, if it is next.
    #[inline]
    fn accept(&mut self, byte: u8) -> Result<bool, DatasetError> {
        let found = self.peek()? == Some(byte);
        self.at += usize::from(found);
        Ok(found)
    }

    /// Passes that byte, or fails.
    #[inline]
    fn expect(&mut self, byte: u8, wanted: &str) -> Result<(), DatasetError> {
        if self.accept(byte)? { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    /// Passes a key and its colon; `None` if it is none of `keys`.
    #[inline]
    fn key(&mut self, keys: &[&'static str]) -> Result<Option<&'static str>, DatasetError> {
        if self.peek()? != Some(b'"') {
            return Err(self.unexpected("a key in quotation marks"));
        }
        let (range, escaped) = self.quoted()?;
        let known = if escaped {
            let text = self.text(&range)?;
            keys.iter().find(|key| **key == text).copied()
        } else {
            let bytes = self.window.get(range).unwrap_or_default();
            keys.iter().find(|key| key.as_bytes() == bytes).copied()
        };
        self.expect(b':', "`:`")?;
        Ok(known)
    }

    /// Passes a string, and says where it is in the window, and whether it has escapes. The window must not move then.
    #[inline]
    fn quoted(&mut self) -> Result<(Range<usize>, bool), DatasetError> {
        let (mut length, mut escaped) = (1, false);
        loop {
            match self.window.get(self.at + length).copied() {
                Some(b'"') => {
                    let range = self.at + 1..self.at + length;
                    self.at += length + 1;
                    return Ok((range, escaped));
                }
                Some(b'\\') => (length, escaped) = (length + 2, true),
                Some(0..=0x1f) => return Err(self.fault("a line break or control character in a string")),
                Some(_) => length += 1,
                None if self.more()? => {}
                None => return Err(self.cut_off()),
            }
        }
    }

    /// The file ends within a value.
    #[cold]
    fn cut_off(&mut self) -> DatasetError {
        self.at = self.window.len();
        self.unexpected("the rest of a value")
    }

    /// The string between quotation marks.
    fn text(&self, range: &Range<usize>) -> Result<String, DatasetError> {
        let quoted = self.window.get(range.start - 1..=range.end).unwrap_or_default();
        serde_json::from_slice(quoted).map_err(|_| self.fault("a string that is no UTF-8 or has a wrong escape"))
    }

    fn word(&mut self, word: &str) -> Result<(), DatasetError> {
        while self.window.len() < self.at + word.len() && self.more()? {}
        let found = self.window.get(self.at..).unwrap_or_default();
        if found.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(if word.as_bytes().starts_with(found) { self.cut_off() } else { self.unexpected("a value") })
    }

    #[inline]
    fn number(&mut self) -> Result<Scalar, DatasetError> {
        loop {
            let (length, value) = number::read(self.window.get(self.at..).unwrap_or_default());
            if self.at + length == self.window.len() && self.more()? {
                continue;
            }
            let Some(value) = value else {
                self.at += length;
                return Err(self.unexpected("a digit"));
            };
            self.at += length;
            return Ok(value);
        }
    }
}

/// Line ends; in blocks whose count fits a byte, which the compiler turns into vector instructions.
fn newlines(bytes: &[u8]) -> usize {
    let count = |block: &[u8]| block.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    bytes.chunks(255).map(|block| usize::from(count(block))).sum()
}
