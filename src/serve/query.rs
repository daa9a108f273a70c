//! The query parameters of a detection request.

use super::error::Failure;
use super::models::ServedModel;
use crate::nms::{NmsOptions, Suppression};
use crate::picture::Encoding;
use axum::http::{HeaderMap, header};
use std::collections::BTreeMap;
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};

/// What is looked for, and what comes back.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DetectQuery {
    /// Name of the model; the server's default without it.
    pub model: Option<String>,
    /// Detections of at most this confidence are left out, whatever their class. Without it, the model's `thresholds`
    /// count, as `GET /api/v1/models/{name}` tells them, and 0.25 for the classes that have none.
    #[param(minimum = 0, maximum = 1)]
    pub confidence: Option<f32>,
    /// Overlap (intersection over union) from which two boxes are the same object.
    #[param(minimum = 0, maximum = 1, default = 0.45)]
    pub iou: Option<f32>,
    /// Most detections a picture, the surest ones.
    #[param(minimum = 1, maximum = 10000, default = 300)]
    pub max_detections: Option<usize>,
    /// Labels looked for, separated by commas; all of them without it.
    #[param(example = "dog,person")]
    pub classes: Option<String>,
    /// Compare boxes of different classes too.
    #[param(default = false)]
    pub class_agnostic: Option<bool>,
    /// What happens to a box that overlaps a surer one; `hard` without it.
    #[param(inline)]
    pub nms: Option<Suppression>,
}

/// How detections come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Format {
    /// As JSON.
    #[default]
    Json,
    /// As the annotated picture: JPEG, or PNG if `Accept` names it.
    Image,
}

/// The parameters of `POST /api/v1/detect` beside those of [`DetectQuery`].
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AnswerQuery {
    /// What comes back; `json` without it, and `image` for a single picture alone.
    #[param(inline)]
    pub format: Option<Format>,
    /// Keep the candidates for a minute and name them in `handle`, for `GET /api/v1/candidates/{handle}`.
    #[param(default = false)]
    pub keep: Option<bool>,
}

/// Most detections that can be asked for.
const MOST_DETECTIONS: usize = 10_000;

impl DetectQuery {
    /// Reads the parameters of a detection, and hands those that are none to `other`, which says whether it knows them.
    fn parse(
        pairs: &[(String, String)],
        mut other: impl FnMut(&str, &str) -> Result<bool, Failure>,
    ) -> Result<Self, Failure> {
        let mut query = Self::default();
        for (index, (key, value)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(fault(key, "given twice".into()));
            }
            match key.as_str() {
                "model" => query.model = Some(value.clone()),
                "confidence" => query.confidence = Some(fraction(key, value)?),
                "iou" => query.iou = Some(fraction(key, value)?),
                "max_detections" => query.max_detections = Some(count(key, value)?),
                "classes" => query.classes = Some(value.clone()),
                "class_agnostic" => query.class_agnostic = Some(flag(key, value)?),
                "nms" => query.nms = Some(suppression(key, value)?),
                unknown => {
                    if !other(unknown, value)? {
                        return Err(fault(unknown, "no such parameter".into()));
                    }
                }
            }
        }
        Ok(query)
    }

    /// The parameters of `POST /api/v1/detect`.
    pub fn with_answer(pairs: &[(String, String)]) -> Result<(Self, AnswerQuery), Failure> {
        let mut answer = AnswerQuery::default();
        let query = Self::parse(pairs, |key, value| {
            match key {
                "format" => answer.format = Some(format(key, value)?),
                "keep" => answer.keep = Some(flag(key, value)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((query, answer))
    }

    /// The parameters of `GET /api/v1/candidates/{handle}`.
    pub fn alone(pairs: &[(String, String)]) -> Result<Self, Failure> {
        Self::parse(pairs, |_, _| Ok(false))
    }

    /// The options of the suppression, with the model's labels as class indices.
    pub fn options(&self, model: &ServedModel) -> Result<NmsOptions, Failure> {
        let default = NmsOptions::default();
        let classes = self.classes.as_ref().map(|names| model.class_ids(names)).transpose()?;
        Ok(NmsOptions {
            confidence: self.confidence.unwrap_or(default.confidence),
            class_confidences: match self.confidence {
                Some(_) => BTreeMap::new(),
                None => model.class_confidences().clone(),
            },
            iou: self.iou.unwrap_or(default.iou),
            max_detections: self.max_detections.unwrap_or(default.max_detections),
            class_agnostic: self.class_agnostic.unwrap_or(default.class_agnostic),
            suppression: self.nms.unwrap_or(default.suppression),
            classes,
        })
    }
}

/// The picture format that the client would rather have: JPEG unless PNG alone, or first, is named.
pub fn encoding(headers: &HeaderMap) -> Encoding {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (accept.find("image/png"), accept.find("image/jpeg")) {
        (Some(png), Some(jpeg)) if png < jpeg => Encoding::Png,
        (Some(_), None) => Encoding::Png,
        _ => Encoding::Jpeg,
    }
}

fn fault(field: &str, detail: String) -> Failure {
    Failure::Parameter { field: field.into(), detail }
}

fn number<T: FromStr>(field: &str, value: &str, wanted: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| fault(field, format!("`{value}` is not {wanted}")))
}

fn fraction(field: &str, value: &str) -> Result<f32, Failure> {
    let wanted = "a number in 0..=1";
    // As an f32, a number just outside would be rounded into the range.
    let fraction: f64 = number(field, value, wanted)?;
    if !(0.0..=1.0).contains(&fraction) {
        return Err(fault(field, format!("`{value}` is not {wanted}")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "scores are no finer than this")]
    Ok(fraction as f32)
}

fn count(field: &str, value: &str) -> Result<usize, Failure> {
    let wanted = format!("a whole number in 1..={MOST_DETECTIONS}");
    let count = number(field, value, &wanted)?;
    if (1..=MOST_DETECTIONS).contains(&count) {
        Ok(count)
    } else {
        Err(fault(field, format!("`{value}` is not {wanted}")))
    }
}

fn flag(field: &str, value: &str) -> Result<bool, Failure> {
    number(field, value, "`true` or `false`")
}

fn suppression(field: &str, value: &str) -> Result<Suppression, Failure> {
    let quoted = serde_json::Value::from(value);
    serde_json::from_value(quoted)
        .map_err(|_| fault(field, format!("`{value}` is not `hard`, `soft-linear` or `soft-gaussian`")))
}

fn format(field: &str, value: &str) -> Result<Format, Failure> {
    match value {
        "json" => Ok(Format::Json),
        "image" => Ok(Format::Image),
        _ => Err(fault(field, format!("`{value}` is not `json` or `image`"))),
    }
}
