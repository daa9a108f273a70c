//! Anchors and cells: a detector's raw output becomes candidate boxes, and boxes become what a network should put out.
//! Serving and training share this one geometry.
//!
//! A head is a tensor `[1, anchors · (5 + classes), rows, columns]`. For the cell in column c_x and row c_y, and an
//! anchor p_w × p_h, the five first channels are t_x, t_y, t_w, t_h and the objectness logit t_o
//! (Redmon & Farhadi 2018, <https://arxiv.org/abs/1804.02767>, section 2.1):
//!
//! ```text
//! b_x = σ(t_x) + c_x     b_w = p_w · exp(t_w)     confidence of class k = σ(t_o) · P(k)
//! b_y = σ(t_y) + c_y     b_h = p_h · exp(t_h)     P(k) = σ(t_k) (YOLOv3) or softmax(t)_k (YOLOv2)
//! ```
//!
//! Every class above the threshold makes a candidate of its own, as in Darknet.

use crate::geometry::BBox;
use crate::letterbox::Size;
use crate::metadata::{DetectionMetadata, HeadKind};
use ndarray::{ArrayView1, ArrayView3, ArrayViewD, Axis, Ix4, s};

/// A box that may be an object, in network pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where, in pixels of the network's input; parts of it may lie outside.
    pub bbox: BBox,
    /// Index of the class.
    pub class_id: usize,
    /// Objectness × class probability, in 0..=1.
    pub confidence: f32,
}

/// Why an output tensor is no head.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeadError {
    /// The network has another number of outputs than its metadata.
    #[error("the network has {found} outputs, but its metadata has anchors for {wanted}")]
    OutputCount {
        /// Outputs of the network.
        found: usize,
        /// Outputs that the metadata describes.
        wanted: usize,
    },
    /// An output has another shape than its metadata.
    #[error("output {output} has shape {found:?} in place of [1, {channels}, rows, columns]")]
    Shape {
        /// Which output, from 0.
        output: usize,
        /// Its shape.
        found: Vec<usize>,
        /// Wanted channels: anchors · (5 + classes).
        channels: usize,
    },
}

/// The logistic function.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Decodes all heads of one picture.
///
/// `outputs` are the raw heads in the order of the metadata, `network` the input's size. Candidates of a confidence
/// above `threshold` (0..=1) come in no particular order.
///
/// # Errors
/// [`HeadError`] if the outputs do not fit the metadata.
pub fn decode(
    outputs: &[ArrayViewD<f32>],
    metadata: &DetectionMetadata,
    network: Size,
    threshold: f32,
) -> Result<Vec<Candidate>, HeadError> {
    if outputs.len() != metadata.anchors.len() {
        return Err(HeadError::OutputCount { found: outputs.len(), wanted: metadata.anchors.len() });
    }
    let mut candidates = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        let anchors = &metadata.anchors[index];
        let values = 5 + metadata.labels.len();
        let channels = anchors.len() * values;
        let wrong = || HeadError::Shape { output: index, found: output.shape().to_vec(), channels };
        let map = output.view().into_dimensionality::<Ix4>().map_err(|_| wrong())?;
        if map.shape()[0] != 1 || map.shape()[1] != channels || map.is_empty() {
            return Err(wrong());
        }
        let map = map.index_axis_move(Axis(0), 0);
        let (_, rows, columns) = map.dim();
        let scale_xy = metadata.scale_xy[index];
        for (slot, anchor) in anchors.iter().enumerate() {
            let grid = Grid { anchor: *anchor, scale_xy, network, rows, columns };
            let slot = map.slice(s![slot * values..(slot + 1) * values, .., ..]);
            Decoder { kind: metadata.head, grid, threshold }.decode(&slot, &mut candidates);
        }
    }
    Ok(candidates)
}

/// One anchor on the grid of one output: the only place that knows how cells and boxes belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Width and height of the anchor in input pixels.
    pub anchor: [f32; 2],
    /// How far a centre may leave its cell, Darknet's `scale_x_y`: 1 is the plain logistic.
    pub scale_xy: f32,
    /// The network's input.
    pub network: Size,
    /// Cells down.
    pub rows: usize,
    /// Cells across.
    pub columns: usize,
}

/// What a network should put out for a box: the inverse of [`Grid::decode_box`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoded {
    /// The cell with the box's centre.
    pub column: usize,
    /// The cell with the box's centre.
    pub row: usize,
    /// σ(t_x) and σ(t_y), in 0..=1. Both bounds are reached at a cell's edges where `scale_xy` is 1; t is infinite there.
    pub offset: [f64; 2],
    /// t_w and t_h.
    pub log_size: [f64; 2],
}

impl Grid {
    /// Input pixels of a cell across and down.
    #[expect(clippy::cast_precision_loss, reason = "grids and inputs have far fewer than 2^24 cells a side")]
    pub fn stride(&self) -> [f32; 2] {
        [self.network.width as f32 / self.columns as f32, self.network.height as f32 / self.rows as f32]
    }

    /// The box that the cell at `column` and `row` predicts by `t`, which is t_x, t_y, t_w, t_h; in network pixels.
    #[expect(clippy::cast_precision_loss, reason = "grids have far fewer than 2^24 cells a side")]
    pub fn decode_box(&self, t: [f32; 4], column: usize, row: usize) -> BBox {
        // scale_x_y stretches the logistic around 0.5, so that centres on a cell's edge can be reached.
        let offset = |t: f32| sigmoid(t) * self.scale_xy - (self.scale_xy - 1.0) / 2.0;
        let [stride_x, stride_y] = self.stride();
        BBox::from_center(
            ((offset(t[0]) + column as f32) * stride_x).into(),
            ((offset(t[1]) + row as f32) * stride_y).into(),
            (self.anchor[0] * t[2].exp()).into(),
            (self.anchor[1] * t[3].exp()).into(),
        )
    }

    /// The cell and the outputs that decode to `bbox`, which is in network pixels and has an area.
    ///
    /// A centre on the right or bottom border belongs to the last cell; one outside the input to the nearest cell, and
    /// decodes to that cell's edge.
    pub fn encode_box(&self, bbox: &BBox) -> Encoded {
        let [stride_x, stride_y] = self.stride();
        let (column, x) = self.encode_center(bbox.x + bbox.width / 2.0, stride_x, self.columns);
        let (row, y) = self.encode_center(bbox.y + bbox.height / 2.0, stride_y, self.rows);
        let [width, height] = self.anchor.map(f64::from);
        Encoded { column, row, offset: [x, y], log_size: [(bbox.width / width).ln(), (bbox.height / height).ln()] }
    }

    /// The cell of a centre along one axis, and the logistic's value there.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "grids have few cells; a negative or infinite place saturates, as it should"
    )]
    fn encode_center(&self, center: f64, stride: f32, cells: usize) -> (usize, f64) {
        let place = center / f64::from(stride);
        let cell = (place as usize).min(cells.saturating_sub(1));
        let offset = (place - cell as f64).clamp(0.0, 1.0);
        let scale = f64::from(self.scale_xy);
        (cell, (offset + (scale - 1.0) / 2.0) / scale)
    }
}

/// Collects the candidates of one anchor on one head.
struct Decoder {
    kind: HeadKind,
    grid: Grid,
    threshold: f32,
}

impl Decoder {
    /// `map` is `[5 + classes, rows, columns]`.
    fn decode(&self, map: &ArrayView3<f32>, candidates: &mut Vec<Candidate>) {
        // A confidence is at most its objectness: most cells are done after one comparison of logits.
        let least = least_logit(self.threshold);
        for (row, logits) in map.index_axis(Axis(0), 4).outer_iter().enumerate() {
            for (column, logit) in logits.iter().enumerate() {
                // Written so that a NaN is no candidate.
                if *logit >= least {
                    self.decode_cell(&map.slice(s![.., row, column]), column, row, candidates);
                }
            }
        }
    }

    fn decode_cell(&self, cell: &ArrayView1<f32>, column: usize, row: usize, candidates: &mut Vec<Candidate>) {
        let objectness = sigmoid(cell[4]);
        if objectness <= self.threshold {
            return;
        }
        let Some(bbox) = self.finite_box(cell, column, row) else { return };
        let logits = cell.slice(s![5..]);
        let mut keep = |class_id, probability: f32| {
            let confidence = objectness * probability;
            if confidence > self.threshold {
                candidates.push(Candidate { bbox, class_id, confidence });
            }
        };
        match self.kind {
            HeadKind::YoloV3 => {
                // As of the objectness: most classes of a cell are done after one comparison.
                let least = least_logit(self.threshold / objectness);
                let likely = logits.iter().enumerate().filter(|(_, logit)| **logit >= least);
                likely.for_each(|(class, logit)| keep(class, sigmoid(*logit)));
            }
            HeadKind::YoloV2 => {
                let largest = logits.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
                logits.iter().enumerate().for_each(|(class, logit)| keep(class, (logit - largest).exp() / sum));
            }
        }
    }

    /// The cell's box, if all its numbers are finite.
    fn finite_box(&self, cell: &ArrayView1<f32>, column: usize, row: usize) -> Option<BBox> {
        let bbox = self.grid.decode_box([cell[0], cell[1], cell[2], cell[3]], column, row);
        [bbox.x, bbox.y, bbox.width, bbox.height].iter().all(|value| value.is_finite()).then_some(bbox)
    }
}

/// A logit that every `x` reaches for which [`sigmoid`], as f32 computes it, is above `probability`: a cheap sieve before
/// the exact comparison.
///
/// σ⁻¹(p) = ln(p / (1 − p)), of a p that is smaller by more than f32 is off: by some 10⁻⁷ of itself.
#[expect(clippy::cast_possible_truncation, reason = "what is rounded here is far smaller than the room that is left")]
fn least_logit(probability: f32) -> f32 {
    // Below this the logistic of f32 has fewer digits.
    if probability < 1e-30 {
        return f32::NEG_INFINITY;
    }
    let room = f64::from(probability) * (1.0 - 1e-5);
    if room < 1.0 { (room / (1.0 - room)).ln() as f32 } else { f32::INFINITY }
}
