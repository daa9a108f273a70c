//! What the heads of a batch are held against.

use super::assign::{Layout, Place, Positive};
use super::terms::{self, Boxes};
use super::{Form, LossError, YoloLossOptions};
use crate::data::LabelledBox;
use crate::losses::Loss;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use ocelli::letterbox::Size;
use ocelli::metadata::{DetectionMetadata, HeadKind};
use std::collections::BTreeMap;

/// All that a loss holds constant: which boxes are positive, which are ignored, what they should be, and CIoU's α.
///
/// The loss of [`Targets::loss`] is a smooth function of the outputs almost everywhere; it is what a gradient check needs.
#[derive(Debug, Clone)]
pub struct Targets {
    options: YoloLossOptions,
    kind: HeadKind,
    layout: Layout,
    /// For each output its positives' numbers, as indices into it laid flat; none where it has no positive.
    numbers: Vec<Option<Tensor<1, Int>>>,
    positives: Option<Positives>,
    /// 1 for positives, −1 for others: all boxes of all outputs.
    sign: Tensor<1>,
    /// Weight of each box's objectness, 0 where ignored.
    weight: Tensor<1>,
}

/// What positives should be.
#[derive(Debug, Clone)]
struct Positives {
    boxes: Boxes,
    /// `[p, classes]`, smoothed.
    classes: Tensor<2>,
    /// CIoU's α, `[p, 1]`; 0 in other forms.
    alpha: Tensor<2>,
}

impl Targets {
    /// The targets of a batch whose raw heads are `outputs`; see [`yolo`](super::yolo).
    ///
    /// # Errors
    /// [`LossError`] if options, heads, truths and metadata do not fit together.
    pub fn new(
        outputs: &[Tensor<4>],
        truths: &[Vec<LabelledBox>],
        metadata: &DetectionMetadata,
        network: Size,
        options: &YoloLossOptions,
    ) -> Result<Self, LossError> {
        options.check()?;
        let shapes: Vec<[usize; 4]> = outputs.iter().map(Tensor::dims).collect();
        let layout = Layout::new(&shapes, truths.len(), metadata, network)?;
        let places = layout.positives(truths, options)?;
        let Some(first) = outputs.first() else {
            return Err(LossError::OutputCount { found: 0, wanted: 1 });
        };
        let at = &(first.device(), first.dtype());
        let (sign, weight) = objectness(&layout, &places, outputs, truths, options);
        let boxes = sign.len();
        let mut targets = Self {
            options: options.clone(),
            kind: metadata.head,
            numbers: (0..outputs.len()).map(|output| positive_numbers(&layout, &places, output, &at.0)).collect(),
            positives: Positives::new(&places, layout.classes, metadata.head, options, at),
            sign: constant(sign, [boxes], at),
            weight: constant(weight, [boxes], at),
            layout,
        };
        if options.form == Form::Ciou {
            targets.fix_alpha(outputs, at);
        }
        Ok(targets)
    }

    /// The loss of outputs of the same shapes as those that the targets were made for.
    ///
    /// # Errors
    /// [`LossError::OutputCount`] or [`LossError::Shape`] where they are others.
    pub fn loss(&self, outputs: &[Tensor<4>]) -> Result<Loss, LossError> {
        self.check(outputs)?;
        let mut parts = match (&self.positives, self.select(outputs)) {
            (Some(positives), Some(t)) => self.positive_parts(positives, &t),
            _ => self.no_positive_parts(),
        };
        let objectness = terms::objectness(
            self.objectness_logits(outputs),
            self.sign.clone(),
            self.weight.clone(),
            self.options.focal.map(|focal| focal.gamma),
        );
        parts.insert(parts.len() - 1, ("objectness", objectness));
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 pictures")]
        let pictures = self.layout.pictures as f64;
        Ok(Loss { parts: parts.into_iter().map(|(name, part)| (name, part / pictures)).collect() })
    }

    /// The parts but objectness, the class part last. `t`: `[p, 5 + classes]`.
    fn positive_parts(&self, positives: &Positives, t: &Tensor<2>) -> Vec<(&'static str, Tensor<1>)> {
        let factor = self.options.box_factor();
        let raw = t.clone().narrow(1, 0, 4);
        let boxes = &positives.boxes;
        let mut parts = match self.options.form {
            Form::Paper => terms::paper(raw, boxes),
            Form::Notes => terms::notes(raw, boxes),
            Form::Giou => vec![("box", terms::giou(raw, boxes))],
            Form::Ciou => vec![("box", terms::ciou(raw, boxes, positives.alpha.clone()))],
        };
        for (_, part) in &mut parts {
            *part = part.clone() * factor;
        }
        let logits = t.clone().narrow(1, 5, self.layout.classes);
        parts.push(("class", terms::class(logits, positives.classes.clone(), self.kind)));
        parts
    }

    /// Zeros under the same names.
    fn no_positive_parts(&self) -> Vec<(&'static str, Tensor<1>)> {
        let names: &[_] = match self.options.form {
            Form::Paper | Form::Notes => &["xy", "wh", "class"],
            Form::Giou | Form::Ciou => &["box", "class"],
        };
        let at = (self.sign.device(), self.sign.dtype());
        names.iter().map(|name| (*name, constant(vec![0.0], [1], &at))).collect()
    }

    fn check(&self, outputs: &[Tensor<4>]) -> Result<(), LossError> {
        let wanted = self.layout.outputs.len();
        if outputs.len() != wanted {
            return Err(LossError::OutputCount { found: outputs.len(), wanted });
        }
        for (output, tensor) in outputs.iter().enumerate() {
            let (found, wanted) = (tensor.dims(), self.layout.shape(output));
            if found != wanted {
                return Err(LossError::Shape { output, found, pictures: wanted[0], channels: wanted[1] });
            }
        }
        Ok(())
    }

    /// The raw numbers of all positives, `[p, 5 + classes]`; nothing if there is no positive.
    fn select(&self, outputs: &[Tensor<4>]) -> Option<Tensor<2>> {
        let values = 5 + self.layout.classes;
        let select = |(output, numbers): (&Tensor<4>, &Option<Tensor<1, Int>>)| {
            let numbers = numbers.clone()?;
            let [count] = numbers.dims();
            let flat: Tensor<1> = output.clone().flatten(0, 3);
            Some(flat.select(0, numbers).reshape([count / values, values]))
        };
        let selected: Vec<_> = outputs.iter().zip(&self.numbers).filter_map(select).collect();
        (!selected.is_empty()).then(|| Tensor::cat(selected, 0))
    }

    /// t_o of all boxes of all outputs.
    fn objectness_logits(&self, outputs: &[Tensor<4>]) -> Tensor<1> {
        let logits = |(index, output): (usize, &Tensor<4>)| {
            let [n, _, rows, columns] = output.dims();
            let anchors = self.layout.outputs[index].len();
            let boxes: Tensor<3> = output.clone().reshape([n * anchors, 5 + self.layout.classes, rows * columns]);
            boxes.narrow(1, 4, 1).flatten(0, 2)
        };
        Tensor::cat(outputs.iter().enumerate().map(logits).collect(), 0)
    }

    /// Computes CIoU's α from the outputs as they are.
    fn fix_alpha(&mut self, outputs: &[Tensor<4>], at: &(Device, DType)) {
        let selected = self.select(outputs);
        if let (Some(positives), Some(t)) = (&mut self.positives, selected) {
            let alpha = terms::ciou_alpha(t.narrow(1, 0, 4).detach(), &positives.boxes);
            positives.alpha = Tensor::from_data(alpha.into_data(), (&at.0, at.1));
        }
    }
}

impl Positives {
    fn new(
        places: &BTreeMap<Place, Positive>,
        classes: usize,
        kind: HeadKind,
        options: &YoloLossOptions,
        at: &(Device, DType),
    ) -> Option<Self> {
        let count = places.len();
        if count == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 classes")]
        let floor = match kind {
            HeadKind::YoloV3 => options.label_smoothing / 2.0,
            HeadKind::YoloV2 => options.label_smoothing / classes as f64,
        };
        let mut values = vec![floor; count * classes];
        for (index, positive) in places.values().enumerate() {
            values[index * classes + positive.truth.class_id] += 1.0 - options.label_smoothing;
        }
        let positives: Vec<_> = places.values().cloned().collect();
        Some(Self {
            boxes: Boxes::new(&positives, at),
            classes: constant(values, [count, classes], at),
            alpha: constant(vec![0.0; count], [count, 1], at),
        })
    }
}

/// A tensor that no gradient flows through.
pub(super) fn constant<const D: usize>(values: Vec<f64>, shape: [usize; D], at: &(Device, DType)) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&at.0, at.1))
}

fn positive_numbers(
    layout: &Layout,
    places: &BTreeMap<Place, Positive>,
    output: usize,
    device: &Device,
) -> Option<Tensor<1, Int>> {
    let of_output = places.range((output, 0)..(output + 1, 0));
    let channels = |(place, _): (&Place, &Positive)| {
        let place = *place;
        (0..5 + layout.classes).map(move |channel| layout.number(place, channel)).collect::<Vec<_>>()
    };
    // A tensor of as many numbers would need terabytes before an index could leave i64.
    let numbers: Vec<i64> = of_output.flat_map(channels).map(|number| i64::try_from(number).unwrap_or(0)).collect();
    let count = numbers.len();
    (count > 0).then(|| Tensor::from_data(TensorData::new(numbers, [count]), device))
}

/// Sign and weight of every box's objectness.
fn objectness(
    layout: &Layout,
    places: &BTreeMap<Place, Positive>,
    outputs: &[Tensor<4>],
    truths: &[Vec<LabelledBox>],
    options: &YoloLossOptions,
) -> (Vec<f64>, Vec<f64>) {
    let [positive, negative] = options.objectness_weights();
    let (mut signs, mut weights) = (Vec::new(), Vec::new());
    for (output, tensor) in outputs.iter().enumerate() {
        let mut sign = vec![-1.0; layout.boxes(output)];
        let mut weight = vec![negative; sign.len()];
        // An IoU is never above 1.
        if options.ignore < 1.0 && truths.iter().any(|truths| !truths.is_empty()) {
            let data = tensor.to_data().convert::<f32>();
            let numbers = data.as_slice::<f32>().unwrap_or_default();
            layout.near_truths(output, numbers, truths, options.ignore, |index| weight[index] = 0.0);
        }
        for (_, index) in places.range((output, 0)..(output + 1, 0)).map(|(place, _)| *place) {
            sign[index] = 1.0;
            weight[index] = positive;
        }
        signs.append(&mut sign);
        weights.append(&mut weight);
    }
    (signs, weights)
}
