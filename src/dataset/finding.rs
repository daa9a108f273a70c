//! What is wrong with a data set or with results, counted by kind, each with its first places.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Most places that are kept of one kind.
const MOST_PLACES: usize = 5;

/// What becomes of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A score would still mean something.
    Warning,
    /// A score would mean nothing.
    Error,
}

/// A kind of fault. The names are those of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A result names a picture that the data set does not have.
    UnknownImage,
    /// A result without a score, or with `null`.
    MissingScore,
    /// A score that is no finite number.
    BadScore,
    /// A record without a box.
    MissingBox,
    /// A box that is not four finite numbers, or has a negative side.
    BadBox,
    /// An annotation, or a whole file of them, that cannot be read: left out.
    UnreadableAnnotation,
    /// Two pictures of one id or name.
    DuplicateImage,
    /// Class indices stand where COCO's category ids belong (80 classes, ids up to 90), or the reverse.
    IndexAsCategory,
    /// Pixels, or other numbers outside 0..=1, stand where a box relative to the picture's size belongs: left out.
    NotNormalised,
    /// Boxes relative to the picture's size stand where pixels belong.
    NormalisedBox,
    /// A box without area.
    ZeroAreaBox,
    /// An annotation without `area`: width × height was taken.
    MissingArea,
    /// An annotation without `iscrowd`: 0 was taken.
    MissingCrowd,
    /// Two annotations of one id.
    DuplicateId,
    /// Two boxes of one class in the same place of one picture.
    DuplicateBox,
    /// An annotation of a picture that the data set does not list: left out.
    StrayAnnotation,
    /// An annotation of a class that the data set does not list: left out.
    UnknownLabel,
    /// A result of a class that the data set does not list: left out.
    UnknownClass,
    /// A score outside 0..=1.
    ScoreOutOfRange,
    /// A box that reaches out of its picture.
    BoxOutside,
    /// The size in the data set contradicts the picture.
    SizeMismatch,
    /// A picture that the data set lists, and no file.
    MissingPicture,
    /// A file that is no readable picture.
    UnreadablePicture,
    /// A picture without annotations file: taken for one without objects.
    MissingLabels,
}

impl Fault {
    /// What becomes of it.
    pub fn severity(self) -> Severity {
        if self <= Self::NormalisedBox { Severity::Error } else { Severity::Warning }
    }

    /// In words, after a count: "3 × …".
    pub fn describe(self) -> &'static str {
        match self {
            Self::UnknownImage => "a result for a picture that the data set does not have",
            Self::MissingScore => "a result without a score",
            Self::BadScore => "a score that is no finite number, such as NaN, Infinity or 1e999",
            Self::MissingBox => "a record without a box",
            Self::BadBox => {
                "a box that is not four finite numbers (NaN and Infinity are none) with sides of at least 0"
            }
            Self::UnreadableAnnotation => "an annotation that cannot be read; left out",
            Self::DuplicateImage => "a picture listed twice",
            Self::IndexAsCategory => {
                "a category id of another numbering: class indices (0–79 or 1–80) and COCO's ids (1–90) differ"
            }
            Self::NotNormalised => {
                "a box with numbers outside 0..=1 where it is to be relative to the picture; left out"
            }
            Self::NormalisedBox => "a box relative to the picture's size where pixels belong",
            Self::ZeroAreaBox => "a box without area",
            Self::MissingArea => "an annotation without `area`; width × height is taken",
            Self::MissingCrowd => "an annotation without `iscrowd`; 0 is taken",
            Self::DuplicateId => "an annotation id used twice",
            Self::DuplicateBox => "a box of the same class in the same place as another",
            Self::StrayAnnotation => "an annotation of a picture that is not listed; left out",
            Self::UnknownLabel => "an annotation of a class that is not listed; left out",
            Self::UnknownClass => "a result of a class that the data set does not have; left out",
            Self::ScoreOutOfRange => "a score outside 0..=1",
            Self::BoxOutside => "a box that reaches out of its picture",
            Self::SizeMismatch => "a size that contradicts the picture",
            Self::MissingPicture => "a picture without a file",
            Self::UnreadablePicture => "a file that is no readable picture",
            Self::MissingLabels => "a picture without annotations; taken for one without objects",
        }
    }
}

/// A record's own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A number, as COCO has them.
    Number(i64),
    /// A name, such as a picture's.
    Name(String),
}

/// Where a fault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The record's place in it, from 0 (JSON), or the line, from 1 (text).
    pub index: usize,
    /// The record's own name: an annotation's id, a result's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}

/// A place as people say it: editors and terminals know `file:line`. A picture has no lines.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, index, id } = self;
        let extension = Path::new(file).extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "json" => write!(f, "{file}, record {index}")?,
            "txt" | "xml" | "csv" | "jsonl" => write!(f, "{file}:{index}")?,
            _ => f.write_str(file)?,
        }
        match id {
            Some(Id::Number(id)) => write!(f, " (id {id})"),
            Some(Id::Name(name)) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// All faults of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How many.
    pub count: usize,
    /// The first of them, at least one.
    pub places: Vec<Place>,
}

/// Faults by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<Fault, Finding>);

impl Findings {
    /// Counts a fault; `place` is asked only for the first few of a kind.
    pub fn add(&mut self, fault: Fault, place: impl FnOnce() -> Place) {
        let finding = self.0.entry(fault).or_insert(Finding { count: 0, places: Vec::new() });
        finding.count += 1;
        if finding.places.len() < MOST_PLACES {
            finding.places.push(place());
        }
    }

    /// Adds those of another file.
    pub fn extend(&mut self, other: Self) {
        for (fault, found) in other.0 {
            let finding = self.0.entry(fault).or_insert(Finding { count: 0, places: Vec::new() });
            finding.count += found.count;
            let room = MOST_PLACES - finding.places.len();
            finding.places.extend(found.places.into_iter().take(room));
        }
    }

    /// Those of one kind.
    pub(crate) fn only(&self, fault: Fault) -> Self {
        Self(self.0.get_key_value(&fault).map(|(fault, finding)| (*fault, finding.clone())).into_iter().collect())
    }

    /// Forgets those of one kind.
    pub fn remove(&mut self, fault: Fault) {
        self.0.remove(&fault);
    }

    /// Takes all faults of one kind for another one.
    pub(crate) fn rename(&mut self, from: Fault, to: Fault) {
        if let Some(finding) = self.0.remove(&from) {
            self.extend(Self([(to, finding)].into()));
        }
    }

    /// The kinds, errors first.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, &Finding)> {
        self.0.iter().map(|(fault, finding)| (*fault, finding))
    }

    /// How often a fault was found.
    pub fn count(&self, fault: Fault) -> usize {
        self.0.get(&fault).map_or(0, |finding| finding.count)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The gravest severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.0.keys().map(|fault| fault.severity()).max()
    }
}
