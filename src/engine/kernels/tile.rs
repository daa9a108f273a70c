//! What [`super::Winograd`] makes of tiles of inputs, of filters, and of the products' sums.

use super::format::Form;
use super::product::SUMS;
use super::vector::{LANES, Vector};

/// One chunk of one tile of inputs.
pub(super) struct Inputs {
    /// The first row's first pixel.
    pub(super) from: *const u8,
    /// Bytes from row to row.
    pub(super) row_stride: usize,
    /// Bytes from pixel to pixel.
    pub(super) pixel_stride: usize,
    /// Rows and columns from the first on; what lies beyond counts as 0.
    pub(super) there: [usize; 2],
    /// The chunk of a pixel's block, and of a line of points that has as many.
    pub(super) chunk: usize,
    /// The first point's line.
    pub(super) to: *mut u8,
    /// Bytes from point to point.
    pub(super) stride: usize,
}

impl Inputs {
    /// Writes the points.
    ///
    /// # Safety
    /// The pointers are valid for what they say.
    #[inline(always)]
    pub(super) unsafe fn transform<V: Vector, F: Form, T: Form, const N: usize>(&self, form: F, points: T) {
        let load = |row: usize, column: usize| unsafe {
            form.load::<V>(self.from.add(row * self.row_stride + column * self.pixel_stride), self.chunk)
        };
        let exists = |row: usize, column: usize| row < self.there[0] && column < self.there[1];
        unsafe {
            if exists(N - 1, N - 1) {
                self.transform_from::<V, T, N>(points, load);
            } else {
                self.transform_from::<V, T, N>(points, |row, column| {
                    if exists(row, column) { load(row, column) } else { V::splat(0.0) }
                });
            }
        }
    }

    #[inline(always)]
    unsafe fn transform_from<V: Vector, T: Form, const N: usize>(&self, form: T, load: impl Fn(usize, usize) -> V) {
        unsafe {
            let mut columns = [[V::splat(0.0); N]; N];
            for (index, column) in columns.iter_mut().enumerate() {
                *column = input_points(std::array::from_fn(|row| load(row, index)));
            }
            for row in 0..N {
                let points = input_points(columns.each_ref().map(|column| column[row]));
                for (column, point) in points.into_iter().enumerate() {
                    form.store(self.to.add((row * N + column) * self.stride), self.chunk, point);
                }
            }
        }
    }
}

/// Outputs of neighbouring tiles on their way to the map: for each of up to four rows, the sums of up to two chunks.
#[repr(align(64))]
pub(super) struct Rows([f32; 4 * ROW]);

/// Floats of a row.
const ROW: usize = 2 * SUMS / 4;

impl Rows {
    pub(super) const ZERO: Self = Self([0.0; 4 * ROW]);

    /// The sums of a row's first chunk.
    pub(super) fn row(&self, row: usize) -> *const f32 {
        self.0[row * ROW..].as_ptr()
    }
}

/// One chunk of one tile of outputs.
pub(super) struct Outputs<'a> {
    /// The first point's line.
    pub(super) sums: *const f32,
    /// Bytes from point to point.
    pub(super) stride: usize,
    /// Which chunk of its block it is.
    pub(super) chunk: usize,
    /// Which of the tiles in a row it is.
    pub(super) index: usize,
    /// Where the outputs go.
    pub(super) rows: &'a mut Rows,
}

impl Outputs<'_> {
    /// Writes the outputs.
    ///
    /// # Safety
    /// The pointer is valid for what it says.
    #[inline(always)]
    pub(super) unsafe fn transform<V: Vector, const N: usize>(self) {
        unsafe {
            let load = |point: usize| V::load(self.sums.byte_add(point * self.stride));
            let mut columns = [[V::splat(0.0); 4]; N];
            for (index, column) in columns.iter_mut().enumerate() {
                *column = output_places::<V, N>(std::array::from_fn(|row| load(row * N + index)));
            }
            let first = self.rows.0.as_mut_ptr().add(self.chunk * SUMS / 4 + self.index * (N - 2) * LANES);
            for row in 0..N - 2 {
                let places = output_places(columns.each_ref().map(|column| column[row]));
                for (column, place) in places.into_iter().take(N - 2).enumerate() {
                    place.store(first.add(row * ROW + column * LANES));
                }
            }
        }
    }
}

/// A row or column of inputs becomes one of points: Bᵀ of the paper, for the points 0, 1, −1, 2, −2, ∞ or 0, 1, −1, ∞.
#[inline(always)]
unsafe fn input_points<V: Vector, const N: usize>(d: [V; N]) -> [V; N] {
    let mut points = d;
    unsafe {
        if N == 6 {
            let [two, four, five] = [2.0, -4.0, -5.0].map(|x| V::splat(x));
            let (even, odd) = (d[2].mul_add(four, d[4]), d[1].mul_add(four, d[3]));
            let (near, far) = (d[4].sub(d[2]), d[3].sub(d[1]).mul(two));
            points[0] = d[0].mul_add(V::splat(4.0), d[2].mul_add(five, d[4]));
            (points[1], points[2]) = (even.add(odd), even.sub(odd));
            (points[3], points[4]) = (near.add(far), near.sub(far));
            points[5] = d[1].mul_add(V::splat(4.0), d[3].mul_add(five, d[5]));
        } else {
            points[0] = d[0].sub(d[2]);
            (points[1], points[2]) = (d[1].add(d[2]), d[2].sub(d[1]));
            points[3] = d[1].sub(d[3]);
        }
    }
    points
}

/// A row or column of points' sums becomes one of outputs, the first N − 2 of four: Aᵀ of the paper.
#[inline(always)]
unsafe fn output_places<V: Vector, const N: usize>(m: [V; N]) -> [V; 4] {
    unsafe {
        let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
        if N == 6 {
            let (far_sum, far_difference) = (m[3].add(m[4]), m[3].sub(m[4]));
            let scaled = |x: V, factor: f32, y: V| x.mul_add(V::splat(factor), y);
            [
                m[0].add(sum.add(far_sum)),
                scaled(far_difference, 2.0, difference),
                scaled(far_sum, 4.0, sum),
                scaled(far_difference, 8.0, difference).add(m[5]),
            ]
        } else {
            let zero = V::splat(0.0);
            [m[0].add(sum), difference.sub(m[3]), zero, zero]
        }
    }
}

/// What a filter's row or column becomes at each point: G of the paper.
pub(super) fn filter_points(edge: usize) -> &'static [[f64; 3]] {
    const FOUR: [[f64; 3]; 6] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    const TWO: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
    if edge == 4 { &FOUR } else { &TWO }
}
