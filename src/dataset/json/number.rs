//! JSON's numbers.

use super::scalar::Scalar;

/// Whole numbers up to this one are f64s.
pub(super) const EXACT: u64 = 1 << 53;

/// Powers of ten that are f64s.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number at the start of `bytes`, and its length; without number, where the fault is.
///
/// Most numbers are a whole number below 2⁵³ over a power of ten up to 10²², both of which are f64s, so that one division
/// rounds once (Clinger 1990, "How to read floating point numbers accurately"). The standard library does the others.
#[inline]
pub(super) fn read(bytes: &[u8]) -> (usize, Option<Scalar>) {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    if negative && bytes.get(1) == Some(&b'I') {
        return infinity(bytes);
    }
    let (mut mantissa, mut at) = digits(bytes, start, 0);
    let whole = at - start;
    if whole == 0 || (whole > 1 && bytes.get(start) == Some(&b'0')) {
        return (start, None);
    }
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let point = at + 1;
        (mantissa, at) = digits(bytes, point, mantissa);
        fraction = at - point;
        if fraction == 0 {
            return (at, None);
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        return exponent(bytes, at + 1);
    }
    let value = match TENS.get(fraction) {
        // 18 digits cannot overflow.
        Some(_) if whole + fraction > 18 => standard(bytes, at),
        Some(_) if fraction == 0 => Some(Scalar::Integer(signed(mantissa, negative))),
        Some(ten) if mantissa <= EXACT => {
            let value = mantissa as f64 / ten;
            Some(Scalar::Float(if negative { -value } else { value }))
        }
        _ => standard(bytes, at),
    };
    (at, value)
}

/// Appends the digits from `at` on to `mantissa`; past 19 digits that is no number any more, and nobody looks at it.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (u64, usize) {
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (mantissa, at)
}

fn signed(mantissa: u64, negative: bool) -> i64 {
    if negative { -(mantissa as i64) } else { mantissa as i64 }
}

fn exponent(bytes: &[u8], mut at: usize) -> (usize, Option<Scalar>) {
    at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let (_, end) = digits(bytes, at, 0);
    (end, if end > at { standard(bytes, end) } else { None })
}

/// By the standard library, which rounds correctly at any length.
fn standard(bytes: &[u8], length: usize) -> Option<Scalar> {
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    text.parse().map(Scalar::Integer).or_else(|_| text.parse().map(Scalar::Float)).ok()
}

fn infinity(bytes: &[u8]) -> (usize, Option<Scalar>) {
    let word = b"-Infinity";
    let length = bytes.iter().zip(word).take_while(|(found, wanted)| found == wanted).count();
    (length, (length == word.len()).then_some(Scalar::Float(f64::NEG_INFINITY)))
}
