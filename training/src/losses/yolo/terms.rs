//! The terms of the loss as tensors, each summed over its boxes. The formulas are in the module's head.

use super::assign::Positive;
use super::targets::constant;
use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid};
use burn::tensor::{DType, Device, Tensor};
use ocelli::head::Grid;
use ocelli::metadata::HeadKind;
use std::f64::consts::PI;

/// Bounds of t_w and t_h in the IoU forms: beyond them a box has nothing to do with its anchor, and e^t knows no bounds.
const LOG_SIZE: [f64; 2] = [-6.0, 4.0];

/// What positives should be; each tensor is `[p, 2]`, x and y or width and height, but for `importance`, `[p, 1]`.
#[derive(Debug, Clone)]
pub(super) struct Boxes {
    cells: Cells,
    offset: Tensor<2>,
    log_size: Tensor<2>,
    top_left: Tensor<2>,
    bottom_right: Tensor<2>,
    /// Size of the network's input.
    network: Tensor<2>,
    /// 2 − w·h, with w and h as shares of the network's input.
    importance: Tensor<2>,
}

/// Cells and anchors that predict boxes; each tensor is `[p, 2]`.
#[derive(Debug, Clone)]
struct Cells {
    /// Column and row.
    place: Tensor<2>,
    stride: Tensor<2>,
    anchor: Tensor<2>,
    scale_xy: Tensor<2>,
}

impl Cells {
    #[expect(clippy::cast_precision_loss, reason = "grids have far fewer than 2^52 cells")]
    fn new(cells: &[(Grid, usize, usize)], at: &(Device, DType)) -> Self {
        let pairs = |pair: fn(&Grid, usize, usize) -> [f64; 2]| {
            tensor(cells.iter().map(|(grid, column, row)| pair(grid, *column, *row)), at)
        };
        Self {
            place: pairs(|_, column, row| [column as f64, row as f64]),
            stride: pairs(|grid, _, _| grid.stride().map(f64::from)),
            anchor: pairs(|grid, _, _| grid.anchor.map(f64::from)),
            scale_xy: pairs(|grid, _, _| [grid.scale_xy.into(); 2]),
        }
    }

    /// Centres and sizes in network pixels. `t`: `[p, 4]`.
    fn decode(&self, t: Tensor<2>) -> [Tensor<2>; 2] {
        let stretched = sigmoid(t.clone().narrow(1, 0, 2)) * self.scale_xy.clone();
        let offset = stretched - (self.scale_xy.clone() - 1.0) / 2.0;
        let center = (offset + self.place.clone()) * self.stride.clone();
        let size = t.narrow(1, 2, 2).clamp(LOG_SIZE[0], LOG_SIZE[1]).exp() * self.anchor.clone();
        [center, size]
    }
}

impl Boxes {
    pub(super) fn new(positives: &[Positive], at: &(Device, DType)) -> Self {
        let pairs = |pair: fn(&Positive) -> [f64; 2]| tensor(positives.iter().map(pair), at);
        let size = |p: &Positive| [p.truth.bbox.width, p.truth.bbox.height];
        let network = |p: &Positive| [f64::from(p.grid.network.width), f64::from(p.grid.network.height)];
        let importance = |p: &Positive| {
            let ([width, height], [of_width, of_height]) = (size(p), network(p));
            2.0 - width / of_width * (height / of_height)
        };
        let importance: Vec<f64> = positives.iter().map(importance).collect();
        let cells: Vec<_> = positives.iter().map(|p| (p.grid, p.encoded.column, p.encoded.row)).collect();
        Self {
            cells: Cells::new(&cells, at),
            offset: pairs(|p| p.encoded.offset),
            log_size: pairs(|p| p.encoded.log_size),
            top_left: pairs(|p| [p.truth.bbox.x, p.truth.bbox.y]),
            bottom_right: pairs(|p| [p.truth.bbox.right(), p.truth.bbox.bottom()]),
            network: tensor(positives.iter().map(network), at),
            importance: constant(importance, [positives.len(), 1], at),
        }
    }

    fn size(&self) -> Tensor<2> {
        self.bottom_right.clone() - self.top_left.clone()
    }
}

fn tensor(pairs: impl Iterator<Item = [f64; 2]>, at: &(Device, DType)) -> Tensor<2> {
    let values: Vec<f64> = pairs.flatten().collect();
    let count = values.len() / 2;
    constant(values, [count, 2], at)
}

/// Decodes raw boxes with gradients, as [`Grid::decode_box`] does without; t_w and t_h are clamped to −6..=4.
///
/// `t` is t_x, t_y, t_w, t_h of boxes; `cells` the grid, column and row of each. Centre and size are in network pixels.
///
/// # Shapes
/// `t`: `[p, 4]`; each result: `[p, 2]`.
pub fn decode(t: Tensor<2>, cells: &[(Grid, usize, usize)]) -> [Tensor<2>; 2] {
    Cells::new(cells, &(t.device(), t.dtype())).decode(t)
}

/// YOLOv3's xy and wh. `t`: `[p, 4]`.
pub(super) fn paper(t: Tensor<2>, boxes: &Boxes) -> Vec<(&'static str, Tensor<1>)> {
    let xy = binary_cross_entropy(t.clone().narrow(1, 0, 2), boxes.offset.clone());
    let wh = (t.narrow(1, 2, 2) - boxes.log_size.clone()).square() * 0.5;
    let importance = || boxes.importance.clone();
    vec![("xy", (xy * importance()).sum()), ("wh", (wh * importance()).sum())]
}

/// The notes' xy and wh, without λ_coord. `t`: `[p, 4]`.
pub(super) fn notes(t: Tensor<2>, boxes: &Boxes) -> Vec<(&'static str, Tensor<1>)> {
    let xy = (sigmoid(t.clone().narrow(1, 0, 2)) - boxes.offset.clone()) * boxes.cells.scale_xy.clone();
    let anchor = (boxes.cells.anchor.clone() / boxes.network.clone()).sqrt();
    let root = (boxes.size() / boxes.network.clone()).sqrt();
    let wh = anchor * (t.narrow(1, 2, 2) / 2.0).exp() - root;
    vec![("xy", xy.square().sum()), ("wh", wh.square().sum())]
}

/// What two boxes share: each `[p, 1]`, and the sides of the smallest box about both, `[p, 2]`.
struct Overlap {
    iou: Tensor<2>,
    union: Tensor<2>,
    hull: Tensor<2>,
}

impl Overlap {
    fn new(center: &Tensor<2>, size: &Tensor<2>, boxes: &Boxes) -> Self {
        let half = size.clone() / 2.0;
        let (top_left, bottom_right) = (center.clone() - half.clone(), center.clone() + half);
        let lowest = bottom_right.clone().min_pair(boxes.bottom_right.clone());
        let highest = top_left.clone().max_pair(boxes.top_left.clone());
        let intersection = product((lowest - highest).clamp_min(0.0));
        let union = product(size.clone()) + product(boxes.size()) - intersection.clone();
        let hull = bottom_right.max_pair(boxes.bottom_right.clone()) - top_left.min_pair(boxes.top_left.clone());
        Self { iou: intersection / union.clone(), union, hull }
    }
}

/// Area of sides `[p, 2]`, as `[p, 1]`.
fn product(sides: Tensor<2>) -> Tensor<2> {
    sides.clone().narrow(1, 0, 1) * sides.narrow(1, 1, 1)
}

/// Σ (2 − w·h) · (1 − GIoU). `t`: `[p, 4]`.
pub(super) fn giou(t: Tensor<2>, boxes: &Boxes) -> Tensor<1> {
    let [center, size] = boxes.cells.decode(t);
    let Overlap { iou, union, hull } = Overlap::new(&center, &size, boxes);
    let hull = product(hull);
    let giou = iou - (hull.clone() - union) / hull;
    ((giou.neg() + 1.0) * boxes.importance.clone()).sum()
}

/// Σ (2 − w·h) · (1 − CIoU). `t`: `[p, 4]`, `alpha`: `[p, 1]`.
pub(super) fn ciou(t: Tensor<2>, boxes: &Boxes, alpha: Tensor<2>) -> Tensor<1> {
    let [center, size] = boxes.cells.decode(t);
    let Overlap { iou, hull, .. } = Overlap::new(&center, &size, boxes);
    let truth = (boxes.top_left.clone() + boxes.bottom_right.clone()) / 2.0;
    let distance = (center - truth).square().sum_dim(1) / hull.square().sum_dim(1);
    let ciou = iou - distance - alpha * aspect(&size, boxes);
    ((ciou.neg() + 1.0) * boxes.importance.clone()).sum()
}

/// CIoU's α of boxes as they are, `[p, 1]`.
pub(super) fn ciou_alpha(t: Tensor<2>, boxes: &Boxes) -> Tensor<2> {
    let [center, size] = boxes.cells.decode(t);
    let iou = Overlap::new(&center, &size, boxes).iou;
    let aspect = aspect(&size, boxes);
    // The tiny summand keeps a perfect box from 0 / 0.
    aspect.clone() / (iou.neg() + 1.0 + aspect + 1e-9)
}

/// CIoU's v, `[p, 1]`.
fn aspect(size: &Tensor<2>, boxes: &Boxes) -> Tensor<2> {
    let angle = |size: Tensor<2>| (size.clone().narrow(1, 0, 1) / size.narrow(1, 1, 1)).atan();
    (angle(boxes.size()) - angle(size.clone())).square() * (4.0 / (PI * PI))
}

/// The logistic loss of every box's objectness: `sign` is 1 for positives and −1 for others; focal with `gamma`.
pub(super) fn objectness(logits: Tensor<1>, sign: Tensor<1>, weight: Tensor<1>, gamma: Option<f64>) -> Tensor<1> {
    // The logit of the right answer: −ln σ of it is the loss, σ of its negative the probability of the wrong answer.
    let right = logits * sign;
    let loss = log_sigmoid(right.clone()) * weight;
    match gamma {
        Some(gamma) => (loss * (log_sigmoid(right.neg()) * gamma).exp()).sum().neg(),
        None => loss.sum().neg(),
    }
}

/// The log loss of every class. `logits` and `targets`: `[p, classes]`.
pub(super) fn class(logits: Tensor<2>, targets: Tensor<2>, kind: HeadKind) -> Tensor<1> {
    match kind {
        HeadKind::YoloV3 => binary_cross_entropy(logits, targets).sum(),
        HeadKind::YoloV2 => (log_softmax(logits, 1) * targets).sum().neg(),
    }
}

/// −y·ln σ(x) − (1 − y)·ln(1 − σ(x)) = (1 − y)·x − ln σ(x), which no x overflows.
fn binary_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    logits.clone() * (targets.neg() + 1.0) - log_sigmoid(logits)
}
