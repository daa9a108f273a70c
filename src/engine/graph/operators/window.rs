//! Where the windows of convolutions and pools lie.

use crate::engine::graph::Unsupported;
use crate::engine::graph::call::Call;

/// The longest that anything about a window may be: sums and products of two such lengths do not overflow.
const LONGEST: usize = 1 << 31;

/// A window moved over a map.
pub(super) struct Window {
    /// Rows and columns.
    pub(super) kernel: [usize; 2],
    /// Rows and columns between neighbouring outputs.
    pub(super) stride: [usize; 2],
    /// Rows and columns between neighbours in the window.
    pub(super) dilation: [usize; 2],
    /// Top, left, bottom, right; as much as the last window needs.
    pub(super) padding: [usize; 4],
    /// Rows and columns of the result.
    pub(super) output: [usize; 2],
    /// Whether the last window reaches beyond the padding that the file asks for.
    pub(super) overshoots: bool,
}

impl Window {
    /// Reads the attributes that convolutions and pools share, for a map of these rows and columns.
    pub(super) fn read(call: &Call, map: [usize; 2], kernel: [usize; 2]) -> Result<Self, Unsupported> {
        let stride = pair(call, "strides")?.unwrap_or([1, 1]);
        let dilation = pair(call, "dilations")?.unwrap_or([1, 1]);
        if [kernel, stride, dilation, map].as_flattened().iter().any(|&length| length == 0 || length > LONGEST) {
            return Err(call.refuse(format!("window {kernel:?}, strides {stride:?}, dilations {dilation:?}")));
        }
        let given = match call.ints("pads") {
            None => [0; 4],
            Some(pads) => call.lengths(pads)?.try_into().map_err(|_| call.refuse("pads are not four"))?,
        };
        if given.iter().any(|&pad| pad > LONGEST) {
            return Err(call.refuse(format!("pads {given:?}")));
        }
        let mut window = Self { kernel, stride, dilation, padding: given, output: [0, 0], overshoots: false };
        for (side, length) in map.iter().enumerate().take(2) {
            window.place(call, side, *length)?;
        }
        Ok(window)
    }

    /// Computes padding and output along one side.
    fn place(&mut self, call: &Call, side: usize, length: usize) -> Result<(), Unsupported> {
        let stride = self.stride[side];
        let reach = (self.kernel[side] - 1) * self.dilation[side] + 1;
        let same = match call.text("auto_pad", "NOTSET") {
            "NOTSET" => None,
            "VALID" => {
                (self.padding[side], self.padding[side + 2]) = (0, 0);
                None
            }
            "SAME_UPPER" => Some(false),
            "SAME_LOWER" => Some(true),
            other => return Err(call.refuse(format!("auto_pad {other}"))),
        };
        if let Some(lower) = same {
            let output = length.div_ceil(stride);
            let total = ((output - 1) * stride + reach).saturating_sub(length);
            let less = total / 2;
            let [before, after] = if lower { [total - less, less] } else { [less, total - less] };
            (self.padding[side], self.padding[side + 2], self.output[side]) = (before, after, output);
            return Ok(());
        }
        let [before, after] = [self.padding[side], self.padding[side + 2]];
        let room = (length + before + after).checked_sub(reach);
        let room = room.ok_or_else(|| call.refuse(format!("a window of {reach} on a map of {length}")))?;
        let mut output = room / stride + 1;
        if call.int("ceil_mode", 0) != 0 && room % stride != 0 {
            // A window more, unless it would lie in the padding behind the map altogether.
            output += usize::from(output * stride < length + before);
        }
        let needed = ((output - 1) * stride + reach).saturating_sub(length + before);
        self.overshoots |= needed > after;
        self.padding[side + 2] = needed.max(after);
        self.output[side] = output;
        Ok(())
    }
}

/// An attribute of one number for rows and one for columns.
pub(super) fn pair(call: &Call, attribute: &str) -> Result<Option<[usize; 2]>, Unsupported> {
    let Some(ints) = call.ints(attribute) else { return Ok(None) };
    let pair = call.lengths(ints)?.try_into();
    pair.map(Some).map_err(|_| call.refuse(format!("{attribute} are not two")))
}

/// The axes of a map `[n, channels, rows, columns]`.
pub(super) fn map(call: &Call, shape: &[usize]) -> Result<[usize; 4], Unsupported> {
    shape.try_into().map_err(|_| call.refuse(format!("a map of {} axes, not 4", shape.len())))
}
