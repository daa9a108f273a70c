//! COCO's list of results (<https://cocodataset.org/#format-results>), which Darknet and most others write too.

use super::Results;
use super::categories::Categories;
use super::collector::{Collector, Record, finite};
use super::pictures::{Names, Numbers};
use crate::dataset::coco::json_box;
use crate::dataset::json::{Json, Scalar};
use crate::dataset::{ClassOverrides, Dataset, DatasetError, Fault, Id};
use std::io::Read;
use std::path::Path;

/// Hardly a record is shorter, so that room for bytes / this is enough; what is not used is never touched.
const BYTES: u64 = 90;

/// The results in these bytes; `file` is for messages. They name classes by category id, so `classes` must be empty.
///
/// # Errors
/// [`DatasetError`] if this is no list of results, or a record has no picture or category.
pub fn parse(
    mut bytes: &[u8],
    file: &Path,
    dataset: &Dataset,
    classes: &ClassOverrides,
) -> Result<Results, DatasetError> {
    let length = bytes.len() as u64;
    read(&mut bytes, length, file, dataset, classes)
}

/// As [`parse`], from a file of `length` bytes.
pub(super) fn read(
    input: &mut dyn Read,
    length: u64,
    file: &Path,
    dataset: &Dataset,
    classes: &ClassOverrides,
) -> Result<Results, DatasetError> {
    if !classes.is_empty() {
        let reason = "a class map has nothing to say of COCO results, which name classes by category id";
        return Err(DatasetError::malformed(classes.path(), None, reason));
    }
    let mut json = Json::new(input, file)?;
    if json.peek()? == Some(b'{') {
        let reason =
            "this is an object, as COCO data sets are; COCO results are a list of image_id, category_id, bbox, score";
        return Err(json.fault(reason));
    }
    let room = usize::try_from(length / BYTES).unwrap_or_default();
    let mut collector = Collector::new(dataset, room);
    collector.file(file);
    let mut reader = Reader {
        collector,
        numbers: Numbers::new(dataset),
        names: None,
        dataset,
        categories: Categories::new(dataset),
    };
    json.list("the results", |json, index| reader.record(json, index))?;
    json.end()?;
    let mut results = reader.collector.finish();
    results.findings.rename(Fault::UnknownClass, reader.categories.verdict());
    Ok(results)
}

struct Reader<'a> {
    collector: Collector<'a>,
    numbers: Numbers,
    /// Made for the first picture that is named and not numbered.
    names: Option<Names<'a>>,
    dataset: &'a Dataset,
    categories: Categories,
}

impl Reader<'_> {
    #[inline]
    fn record(&mut self, json: &mut Json, index: usize) -> Result<(), DatasetError> {
        let (mut picture, mut category) = (None, None);
        let (mut bbox, mut score) = (Err(Fault::MissingBox), Err(Fault::MissingScore));
        json.object(&["image_id", "category_id", "bbox", "score"], |json, key| {
            match key {
                "image_id" => picture = Some(picture_id(json)?),
                "category_id" => category = Some(category_id(json)?),
                "bbox" => bbox = json_box(json)?,
                _ => score = json_score(json)?,
            }
            Ok(())
        })?;
        let picture = picture.ok_or_else(|| json.fault("a result without `image_id`"))?;
        let category = category.ok_or_else(|| json.fault("a result without `category_id`"))?;
        let image = match &picture {
            Id::Number(number) => self.numbers.find(*number),
            Id::Name(name) => self.names.get_or_insert_with(|| Names::new(self.dataset)).stem(name),
        };
        let record = Record { index, image, class: self.categories.find(category), bbox, score };
        self.collector.add(&record, || picture.clone());
        Ok(())
    }
}

/// COCO's number, or a name, as Ultralytics writes it where names are no numbers.
fn picture_id(json: &mut Json) -> Result<Id, DatasetError> {
    let value = json.scalar()?;
    match (value.whole(), value) {
        (Some(number), _) => Ok(Id::Number(number)),
        (None, Scalar::Text(name)) => Ok(Id::Name(name)),
        (None, value) => Err(json.fault(&format!("`image_id` is {}; it must be a whole number", value.describe()))),
    }
}

fn category_id(json: &mut Json) -> Result<i64, DatasetError> {
    let value = json.scalar()?;
    let refused = || json.fault(&format!("`category_id` is {}; it must be a whole number", value.describe()));
    value.whole().ok_or_else(refused)
}

/// A score, or what is wrong with it.
#[inline]
pub(super) fn json_score(json: &mut Json) -> Result<Result<f64, Fault>, DatasetError> {
    Ok(match json.scalar()? {
        Scalar::Null => Err(Fault::MissingScore),
        value => value.number().ok_or(Fault::BadScore).and_then(|score| finite(score, Fault::BadScore)),
    })
}
