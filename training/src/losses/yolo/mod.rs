//! The loss of YOLO heads.
//!
//! Every truth makes one box of a cell *positive*: of all anchors of all outputs, the one whose shape has the highest
//! IoU with the truth's (both about one centre), in the cell where the truth's centre lies
//! (Redmon & Farhadi 2018, <https://arxiv.org/abs/1804.02767>, section 2.1). Its targets come from
//! [`ocelli::head::Grid::encode_box`]. All other boxes are negative, or *ignored* where what they predict has an IoU
//! above a threshold with any truth of the picture. With `t` the raw output, `p` the anchor, `w × h` the truth's size,
//! `W × H` the network's and σ the logistic function, the parts are these; BCE(x, y) = −y·ln σ(x) − (1 − y)·ln(1 − σ(x)):
//!
//! ```text
//! paper   xy          (2 − wh/WH) · Σ BCE(t_x, x), BCE(t_y, y)          x, y: where in its cell the centre lies, 0..=1
//!         wh          (2 − wh/WH) · Σ ½ (t_w − ln(w / p_w))², ½ (t_h − ln(h / p_h))²
//!         objectness  Σ BCE(t_o, 1) of positives, BCE(t_o, 0) of negatives
//!         class       Σ over classes of positives: BCE(t_k, 1 for the truth's class, 0 for others)
//! notes   xy          5 · Σ (σ(t_x) − x)², (σ(t_y) − y)²
//!         wh          5 · Σ (√(p_w e^{t_w} / W) − √(w / W))², the same with h and H
//!         objectness  as above, negatives times ½
//!         class       as above
//! giou    box         2 · (2 − wh/WH) · Σ 1 − GIoU             GIoU = IoU − (C − U) / C
//! ciou    box         2 · (2 − wh/WH) · Σ 1 − CIoU             CIoU = IoU − d² / c² − α v
//!                     v = 4/π² · (atan(w / h) − atan(b_w / b_h))²,  α = v / (1 − IoU + v)
//!         objectness and class of the last two as above
//! ```
//!
//! - *paper*: section 2.1 gives the logistic losses and that on t_w, t_h; its gradient is "ground truth minus prediction",
//!   that of ½ (·)². The factor 2 − w·h, BCE on x and y and the ignore threshold's use for every output are Darknet's
//!   (<https://github.com/pjreddie/darknet>, `yolo_layer.c`).
//! - *notes*: the squared errors with λ_coord = 5, λ_noobj = 0.5 of YOLOv1 (Redmon et al. 2015,
//!   <https://arxiv.org/abs/1506.02640>, eq. 3), which takes √w of the share of the picture as here, with log losses in
//!   place of its squared errors for objectness and classes.
//! - *giou*: Rezatofighi et al. 2019, <https://arxiv.org/abs/1902.09630>: C is the area of the smallest box about both, U
//!   that of their union.
//! - *ciou*: Zheng et al. 2020, <https://arxiv.org/abs/1911.08287>: d is the distance of the centres, c the diagonal of the
//!   smallest box about both. α has no gradient, as there. t_w and t_h are clamped to −6..=4 for these two forms.
//!
//! With `scale_xy` s other than 1, x and y above are what σ(t) must be for the decoded centre to be right, and the notes'
//! error of the centre is s times as large.
//!
//! Each part is summed over a picture and divided by the number of pictures. By option: several positives for a truth
//! ([`YoloLossOptions::shape_iou`]), smoothed class targets, focal objectness. On a
//! [`HeadKind::YoloV2`](ocelli::metadata::HeadKind::YoloV2) head the class part is the cross entropy of the softmax.

mod assign;
mod targets;
mod terms;

pub use targets::Targets;
pub use terms::decode;

use super::Loss;
use crate::data::LabelledBox;
use burn::tensor::Tensor;
use ocelli::letterbox::Size;
use ocelli::metadata::DetectionMetadata;
use serde::{Deserialize, Serialize};

/// How the error of a box is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// YOLOv3's: logistic in x and y, squared in t_w and t_h.
    #[default]
    Paper,
    /// YOLOv1's squared errors of x, y, √w, √h.
    Notes,
    /// Generalised IoU.
    Giou,
    /// Complete IoU.
    Ciou,
}

/// Focal loss of the objectness (Lin et al. 2017, <https://arxiv.org/abs/1708.02002>, eq. 5): the logistic loss of a box
/// whose right answer has the probability p is multiplied with (1 − p)^γ, and with α if positive, 1 − α if negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Focal {
    /// Exponent, at least 0.
    pub gamma: f64,
    /// Share of the positives' weight, in 0..=1.
    pub alpha: f64,
}

/// How the loss is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct YoloLossOptions {
    /// Form of the box part.
    pub form: Form,
    /// Factor of the box part. Absent: 1 for the paper's form, λ_coord = 5 for the notes', 2 for the IoU forms.
    pub box_weight: Option<f64>,
    /// IoU with a truth above which a box that is not positive counts for nothing; 1 or more ignores none.
    pub ignore: f64,
    /// Every anchor whose shape has an IoU above this with the truth's is positive too. Absent: the best one alone.
    pub shape_iou: Option<f64>,
    /// ε of smoothed class targets y·(1 − ε) + ε / K (Szegedy et al. 2015, <https://arxiv.org/abs/1512.00567>, section 7),
    /// in 0..=1. K is the number of outcomes: 2 for independent logistics, the number of classes for a softmax.
    pub label_smoothing: f64,
    /// Focal objectness.
    pub focal: Option<Focal>,
}

impl Default for YoloLossOptions {
    fn default() -> Self {
        Self { form: Form::Paper, box_weight: None, ignore: 0.5, shape_iou: None, label_smoothing: 0.0, focal: None }
    }
}

impl YoloLossOptions {
    /// Factor of the box part.
    fn box_factor(&self) -> f64 {
        self.box_weight.unwrap_or(match self.form {
            Form::Paper => 1.0,
            Form::Notes => 5.0,
            Form::Giou | Form::Ciou => 2.0,
        })
    }

    /// Weights of a positive's and of a negative's objectness.
    fn objectness_weights(&self) -> [f64; 2] {
        let negative = if self.form == Form::Notes { 0.5 } else { 1.0 };
        match self.focal {
            None => [1.0, negative],
            Some(focal) => [focal.alpha, (1.0 - focal.alpha) * negative],
        }
    }

    /// What is wrong with it.
    ///
    /// # Errors
    /// [`LossError::Option`].
    pub fn check(&self) -> Result<(), LossError> {
        let share = |name, value: f64| (name, value, (0.0..=1.0).contains(&value));
        let positive = |name, value: f64| (name, value, value.is_finite() && value >= 0.0);
        let mut values = vec![
            positive("box_weight", self.box_factor()),
            positive("ignore", self.ignore),
            share("label_smoothing", self.label_smoothing),
        ];
        values.extend(self.shape_iou.map(|value| share("shape_iou", value)));
        if let Some(focal) = self.focal {
            values.extend([positive("focal.gamma", focal.gamma), share("focal.alpha", focal.alpha)]);
        }
        match values.into_iter().find(|(_, _, valid)| !valid) {
            Some((name, value, _)) => Err(LossError::Option { name, value }),
            None => Ok(()),
        }
    }
}

/// Why there is no loss.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum LossError {
    /// An option is out of its range.
    #[error("{name} = {value} is out of range")]
    Option {
        /// Which option.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// The network has another number of outputs than its metadata.
    #[error("the network has {found} outputs, but its metadata has anchors for {wanted}")]
    OutputCount {
        /// Outputs of the network.
        found: usize,
        /// Outputs that the metadata describes.
        wanted: usize,
    },
    /// An output has another shape than its metadata, or than the pictures or the targets.
    #[error("output {output} has shape {found:?} in place of [{pictures}, {channels}, rows, columns]")]
    Shape {
        /// Which output, from 0.
        output: usize,
        /// Its shape.
        found: [usize; 4],
        /// Pictures with truths, if only empty ones.
        pictures: usize,
        /// Wanted channels: anchors · (5 + classes).
        channels: usize,
    },
    /// A truth has no area, or its class is none of the metadata's.
    #[error("picture {picture} of the batch: {truth:?} is no box of one of {classes} classes")]
    Truth {
        /// Which picture of the batch, from 0.
        picture: usize,
        /// Its truth.
        truth: LabelledBox,
        /// Classes of the metadata.
        classes: usize,
    },
}

/// The loss of a batch's raw heads.
///
/// `truths` has the objects of each picture in pixels of the network's input, whose size is `network`. What a box is held
/// against depends on what the network predicts ([`Targets`]), but no gradient flows through that.
///
/// # Shapes
/// `outputs`: as [`DetectionNetwork::forward`](crate::models::DetectionNetwork::forward) gives them.
///
/// # Errors
/// [`LossError`] if options, heads, truths and metadata do not fit together.
pub fn yolo(
    outputs: &[Tensor<4>],
    truths: &[Vec<LabelledBox>],
    metadata: &DetectionMetadata,
    network: Size,
    options: &YoloLossOptions,
) -> Result<Loss, LossError> {
    Targets::new(outputs, truths, metadata, network, options)?.loss(outputs)
}
