//! Labelled pictures in memory.

use super::order::Order;
use super::seed::Random;
use super::usable::{decoded, path_of, read};
use super::{Census, DataError, LabelledBox, Sample};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use ocelli::average_precision::Truth;
use ocelli::dataset::Dataset;
use ocelli::geometry::BBox;
use ocelli::letterbox::{Letterbox, Size};
use ocelli::metadata::Resize;
use ocelli::ordered::in_order;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// How pictures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheOptions {
    /// Most pixels on a picture's longer side: larger ones are scaled down, and their boxes with them.
    pub longest: u32,
    /// Most bytes of pixels in memory. Pictures beyond that are kept as their files' bytes, as many again at most, and
    /// decoded whenever they are drawn; those beyond that are read anew, too.
    pub memory: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { longest: 640, memory: 2 << 30 }
    }
}

/// One or more labelled data sets, mixed.
#[derive(Debug)]
pub struct DetectionData {
    labels: Vec<String>,
    entries: Vec<Entry>,
    order: Order,
    census: Census,
    longest: u32,
}

/// A picture with its objects, in pixels of the scaled picture.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    size: Size,
    stored: Stored,
    boxes: Vec<LabelledBox>,
}

#[derive(Debug)]
enum Stored {
    Pixels(RgbImage),
    Encoded(Vec<u8>),
    OnDisk,
}

/// Bytes that may still be kept.
struct Free {
    pixels: u64,
    encoded: u64,
}

impl Free {
    /// How a picture is kept. Later pictures are as good as this one: once there is no room, it stays so.
    fn keep(&mut self, loaded: RgbImage, bytes: Vec<u8>) -> Stored {
        let take = |free: &mut u64, needed: usize| {
            let rest = free.checked_sub(needed as u64);
            *free = rest.unwrap_or(0);
            rest.is_some()
        };
        if take(&mut self.pixels, loaded.as_raw().len()) {
            Stored::Pixels(loaded)
        } else if take(&mut self.encoded, bytes.len()) {
            Stored::Encoded(bytes)
        } else {
            Stored::OnDisk
        }
    }
}

/// A picture as it comes from its file.
struct Loaded {
    bytes: Vec<u8>,
    /// Size in the file, upright.
    original: Size,
    image: RgbImage,
}

/// A picture that is to be loaded.
struct Job<'a> {
    path: &'a Path,
    said: Option<(u32, u32)>,
    truths: Vec<&'a Truth>,
    /// Index of the map of its classes.
    classes: usize,
}

impl DetectionData {
    /// Decodes every picture of the data sets, on all cores, and tells how many are done of how many.
    ///
    /// Each data set comes with its weight: its share of the samples of an epoch. Its classes are the first one's, by
    /// name. Crowds, ignored objects and boxes without area are left out and counted in [`Self::census`].
    ///
    /// # Errors
    /// [`DataError`]: a picture that cannot be read or decoded, a class with objects that the first data set does not
    /// know, no picture or no box in a data set, a weight or `longest` that is not positive.
    pub fn open(
        sources: &[(Dataset, f64)],
        options: &CacheOptions,
        tell: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self, DataError> {
        if options.longest == 0 {
            return Err(DataError::Settings("longest is 0".into()));
        }
        let counts: Vec<(usize, f64)> = sources.iter().map(|(data, weight)| (data.images.len(), *weight)).collect();
        let labels = sources.first().map(|(data, _)| data.labels.clone()).unwrap_or_default();
        let maps = sources.iter().map(|(data, _)| class_map(data, &labels)).collect::<Result<Vec<_>, _>>()?;
        let mut jobs = Vec::new();
        for (index, (data, _)) in sources.iter().enumerate() {
            jobs.extend(jobs_of(data, index)?);
        }
        let mut opened = Self {
            labels,
            entries: Vec::new(),
            order: Order::new(&counts)?,
            census: Census::default(),
            longest: options.longest,
        };
        let mut free = Free { pixels: options.memory, encoded: options.memory };
        let mut done = 0;
        let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        in_order(
            &jobs,
            workers,
            |job| load(job.path, options.longest),
            |index, loaded| {
                opened.add(&jobs[index], &maps[jobs[index].classes], loaded?, &mut free);
                done += 1;
                tell(done, jobs.len());
                Ok::<(), DataError>(())
            },
        )?;
        match (sources.first(), opened.census.boxes) {
            (Some((data, _)), 0) => Err(empty(&data.path, "there is no box to learn from")),
            _ => Ok(opened),
        }
    }

    fn add(&mut self, job: &Job, classes: &[Option<usize>], loaded: Loaded, free: &mut Free) {
        let Loaded { bytes, original, image } = loaded;
        let size = Size { width: image.width(), height: image.height() };
        // The whole picture onto the whole smaller one.
        let scaled = Letterbox::new(Resize::Stretch, original, size);
        let mut labelled = |truth: &&Truth| {
            let class_id = classes.get(truth.class as usize).copied().flatten()?;
            Some(LabelledBox { bbox: scaled.project(&self.census.take(truth, original)?), class_id })
        };
        let boxes: Vec<LabelledBox> = job.truths.iter().filter_map(&mut labelled).collect();
        self.census.pictures += 1;
        self.census.without_objects += usize::from(boxes.is_empty());
        self.census.contradicted += usize::from(job.said.is_some_and(|said| said != (original.width, original.height)));
        let stored = free.keep(image, bytes);
        self.entries.push(Entry { path: job.path.into(), size, stored, boxes });
    }

    /// Another data set with the classes of these, by name.
    ///
    /// # Errors
    /// [`DataError::UnknownClass`] if it has objects of a class that these do not know.
    pub fn with_labels(&self, mut data: Dataset) -> Result<Dataset, DataError> {
        let map = class_map(&data, &self.labels)?;
        // What does not count may be of any class.
        let own = |truth: &Truth| Some(Truth { class: (*map.get(truth.class as usize)?)? as u32, ..*truth });
        data.truths = data.truths.iter().filter_map(own).collect();
        data.labels.clone_from(&self.labels);
        Ok(data)
    }

    /// Name of each class: the first data set's.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Samples of an epoch: as many as there are pictures.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pictures; [`Self::open`] refuses that.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What was found, and what was left out.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Width and height of every box in pixels of a network's input, after the letterbox.
    pub fn box_sizes(&self, network: Size) -> Vec<[f64; 2]> {
        let placed = |entry: &Entry, bbox: &BBox| Letterbox::new(Resize::Letterbox, entry.size, network).project(bbox);
        let size = |bbox: BBox| [bbox.width, bbox.height];
        self.entries
            .iter()
            .flat_map(|entry| entry.boxes.iter().map(move |labelled| size(placed(entry, &labelled.bbox))))
            .collect()
    }

    /// The picture that is drawn as the `number`th of a training, from 0: every picture once in each epoch where there
    /// is one data set; by weight where there are several, each in an order of its own that repeats none before all
    /// others had their turn.
    pub fn index_at(&self, seed: u64, number: usize) -> usize {
        self.order.index_at(seed, number)
    }

    /// A picture at random, by its data set's weight.
    pub(super) fn any(&self, random: &mut Random) -> usize {
        self.order.any(random)
    }

    /// A picture of its own with its objects.
    ///
    /// # Errors
    /// [`DataError::Picture`] if it was not kept decoded and cannot be decoded now.
    pub fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (image, boxes) = self.borrow(index)?;
        Ok(Sample { image: image.into_owned(), boxes: boxes.to_vec() })
    }

    /// As [`Self::sample`], without a copy where the picture is kept decoded.
    pub(super) fn borrow(&self, index: usize) -> Result<(Cow<'_, RgbImage>, &[LabelledBox]), DataError> {
        let outside = || DataError::Settings(format!("there is no picture {index}, only {}", self.len()));
        let entry = self.entries.get(index).ok_or_else(outside)?;
        let image = match &entry.stored {
            Stored::Pixels(image) => Cow::Borrowed(image),
            Stored::Encoded(bytes) => Cow::Owned(scaled(decoded(&entry.path, bytes)?, self.longest)),
            Stored::OnDisk => Cow::Owned(load(&entry.path, self.longest)?.image),
        };
        Ok((image, &entry.boxes))
    }
}

fn empty(path: &Path, reason: &str) -> DataError {
    DataError::Empty { path: path.into(), reason: reason.into() }
}

/// For each class of a data set the index of its name in `labels`.
fn class_map(data: &Dataset, labels: &[String]) -> Result<Vec<Option<usize>>, DataError> {
    let map: Vec<Option<usize>> =
        data.labels.iter().map(|label| labels.iter().position(|known| known == label)).collect();
    let lost = |truth: &&Truth| truth.counts() && map.get(truth.class as usize).is_none_or(Option::is_none);
    match data.truths.iter().find(lost) {
        Some(truth) => Err(DataError::UnknownClass {
            path: data.path.clone(),
            class: data.labels.get(truth.class as usize).cloned().unwrap_or_else(|| truth.class.to_string()),
            known: labels.join(", "),
        }),
        None => Ok(map),
    }
}

fn jobs_of(data: &Dataset, source: usize) -> Result<Vec<Job<'_>>, DataError> {
    if data.images.is_empty() {
        return Err(empty(&data.path, "there are no pictures"));
    }
    let mut jobs = Vec::with_capacity(data.images.len());
    for image in &data.images {
        jobs.push(Job { path: path_of(image)?, said: image.size, truths: Vec::new(), classes: source });
    }
    for truth in &data.truths {
        if let Some(job) = jobs.get_mut(truth.image as usize) {
            job.truths.push(truth);
        }
    }
    Ok(jobs)
}

fn load(path: &Path, longest: u32) -> Result<Loaded, DataError> {
    let bytes = read(path)?;
    let image = decoded(path, &bytes)?;
    let original = Size { width: image.width(), height: image.height() };
    Ok(Loaded { bytes, original, image: scaled(image, longest) })
}

/// A picture of at most `longest` pixels on the longer side, made smaller with antialiasing.
fn scaled(image: RgbImage, longest: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    if width.max(height) <= longest {
        return image;
    }
    let side = Size { width: longest, height: longest };
    let size = Letterbox::new(Resize::Letterbox, Size { width, height }, side).placed;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut smaller = Image::new(size.width, size.height, PixelType::U8x3);
    let done = ImageRef::new(width, height, image.as_raw(), PixelType::U8x3)
        .is_ok_and(|source| Resizer::new().resize(&source, &mut smaller, &options).is_ok());
    // Both fail on mismatched buffers or pixel types alone; these are 8-bit RGB of their own dimensions.
    debug_assert!(done);
    RgbImage::from_raw(size.width, size.height, smaller.into_vec()).unwrap_or(image)
}
