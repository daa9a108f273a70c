//! Anchors and cells: a detector's raw output becomes candidate boxes. Serving and training share this one decode.
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
        for (slot, anchor) in anchors.iter().enumerate() {
            let slot = map.slice(s![slot * values..(slot + 1) * values, .., ..]);
            let grid = Grid { kind: metadata.head, anchor: *anchor, scale_xy: metadata.scale_xy[index], network };
            grid.decode(&slot, threshold, &mut candidates);
        }
    }
    Ok(candidates)
}

/// One anchor's part of one head.
struct Grid {
    kind: HeadKind,
    /// Width and height in input pixels.
    anchor: [f32; 2],
    scale_xy: f32,
    network: Size,
}

impl Grid {
    /// `map` is `[5 + classes, rows, columns]`.
    fn decode(&self, map: &ArrayView3<f32>, threshold: f32, candidates: &mut Vec<Candidate>) {
        let objectness_logits = map.index_axis(Axis(0), 4);
        // A probability is at most its objectness: most cells are done after one comparison of logits.
        let least_logit = if threshold > 0.0 { (threshold / (1.0 - threshold)).ln() } else { f32::NEG_INFINITY };
        for ((row, column), logit) in objectness_logits.indexed_iter() {
            // Written so that a NaN is no candidate.
            if *logit >= least_logit {
                let cell = map.slice(s![.., row, column]);
                self.decode_cell(&cell, (column, row), objectness_logits.dim(), threshold, candidates);
            }
        }
    }

    fn decode_cell(
        &self,
        cell: &ArrayView1<f32>,
        at: (usize, usize),
        (rows, columns): (usize, usize),
        threshold: f32,
        candidates: &mut Vec<Candidate>,
    ) {
        let bbox = self.decode_box([cell[0], cell[1], cell[2], cell[3]], at, (rows, columns));
        let objectness = sigmoid(cell[4]);
        let logits = cell.slice(s![5..]);
        let mut keep = |class_id, probability: f32| {
            let confidence = objectness * probability;
            if confidence > threshold && [bbox.x, bbox.y, bbox.width, bbox.height].iter().all(|v| v.is_finite()) {
                candidates.push(Candidate { bbox, class_id, confidence });
            }
        };
        match self.kind {
            HeadKind::YoloV3 => logits.iter().enumerate().for_each(|(class, logit)| keep(class, sigmoid(*logit))),
            HeadKind::YoloV2 => {
                let largest = logits.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
                logits.iter().enumerate().for_each(|(class, logit)| keep(class, (logit - largest).exp() / sum));
            }
        }
    }

    /// `t` is t_x, t_y, t_w, t_h; `at` the cell's column and row.
    #[expect(clippy::cast_precision_loss, reason = "grids have far fewer than 2^24 cells a side")]
    fn decode_box(&self, t: [f32; 4], at: (usize, usize), (rows, columns): (usize, usize)) -> BBox {
        // scale_x_y stretches the logistic around 0.5, so that centres on a cell's edge can be reached.
        let offset = |t: f32| sigmoid(t) * self.scale_xy - (self.scale_xy - 1.0) / 2.0;
        let stride_x = self.network.width as f32 / columns as f32;
        let stride_y = self.network.height as f32 / rows as f32;
        BBox::from_center(
            ((offset(t[0]) + at.0 as f32) * stride_x).into(),
            ((offset(t[1]) + at.1 as f32) * stride_y).into(),
            (self.anchor[0] * t[2].exp()).into(),
            (self.anchor[1] * t[3].exp()).into(),
        )
    }
}
