//! A detector's training: what the loop needs to know of it.

use super::{DetectionRecipe, InputChoice, Prepared, RecipeError};
use crate::anchors;
use crate::data::{Augmentation, Batch, CacheOptions, DataError, DetectionData, batch, picture};
use crate::losses::{Loss, yolo};
use crate::models::{DetectionNetwork, Detector};
use crate::train::{At, Cause, Metric, Task};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use ndarray::ArrayD;
use ocelli::average_precision::coco::{CocoOptions, Matches};
use ocelli::average_precision::{Comparison, Prediction};
use ocelli::dataset::Dataset;
use ocelli::head;
use ocelli::letterbox::{Letterbox, Size};
use ocelli::metadata::{DetectionMetadata, Resize};
use ocelli::nms::{NmsOptions, suppress};
use ocelli::ordered::in_order;

/// A detector, its data and its loss.
pub struct DetectionTask {
    recipe: DetectionRecipe,
    metadata: DetectionMetadata,
    data: DetectionData,
    /// Held-out pictures, with the classes of those trained on.
    validation: Option<Dataset>,
}

/// A picture in the network's input.
pub(super) struct Placed {
    letterbox: Letterbox,
    /// `[1, 3, height, width]`.
    pub(super) input: ArrayD<f32>,
}

impl Placed {
    /// As the server places it.
    pub(super) fn new(picture: &RgbImage, size: Size) -> Self {
        let own = Size { width: picture.width(), height: picture.height() };
        let letterbox = Letterbox::new(Resize::Letterbox, own, size);
        Self { letterbox, input: letterbox.apply(picture) }
    }
}

impl DetectionTask {
    /// Reads all pictures, and fits anchors if the recipe has none; `tell` is told of each picture read.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn new(
        mut recipe: DetectionRecipe,
        prepared: Prepared,
        tell: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self, RecipeError> {
        let size = recipe.input.size();
        let labels = recipe.labels.insert(prepared.train.labels.clone());
        recipe.model.classes = labels.len();
        let mut sources = vec![(prepared.train, 1.0)];
        sources.extend(prepared.also);
        let data = DetectionData::open(&sources, &cache(&recipe), tell)?;
        let strides: Vec<usize> = recipe.model.strides().into_iter().map(|stride| stride as usize).collect();
        recipe.input.anchors.get_or_insert_with(|| {
            let count = strides.len() * recipe.model.anchors_per_scale;
            let fitted = anchors::fit(&data.box_sizes(size), count, recipe.train.seed);
            anchors::assign_to_scales(&fitted.anchors, &strides)
        });
        let metadata = recipe.metadata()?;
        let validation = match prepared.validation {
            Some(dataset) => Some(data.with_labels(dataset)?),
            None => None,
        };
        if let Some(dataset) = &validation {
            // A picture that cannot be read is told now, not at the first evaluation.
            place_all(dataset, size, |index, _| {
                tell(index + 1, dataset.images.len());
                Ok::<(), DataError>(())
            })?;
        }
        Ok(Self { recipe, metadata, data, validation })
    }

    /// The recipe, with everything that the data decided.
    pub fn recipe(&self) -> &DetectionRecipe {
        &self.recipe
    }

    /// What a model file says of itself.
    pub fn metadata(&self) -> &DetectionMetadata {
        &self.metadata
    }

    /// What a network finds in the held-out pictures.
    fn predictions(
        &self,
        model: &Detector,
        dataset: &Dataset,
        tell: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<Prediction>, Cause> {
        let options = NmsOptions {
            confidence: 0.001,
            iou: self.recipe.data.nms_iou,
            max_detections: 100,
            ..NmsOptions::default()
        };
        let size = self.recipe.input.size();
        let mut predictions = Vec::new();
        place_all(dataset, size, |image, picture| {
            let heads = run(model, &picture.input);
            let views: Vec<_> = heads.iter().map(|head| head.view()).collect();
            let candidates = head::decode(&views, &self.metadata, size, options.confidence)?;
            predictions.extend(suppress(&candidates, &options).into_iter().map(|found| Prediction {
                image: image as u32,
                class: found.class_id as u32,
                bbox: picture.letterbox.restore(&found.bbox),
                score: found.confidence.into(),
            }));
            tell(image + 1, dataset.images.len());
            Ok::<(), Cause>(())
        })?;
        Ok(predictions)
    }
}

/// Pictures in memory are as large as the training looks at them, at least 640 pixels.
fn cache(recipe: &DetectionRecipe) -> CacheOptions {
    let own = [recipe.input.width, recipe.input.height];
    let longest = recipe.augmentation.sizes.iter().flatten().chain(&own).max().copied().unwrap_or(0);
    let zoomed = (f64::from(longest) * recipe.augmentation.scale[1].max(1.0)).ceil();
    let usual = CacheOptions::default();
    CacheOptions { longest: usual.longest.max(zoomed as u32), ..usual }
}

/// The raw heads of one picture.
fn run(model: &Detector, input: &ArrayD<f32>) -> Vec<ArrayD<f32>> {
    let device = model.devices().first().cloned().unwrap_or_else(Device::flex);
    let data = TensorData::new(input.iter().copied().collect::<Vec<f32>>(), input.shape().to_vec());
    let heads = model.forward(Tensor::from_data(data, &device));
    let array = |head: Tensor<4>| {
        let shape = head.dims().to_vec();
        let values = head.into_data().convert::<f32>().try_to_vec::<f32>().unwrap_or_default();
        ArrayD::from_shape_vec(shape, values).unwrap_or_default()
    };
    heads.into_iter().map(array).collect()
}

/// Decodes and places the pictures of a data set, and hands each on in their order.
fn place_all<E: From<DataError>>(
    dataset: &Dataset,
    size: Size,
    mut hand_on: impl FnMut(usize, Placed) -> Result<(), E>,
) -> Result<(), E> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    in_order(
        &dataset.images,
        workers,
        |image| Ok(Placed::new(&picture(image)?, size)),
        |index, picture: Result<Placed, DataError>| hand_on(index, picture?),
    )
}

impl Task for DetectionTask {
    type Model = Detector;
    type Batch = Batch;

    fn identity(&self) -> String {
        let InputChoice { width, height, .. } = self.recipe.input;
        let model = serde_json::to_string(&self.recipe.model).unwrap_or_default();
        format!("{model} for {} at {width}×{height}", self.metadata.labels.join(", "))
    }

    fn samples(&self) -> usize {
        self.data.len()
    }

    fn batch_size(&self) -> usize {
        self.recipe.input.batch
    }

    fn init(&self, device: &Device) -> Detector {
        self.recipe.model.init(device)
    }

    fn batch(&self, at: At) -> Result<Batch, DataError> {
        let augmentation: &Augmentation = &self.recipe.augmentation;
        batch(&self.data, augmentation, self.recipe.input.size(), at, self.recipe.input.batch)
    }

    fn loss(&self, model: &Detector, batch: Batch, device: &Device) -> Result<Loss, Cause> {
        let [n, channels, height, width] = [0, 1, 2, 3].map(|axis| batch.images.shape()[axis]);
        let size = Size { width: width as u32, height: height as u32 };
        let data = TensorData::new(batch.images.into_raw_vec_and_offset().0, [n, channels, height, width]);
        let heads = model.forward(Tensor::from_data(data, device));
        Ok(yolo(&heads, &batch.boxes, &self.metadata, size, &self.recipe.loss)?)
    }

    fn evaluate(&self, model: &Detector, tell: &mut dyn FnMut(usize, usize)) -> Result<Vec<Metric>, Cause> {
        let Some(dataset) = &self.validation else { return Ok(Vec::new()) };
        let predictions = self.predictions(model, dataset, tell)?;
        let (images, classes) = (dataset.images.len(), dataset.labels.len());
        let comparison = Comparison::new(images, classes, &dataset.truths, &predictions, false);
        let matches = Matches::new(&comparison, CocoOptions::default())?;
        let summary = matches.summary();
        let named = |name: &str| Metric {
            name: name.into(),
            value: summary.figures.iter().find(|(known, _)| known == name).and_then(|(_, value)| *value),
        };
        let classes = dataset.labels.iter().zip(&summary.class_ap50);
        let class = |(label, value): (&String, &Option<f64>)| Metric { name: format!("AP50 {label}"), value: *value };
        Ok(["AP", "AP50", "AP75"].into_iter().map(named).chain(classes.map(class)).collect())
    }
}
