//! Every picture of a data set goes through a detector, and what it says is written down line by line, so that a run that
//! was cut short can go on.

use super::RunSettings;
use crate::dataset::{Dataset, Fault, Findings, Id, Image, Place};
use crate::detection::DetectionReport;
use crate::ordered::in_order;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file of detections cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of detections is of another run.
    #[error("{path} holds detections of another run: {difference}\nname another file, or remove this one")]
    OtherRun {
        /// Which.
        path: PathBuf,
        /// In what they differ.
        difference: String,
    },
    /// The detector failed, and would fail again.
    #[error("{image}: {reason}")]
    Detector {
        /// The picture that it looked at.
        image: String,
        /// What it said.
        reason: String,
    },
}

/// What a run is a run of: the first line of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// Name of the model.
    pub model: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// Its classes, in its order.
    pub labels: Vec<String>,
    /// How it is run.
    #[serde(flatten)]
    pub settings: RunSettings,
}

/// The first line of the file.
#[derive(Serialize, Deserialize)]
struct HeaderLine {
    ocelli_run: RunHeader,
}

/// What came of one picture.
pub enum Look {
    /// The detector's answer.
    Seen(Box<DetectionReport>),
    /// The picture's own fault: it counts as one without detections.
    Unreadable,
}

/// The lines of a run: JSON, one picture each, in the form of `ocelli detect --json`; in a file or in memory.
pub struct RunLog {
    path: PathBuf,
    file: Option<File>,
    lines: Vec<u8>,
    done: HashSet<String>,
}

impl RunLog {
    /// Begins a run in memory, or begins or continues it in a file.
    ///
    /// A last line that was cut off is dropped. A file of anything else is left as it is.
    ///
    /// # Errors
    /// [`RunError::File`], or [`RunError::OtherRun`] if the file was begun with another model or other settings.
    pub fn open(path: Option<&Path>, header: &RunHeader) -> Result<Self, RunError> {
        let mut log = Self {
            path: path.map_or_else(PathBuf::new, Path::to_owned),
            file: None,
            lines: Vec::new(),
            done: HashSet::new(),
        };
        if let Some(path) = path {
            log.file = Some(log.continue_file(path, header)?);
        }
        if log.lines.is_empty() {
            log.append(&HeaderLine { ocelli_run: header.clone() })?;
        }
        Ok(log)
    }

    fn continue_file(&mut self, path: &Path, header: &RunHeader) -> Result<File, RunError> {
        let failed = |source| RunError::File { path: path.to_owned(), source };
        let options = OpenOptions::new().read(true).append(true).create(true).clone();
        let mut file = options.open(path).map_err(failed)?;
        file.read_to_end(&mut self.lines).map_err(failed)?;
        let other = |difference| RunError::OtherRun { path: path.to_owned(), difference };
        check_header(&self.lines, header).map_err(other)?;
        let whole = self.lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.lines.truncate(whole);
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        let lines = self.lines.split(|byte| *byte == b'\n').skip(1);
        let names = lines.filter_map(|line| serde_json::from_slice::<DetectionReport>(line).ok()?.image.name);
        self.done = names.collect();
        Ok(file)
    }

    /// How many pictures are done.
    pub fn done(&self) -> usize {
        self.done.len()
    }

    /// All lines.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        let failed = |source| RunError::File { path: self.path.clone(), source };
        let start = self.lines.len();
        serde_json::to_writer(&mut self.lines, line).map_err(|error| failed(error.into()))?;
        self.lines.push(b'\n');
        match &mut self.file {
            Some(file) => file.write_all(&self.lines[start..]).map_err(failed),
            None => Ok(()),
        }
    }
}

/// Checks that a file is of this run, which it also is if its first line was cut off; else says what it is of.
fn check_header(file: &[u8], wanted: &RunHeader) -> Result<(), String> {
    let strange = || "its first line does not say which".to_owned();
    let Some(end) = file.iter().position(|byte| *byte == b'\n') else {
        let line = serde_json::to_vec(&HeaderLine { ocelli_run: wanted.clone() }).unwrap_or_default();
        return if line.starts_with(file) { Ok(()) } else { Err(strange()) };
    };
    let first: HeaderLine = serde_json::from_slice(&file[..end]).map_err(|_| strange())?;
    difference(&first.ocelli_run, wanted).map_or(Ok(()), Err)
}

fn difference(found: &RunHeader, wanted: &RunHeader) -> Option<String> {
    let RunSettings { confidence, nms_iou, max_detections } = &found.settings;
    if found.model != wanted.model {
        Some(format!("its model is {}", found.model))
    } else if found.sha256 != wanted.sha256 {
        Some(format!("its {} is another file of that name", found.model))
    } else if found.settings != wanted.settings {
        Some(format!("it was run at confidence {confidence}, NMS {nms_iou} and {max_detections} detections a picture"))
    } else {
        None
    }
}

/// Looks at every picture of the data set that is not done yet, with `workers` threads, and appends each answer to the log.
///
/// `progress` is told after each picture. Returns the pictures that cannot be read, but for those
/// that the data set itself lists without a file.
///
/// # Errors
/// [`RunError::File`], or [`RunError::Detector`] with the first failure that is not the picture's own; what was done before
/// is in the log.
pub fn run(
    dataset: &Dataset,
    log: &mut RunLog,
    workers: usize,
    look: impl Fn(&Image, &[u8]) -> Result<Look, RunError> + Sync,
    mut progress: impl FnMut(),
) -> Result<Findings, RunError> {
    let mut findings = Findings::default();
    let todo: Vec<(usize, &Image)> =
        dataset.images.iter().enumerate().filter(|(_, image)| !log.done.contains(&image.name)).collect();
    let work = |(_, image): &(usize, &Image)| {
        // Who opened the data set was told of pictures without a file.
        let Some(path) = &image.path else { return Ok(None) };
        let Ok(bytes) = std::fs::read(path) else { return Ok(Some(Err(Fault::MissingPicture))) };
        Ok(Some(match look(image, &bytes)? {
            Look::Seen(report) => Ok(report),
            Look::Unreadable => Err(Fault::UnreadablePicture),
        }))
    };
    in_order(&todo, workers, work, |at, seen: Result<Option<Result<Box<DetectionReport>, Fault>>, RunError>| {
        let (index, image) = todo[at];
        match seen? {
            None => {}
            Some(Ok(mut report)) => {
                report.image.name = Some(image.name.clone());
                log.append(&report)?;
                log.done.insert(image.name.clone());
            }
            Some(Err(fault)) => findings.add(fault, || {
                let file = image.path.as_deref().unwrap_or(&dataset.path).display().to_string();
                Place { file, index, id: Some(Id::Name(image.name.clone())) }
            }),
        }
        progress();
        Ok(())
    })?;
    Ok(findings)
}
