//! Which picture of the data set a result is about.

use crate::dataset::{Dataset, Format, Image, pictures};
use std::collections::HashMap;
use std::path::Path;

/// Pictures by number.
pub(super) struct Numbers {
    /// Sorted.
    known: Vec<(i64, usize)>,
    /// Results of one picture mostly stand together.
    last: Option<(i64, usize)>,
}

impl Numbers {
    /// COCO's ids. Other data sets have none: there, as Darknet and Ultralytics do, it is the number in the file's name
    /// (`COCO_val2014_000000000042.jpg` is 42) if all have one and all differ; else the place in the list, from 0.
    pub fn new(dataset: &Dataset) -> Self {
        let own = || dataset.images.iter().map(|image| image.id).zip(0..).collect();
        let in_names = || dataset.images.iter().zip(0..).map(|(image, index)| Some((digits(image)?, index))).collect();
        let differ =
            |known: &Vec<(i64, usize)>| known.iter().zip(known.iter().skip(1)).all(|(one, other)| one.0 != other.0);
        let named: Option<Vec<_>> = if dataset.format == Format::Coco { None } else { in_names() };
        let named = named.map(sorted).filter(differ);
        Self { known: named.unwrap_or_else(|| sorted(own())), last: None }
    }

    /// Index of the picture of that number.
    #[inline]
    pub fn find(&mut self, number: i64) -> Option<usize> {
        if let Some((known, index)) = self.last
            && known == number
        {
            return Some(index);
        }
        let place = self.known.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        self.last = self.known.get(place).copied();
        self.last.map(|(_, index)| index)
    }
}

fn sorted(mut known: Vec<(i64, usize)>) -> Vec<(i64, usize)> {
    known.sort_unstable();
    known
}

/// The number that a file's name is, or ends with after `_`.
fn digits(image: &Image) -> Option<i64> {
    let stem = stem(&image.name);
    let last = stem.rsplit('_').next()?;
    last.bytes().all(|byte| byte.is_ascii_digit()).then(|| last.parse().ok())?
}

/// Pictures by name.
pub(super) struct Names<'a> {
    /// As the data set has them.
    names: HashMap<&'a str, usize>,
    /// Without folders; `None` where several share one.
    bases: HashMap<&'a str, Option<usize>>,
    /// Without folders and extension; `None` where several share one.
    stems: HashMap<&'a str, Option<usize>>,
}

impl<'a> Names<'a> {
    /// The names of a data set's pictures.
    pub fn new(dataset: &'a Dataset) -> Self {
        let names = || dataset.images.iter().map(|image| image.name.as_str()).zip(0..);
        let mut found = Self { names: names().collect(), bases: HashMap::new(), stems: HashMap::new() };
        for (name, index) in names() {
            found.bases.entry(base(name)).and_modify(|known| *known = None).or_insert(Some(index));
            found.stems.entry(stem(name)).and_modify(|known| *known = None).or_insert(Some(index));
        }
        found
    }

    /// Index of the picture of that name, or of that name in whatever folder.
    pub fn file(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied().or_else(|| self.bases.get(base(name)).copied().flatten())
    }

    /// As [`Names::file`], or of that name with any extension: formats that name pictures without it.
    pub fn stem(&self, name: &str) -> Option<usize> {
        self.file(name).or_else(|| self.stems.get(base(name)).copied().flatten())
    }
}

/// A picture's size: the data set's word, else the header of its file, upright.
pub(super) fn size(image: &Image) -> Option<(u32, u32)> {
    image.size.or_else(|| pictures::size(image.path.as_ref()?))
}

fn base(name: &str) -> &str {
    Path::new(name).file_name().and_then(|base| base.to_str()).unwrap_or(name)
}

fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}
