//! Which class of a model is which class of a data set.

use super::DatasetError;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Names that published data sets give to the same class: Pascal VOC, COCO, Darknet's `.names`, Open Images. Spelled as
/// [`plain`] leaves them.
const SYNONYMS: [&[&str]; 18] = [
    &["airplane", "aeroplane"],
    &["cellphone", "mobilephone"],
    &["couch", "sofa"],
    &["cow", "cattle"],
    &["diningtable", "kitchen&diningroomtable"],
    &["donut", "doughnut"],
    &["frisbee", "flyingdisc"],
    &["hairdrier", "hairdryer"],
    &["keyboard", "computerkeyboard"],
    &["microwave", "microwaveoven"],
    &["motorcycle", "motorbike"],
    &["mouse", "computermouse"],
    &["pottedplant", "houseplant"],
    &["remote", "remotecontrol"],
    &["skis", "ski"],
    &["teddybear", "teddy"],
    &["tv", "tvmonitor", "television"],
    &["knife", "kitchenknife"],
];

/// How a pair was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// The file of [`ClassOverrides`] says so.
    Override,
    /// The names are the same.
    Name,
    /// They differ in case, spaces, hyphens or underscores.
    Spelling,
    /// Published data sets use both for one class.
    Synonym,
    /// They have the same index, neither has a namesake, and there are as many classes on both sides.
    Index,
}

impl fmt::Display for Match {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Override => "class map",
            Self::Name => "name",
            Self::Spelling => "spelling",
            Self::Synonym => "synonym",
            Self::Index => "index",
        })
    }
}

/// A pair of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassPair<'a> {
    /// The model's name.
    pub from: &'a str,
    /// The data set's name.
    pub to: &'a str,
    /// How they were found to be the same.
    pub how: Match,
}

/// For each class of a model the class of a data set that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    from: Vec<String>,
    to: Vec<String>,
    targets: Vec<Option<(usize, Match)>>,
}

impl ClassMap {
    /// Matches the labels of a model, all of them and in its order, with those of a data set: by `overrides`, by name,
    /// by spelling, by published synonyms, and by index where the counts agree. But for overrides, a class of the data
    /// set is given once.
    ///
    /// # Errors
    /// An override that names a class which is not there.
    pub fn new(from: &[String], dataset_labels: &[String], overrides: &ClassOverrides) -> Result<Self, DatasetError> {
        overrides.check(from, "the model", |line| &line.from)?;
        let mut map = Self::by_name(from, dataset_labels, overrides)?;
        if from.len() == dataset_labels.len() {
            map.pair_indices();
        }
        Ok(map)
    }

    /// As [`ClassMap::new`], for names that happen to occur: their order and number mean nothing, and an override may
    /// name a class that does not occur.
    ///
    /// # Errors
    /// An override that names a class which the data set does not have.
    pub fn by_name(
        from: &[String],
        dataset_labels: &[String],
        overrides: &ClassOverrides,
    ) -> Result<Self, DatasetError> {
        overrides.check(dataset_labels, "the data set", |line| &line.to)?;
        let mut map = Self { from: from.to_vec(), to: dataset_labels.to_vec(), targets: vec![None; from.len()] };
        for (label, target) in map.from.iter().zip(&mut map.targets) {
            let line = overrides.lines.iter().find(|line| line.from == *label);
            let index = line.and_then(|line| map.to.iter().position(|to| *to == line.to));
            *target = index.map(|index| (index, Match::Override));
        }
        map.pair(Match::Name, str::to_owned);
        map.pair(Match::Spelling, plain);
        map.pair(Match::Synonym, |name| {
            let name = plain(name);
            let group = SYNONYMS.iter().find(|group| group.contains(&name.as_str()));
            group.and_then(|group| group.first()).map_or(name, |first| (*first).to_owned())
        });
        Ok(map)
    }

    /// Pairs free classes whose names are the same once `form` is applied.
    fn pair(&mut self, how: Match, form: impl Fn(&str) -> String) {
        let mut taken = self.taken();
        let forms: Vec<String> = self.to.iter().map(|label| form(label)).collect();
        for (label, target) in self.from.iter().zip(&mut self.targets).filter(|(_, target)| target.is_none()) {
            let wanted = form(label);
            let found = forms.iter().enumerate().find(|(index, form)| **form == wanted && !taken.contains(index));
            if let Some((index, _)) = found {
                taken.insert(index);
                *target = Some((index, how));
            }
        }
    }

    fn pair_indices(&mut self) {
        let taken = self.taken();
        for (index, target) in self.targets.iter_mut().enumerate() {
            if target.is_none() && !taken.contains(&index) {
                *target = Some((index, Match::Index));
            }
        }
    }

    fn taken(&self) -> HashSet<usize> {
        self.targets.iter().flatten().map(|(index, _)| *index).collect()
    }

    /// The data set's class for a class of the model, if it has one.
    pub fn target(&self, class: usize) -> Option<usize> {
        self.targets.get(class).copied().flatten().map(|(index, _)| index)
    }

    /// Whether there is nothing to tell: every class of the model has a namesake in the data set.
    pub fn is_identity(&self) -> bool {
        self.targets.iter().all(|target| matches!(target, Some((_, Match::Name))))
    }

    /// The pairs, in the model's order.
    pub fn pairs(&self) -> impl Iterator<Item = ClassPair<'_>> {
        self.from.iter().zip(&self.targets).filter_map(|(from, target)| {
            let (index, how) = (*target)?;
            Some(ClassPair { from, to: self.to.get(index)?, how })
        })
    }

    /// Classes of the model that the data set does not have.
    pub fn left_over(&self) -> impl Iterator<Item = &str> {
        self.from.iter().zip(&self.targets).filter(|(_, target)| target.is_none()).map(|(label, _)| label.as_str())
    }

    /// Classes of the data set that the model does not have.
    pub fn unmatched(&self) -> impl Iterator<Item = &str> {
        let taken = self.taken();
        self.to.iter().enumerate().filter(move |(index, _)| !taken.contains(index)).map(|(_, label)| label.as_str())
    }
}

/// A name without case, spaces, hyphens and underscores.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// What the user says of classes: lines `model's label = data set's label`, either in quotation marks or not; `#` starts
/// a comment. That is TOML where the labels are quoted; a TOML library would make its quotes and order a duty, and is no
/// dependency of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassOverrides {
    path: PathBuf,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    number: usize,
    from: String,
    to: String,
}

impl ClassOverrides {
    /// Reads such a file.
    ///
    /// # Errors
    /// [`DatasetError`] if it cannot be read, or a line is no pair.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let text = std::fs::read_to_string(path).map_err(|error| DatasetError::file(path, error))?;
        Self::parse(&text, path)
    }

    /// Reads its text; `path` is for messages.
    ///
    /// # Errors
    /// [`DatasetError`] if a line is no pair, or a label of the model comes twice.
    pub fn parse(text: &str, path: &Path) -> Result<Self, DatasetError> {
        let mut lines: Vec<Line> = Vec::new();
        for (index, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = index + 1;
            let refused = |reason: &str| DatasetError::malformed(path, Some(number), reason);
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (from, to) = pair(text).ok_or_else(|| refused("expected `model's label = data set's label`"))?;
            if lines.iter().any(|line| line.from == from) {
                return Err(refused(&format!("{from:?} is mapped twice")));
            }
            lines.push(Line { number, from, to });
        }
        Ok(Self { path: path.to_owned(), lines })
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses labels that are not in `known`.
    fn check(&self, known: &[String], whose: &str, label: impl Fn(&Line) -> &String) -> Result<(), DatasetError> {
        match self.lines.iter().find(|line| !known.contains(label(line))) {
            None => Ok(()),
            Some(line) => {
                let near = known.iter().find(|known| plain(known) == plain(label(line)));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
                let reason = format!("{whose} has no class {:?}{hint}", label(line));
                Err(DatasetError::malformed(&self.path, Some(line.number), reason))
            }
        }
    }
}

/// `a = b`, where a quoted label may contain `=` and `#`.
fn pair(line: &str) -> Option<(String, String)> {
    let (from, rest) = label(line)?;
    let (to, rest) = label(rest.trim_start().strip_prefix('=')?)?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with('#')).then_some((from, to))
}

/// A label at the start, quoted or up to `=` or `#`, and the rest.
fn label(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let (label, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => text.get(1..)?.split_once(quote)?,
        _ => text.split_at(text.find(['=', '#']).unwrap_or(text.len())),
    };
    let label = label.trim();
    (!label.is_empty()).then(|| (label.to_owned(), rest))
}
