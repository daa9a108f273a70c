//! Sizes of a convolution.

use burn::tensor::ops::ConvOptions;
use std::ops::Range;

/// A convolution with equal padding on opposite sides, without groups or dilation. Pairs are vertical, horizontal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Geometry {
    /// Pictures.
    pub(super) batch: usize,
    /// Channels in and out.
    pub(super) channels: [usize; 2],
    /// Size of the input.
    pub(super) input: [usize; 2],
    /// Size of the output.
    pub(super) output: [usize; 2],
    /// Size of the kernel.
    pub(super) kernel: [usize; 2],
    /// Stride.
    pub(super) stride: [usize; 2],
    /// Padding on each side.
    pub(super) padding: [usize; 2],
}

/// Numbers of an unfolded strip that stay in the second-level cache together with the rest: half a MiB of f32.
const STRIP: usize = 1 << 17;

/// Columns below which a product of matrices is mostly packing.
const FEWEST_COLUMNS: usize = 256;

impl Geometry {
    /// Whether the shapes fit each other, and there is at least one position of the kernel.
    pub(super) fn fits(x: [usize; 4], weight: [usize; 4], options: &ConvOptions<2>) -> bool {
        let room = |i: usize| x[2 + i] + 2 * options.padding[i].0 >= weight[2 + i];
        x[1] == weight[1] && room(0) && room(1) && x.iter().chain(&weight).all(|&size| size > 0)
    }

    /// That of `x` and `weight`; they fit.
    pub(super) fn new(x: [usize; 4], weight: [usize; 4], options: &ConvOptions<2>) -> Self {
        let [batch, channels, height, width] = x;
        let padding = options.padding.map(|(begin, _)| begin);
        let kernel = [weight[2], weight[3]];
        let size = |i: usize| (x[2 + i] + 2 * padding[i]).saturating_sub(kernel[i]) / options.stride[i] + 1;
        Self {
            batch,
            channels: [channels, weight[0]],
            input: [height, width],
            output: [size(0), size(1)],
            kernel,
            stride: options.stride,
            padding,
        }
    }

    /// The convolution of the output's gradient with the turned kernels that gives the input's gradient, where there is
    /// one: the stride is 1 and the padding less than the kernel.
    pub(super) fn turned(&self) -> Option<Self> {
        let pad = |i: usize| (self.kernel[i] - 1).checked_sub(self.padding[i]);
        (self.stride == [1, 1]).then_some(())?;
        Some(Self {
            channels: [self.channels[1], self.channels[0]],
            input: self.output,
            output: self.input,
            padding: [pad(0)?, pad(1)?],
            ..*self
        })
    }

    /// Elements of one picture's input.
    pub(super) fn input_length(&self) -> usize {
        self.channels[0] * self.input_plane()
    }

    /// Elements of one picture's output.
    pub(super) fn output_length(&self) -> usize {
        self.channels[1] * self.output_plane()
    }

    /// Elements of one channel of the input.
    pub(super) fn input_plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Elements of one channel of the output.
    pub(super) fn output_plane(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Elements of one kernel's part for one channel.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Elements of one output channel's kernel.
    pub(super) fn depth(&self) -> usize {
        self.channels[0] * self.taps()
    }

    /// Whether the input is the unfolded input: one tap on each element.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Rows of output in one strip whose unfolded input has `depth` rows.
    pub(super) fn strip_rows(&self, depth: usize) -> usize {
        let [height, width] = self.output;
        let rows = (STRIP / (depth * width)).max(FEWEST_COLUMNS.div_ceil(width)).clamp(1, height);
        // Strips of about one size: no thin last one.
        height.div_ceil(height.div_ceil(rows))
    }

    /// The strips of the output's rows `rows`, with an unfolded input of `depth` rows.
    pub(super) fn strips(&self, rows: Range<usize>, depth: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let step = self.strip_rows(depth);
        let end = rows.end;
        rows.step_by(step).map(move |start| start..(start + step).min(end))
    }
}
