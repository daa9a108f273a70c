//! Products of matrices, by the `gemm` crate.
#![expect(unsafe_code, reason = "the crate takes pointers; the wrapper here takes slices and checks them")]

use super::real::Real;
use ::gemm::Parallelism;

/// How a matrix lies in a slice: the element of row `i` and column `j` at `i · steps[0] + j · steps[1]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Rows and columns.
    pub(super) size: [usize; 2],
    /// What a row and a column further means.
    pub(super) steps: [usize; 2],
}

impl Layout {
    /// `rows` runs of `columns` elements, `pitch` from the start of one to the next.
    pub(super) fn rows(rows: usize, columns: usize, pitch: usize) -> Self {
        Self { size: [rows, columns], steps: [pitch, 1] }
    }

    /// Rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        Self { size: [columns, rows], steps: [right, down] }
    }

    /// Elements that a slice must have.
    fn span(self) -> usize {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        if rows == 0 || columns == 0 { 0 } else { (rows - 1) * down + (columns - 1) * right + 1 }
    }

    /// Whether no two elements are at one place.
    fn is_distinct(self) -> bool {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        (right > 0 && down >= columns * right) || (down > 0 && right >= rows * down)
    }
}

/// Whether a product replaces what was there or is added to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Onto {
    /// `out ← a · b`
    Nothing,
    /// `out ← out + a · b`
    Old,
}

/// The product of the matrices `a` and `b`, on this thread or, if `wide`, on all of them.
///
/// # Panics
/// If the sizes do not match, or a matrix reaches beyond its slice.
pub(super) fn multiply<E: Real>(
    (out, out_layout): (&mut [E], Layout),
    (a, a_layout): (&[E], Layout),
    (b, b_layout): (&[E], Layout),
    onto: Onto,
    wide: bool,
) {
    let [m, n] = out_layout.size;
    let [_, k] = a_layout.size;
    assert!(a_layout.size[0] == m && b_layout.size == [k, n], "sizes of a product");
    assert!(out_layout.span() <= out.len() && out_layout.is_distinct(), "the product's place");
    assert!(a_layout.span() <= a.len() && b_layout.span() <= b.len(), "the factors' places");
    let steps = |layout: Layout| layout.steps.map(usize::cast_signed);
    let ([out_down, out_right], [a_down, a_right], [b_down, b_right]) =
        (steps(out_layout), steps(a_layout), steps(b_layout));
    let parallelism = if wide { Parallelism::Rayon(0) } else { Parallelism::None };
    // SAFETY: each element that is read or written lies in its slice (the spans above), those of `out` are distinct and
    // borrowed mutably, so that no thread reads or writes another's; E is f32 or f64, the only kinds that are `Real`.
    unsafe {
        ::gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            out_right,
            out_down,
            onto == Onto::Old,
            a.as_ptr(),
            a_right,
            a_down,
            b.as_ptr(),
            b_right,
            b_down,
            E::ONE,
            E::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}
