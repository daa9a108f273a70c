//! Which part of a data set is taken.

use super::DatasetError;
use std::path::Path;

/// What a part is for, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `train`, `train2017`, `training_set` …
    Train,
    /// `val`, `valid`, `val2017`, `validation`, `dev` …
    Validation,
    /// `test`, `test_labels` …
    Test,
}

/// The family that a name tells by one of its words; `trainval` and `raccoon` tell none.
pub(super) fn family(name: &str) -> Option<Family> {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphabetic()).find_map(|word| match word {
        "train" | "training" => Some(Family::Train),
        "val" | "valid" | "validation" | "dev" => Some(Family::Validation),
        "test" | "testing" => Some(Family::Test),
        _ => None,
    })
}

/// The index of the split to take: the wanted one, by its name or else by its family (`val` is `val2017`, if that is the
/// only one); without a wish the validation split, or the only one there is.
pub(super) fn choose(path: &Path, names: &[String], wanted: Option<&str>) -> Result<usize, DatasetError> {
    let refused =
        |reason: String| DatasetError::Unrecognised { path: path.to_owned(), reason: reason + &names.join(", ") };
    let named = |name: &str| names.iter().position(|known| known.eq_ignore_ascii_case(name));
    let of = |kind: Family| {
        let mut indices =
            names.iter().enumerate().filter(|(_, name)| family(name) == Some(kind)).map(|(index, _)| index);
        (indices.next(), indices.next().is_some())
    };
    if let Some(wanted) = wanted {
        if let Some(index) = named(wanted) {
            return Ok(index);
        }
        // `val` may stand for `val2017`, but neither `val2014` nor `cat_val` does.
        let bare = wanted.chars().all(char::is_alphabetic);
        return match family(wanted).filter(|_| bare).map(of) {
            Some((Some(index), false)) => Ok(index),
            Some((Some(_), true)) => Err(refused(format!("several splits are called like `{wanted}`; choose one of "))),
            _ => Err(refused(format!("no split `{wanted}`; there are "))),
        };
    }
    match (of(Family::Validation), names.len()) {
        (_, 1) => Ok(0),
        ((Some(index), false), _) => Ok(index),
        ((Some(_), true), _) => {
            named("val").ok_or_else(|| refused("several validation splits; choose one (--split): ".into()))
        }
        _ => Err(refused("several splits and none for validation; choose one (--split): ".into())),
    }
}

/// A format without splits was asked for one.
pub(super) fn refuse(path: &Path, wanted: Option<&str>) -> Result<(), DatasetError> {
    let reason = |wanted| format!("no split `{wanted}`: this data set is not split");
    let refused = |wanted| DatasetError::Unrecognised { path: path.to_owned(), reason: reason(wanted) };
    wanted.map_or(Ok(()), |wanted| Err(refused(wanted)))
}
