//! `POST /api/v1/detect` and `GET /api/v1/candidates/{handle}`.

use super::App;
use super::admission::Turn;
use super::candidates::{FLOOR, Kept};
use super::error::{Failure, Problem};
use super::metrics::Tracker;
use super::models::ServedModel;
use super::query::{AnswerQuery, DetectQuery, Format, encoding};
use super::upload::{self, Base64Picture, PictureFile, PictureForm, Received, Upload};
use crate::detection::{DetectionReport, Timings};
use crate::detector::{DetectorError, Sight};
use crate::draw::annotate;
use crate::nms::NmsOptions;
use crate::picture::{self, Encoding};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tokio::time::timeout_at;
use utoipa::ToSchema;
use uuid::Uuid;

/// What comes back of one picture, or of each of several.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Reports {
    /// The only picture's detections.
    One(Box<DetectionReport>),
    /// Each picture's detections, in the order of the form.
    Many(Vec<DetectionReport>),
}

type QueryPairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Finds the objects in a picture, or in each of several pictures.
///
/// The picture is the raw body, a field `image` of a form (repeatable: then a list comes back), or base64 in JSON. The
/// body's type is `Content-Type`'s; a picture's own format is recognised from its bytes.
#[utoipa::path(
    post, path = "/api/v1/detect", tag = "Detection", params(DetectQuery, AnswerQuery),
    request_body(
        content(
            (PictureFile = "image/*"), (PictureFile = "application/octet-stream"),
            (PictureForm = "multipart/form-data"), (Base64Picture = "application/json"),
        ),
        description = "The picture: JPEG, PNG, WebP, GIF, BMP or TIFF",
    ),
    responses(
        (status = 200, description = "The detections, or the annotated picture", content(
            (Reports = "application/json"), (PictureFile = "image/jpeg"), (PictureFile = "image/png"),
        )),
        (status = 400, description = "The body or the picture is empty or malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "An API key is needed", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such model", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body or the picture is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body or the picture is of a type that is not read", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is impossible, or the picture damaged", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The queue is full; try again after Retry-After seconds", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds to wait"))),
        (status = 500, description = "The server failed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Models are loading, or the server is stopping", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The request took too long", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []), ("key" = [])),
)]
pub async fn detect(State(app): State<Arc<App>>, query: QueryPairs, request: Request) -> Result<Response, Failure> {
    let deadline = tokio::time::Instant::now() + app.options.request_timeout;
    let (query, answer) = DetectQuery::with_answer(&pairs(query)?)?;
    let models = app.models()?;
    let index = models.position(query.model.as_deref())?;
    let model = &models.list[index];
    model.detector()?;
    let options = query.options(model)?;
    let encoding = encoding(request.headers());
    let received = upload::receive(request, app.options.max_body, deadline).await?;
    let job = Job {
        app: Arc::clone(&app),
        index,
        options,
        keep: answer.keep.unwrap_or(false),
        draw: (answer.format == Some(Format::Image)).then_some(encoding),
    };
    let tracker = app.metrics.track(&model.info.name);
    let late = || Failure::Deadline(app.options.request_timeout.as_secs());
    match timeout_at(deadline, job.run(received)).await.unwrap_or_else(|_| Err(late())) {
        Ok(answer) => Ok(answer.respond(tracker)),
        Err(failure) => {
            tracker.fail(&failure);
            Err(failure)
        }
    }
}

/// Applies other thresholds to the candidates that `keep=true` kept.
///
/// They are kept for a minute after they were last asked for, and only those of a confidence above 0.01.
#[utoipa::path(
    get, path = "/api/v1/candidates/{handle}", tag = "Detection",
    params(("handle" = Uuid, Path, description = "The `handle` of an earlier answer"), DetectQuery),
    responses(
        (status = 200, description = "The detections; the timings are those of the first answer", body = DetectionReport),
        (status = 400, description = "The handle is none", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "An API key is needed", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is kept under this handle (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is impossible", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Models are loading", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []), ("key" = [])),
)]
pub async fn candidates(
    State(app): State<Arc<App>>,
    handle: Result<Path<Uuid>, PathRejection>,
    query: QueryPairs,
) -> Result<Json<DetectionReport>, Failure> {
    let query = DetectQuery::alone(&pairs(query)?)?;
    let Path(handle) =
        handle.map_err(|_| Failure::MalformedField { field: "handle".into(), detail: "this is no handle".into() })?;
    let report = tokio::task::spawn_blocking(move || select(&app, handle, &query));
    report.await.unwrap_or_else(|panic| Err(Failure::Internal(panic.to_string()))).map(Json)
}

/// At most as many candidates are kept as take some milliseconds: this waits for no place in the queue.
fn select(app: &App, handle: Uuid, query: &DetectQuery) -> Result<DetectionReport, Failure> {
    let models = app.models()?;
    let kept = app.candidates.get(handle).ok_or(Failure::UnknownHandle)?;
    let model = models.get(Some(query.model.as_deref().unwrap_or(&kept.report.model)))?;
    if model.info.name != kept.report.model {
        let detail = format!("these candidates are of `{}`", kept.report.model);
        return Err(Failure::Parameter { field: "model".into(), detail });
    }
    let detections = model.detector()?.select(&kept.candidates, &query.options(model)?);
    Ok(DetectionReport { detections, handle: Some(handle.to_string()), ..kept.report.clone() })
}

fn pairs(query: QueryPairs) -> Result<Vec<(String, String)>, Failure> {
    let malformed =
        |_| Failure::MalformedField { field: "query".into(), detail: "the query string is malformed".into() };
    query.map(|Query(pairs)| pairs).map_err(malformed)
}

/// The work of one request.
struct Job {
    app: Arc<App>,
    /// The model, by its place in the list.
    index: usize,
    options: NmsOptions,
    keep: bool,
    /// The annotated picture is asked for, in this format.
    draw: Option<Encoding>,
}

impl Job {
    async fn run(self, received: Received) -> Result<Answer, Failure> {
        let turn = self.app.admission.enter().await?;
        // The turn goes along, so that the place is taken until the work is done, whether or not anybody still waits.
        let work = tokio::task::spawn_blocking(move || self.work(received, &turn));
        work.await.unwrap_or_else(|panic| Err(Failure::Internal(panic.to_string())))
    }

    fn work(self, received: Received, turn: &Turn) -> Result<Answer, Failure> {
        let model = self.app.models()?.list.get(self.index).ok_or(Failure::Unavailable("the model is gone"))?;
        let uploads = received.pictures()?;
        let queue = (turn.waited.as_secs_f64() * 1e6).round() / 1000.0;
        let several = uploads.len() > 1;
        if several && self.draw.is_some() {
            let detail = "`image` answers a single picture".into();
            return Err(Failure::Parameter { field: "format".into(), detail });
        }
        let mut reports = Vec::with_capacity(uploads.len());
        for (index, upload) in uploads.into_iter().enumerate() {
            let mut sight = self.look(model, upload).map_err(|e| if several { e.of_picture(index) } else { e })?;
            sight.report.timings_ms = Timings { queue, ..sight.report.timings_ms }.summed();
            if let Some(encoding) = self.draw {
                annotate(&mut sight.image, &sight.report.detections);
                let encoded = picture::encode(&sight.image, encoding);
                let bytes = encoded.map_err(|error| Failure::Picture { which: None, error })?;
                return Ok(Answer::Picture { bytes, encoding, timings: sight.report.timings_ms });
            }
            if self.keep {
                let kept = Kept { candidates: sight.candidates, report: sight.report.clone() };
                sight.report.handle = Some(self.app.candidates.keep(kept).to_string());
            }
            reports.push(sight.report);
        }
        Ok(Answer::Reports(reports))
    }

    fn look(&self, model: &ServedModel, upload: Upload) -> Result<Sight, Failure> {
        let floor = if self.keep { FLOOR } else { self.options.lowest_confidence() };
        let limits = &self.app.options.limits;
        let sight = model.detector()?.detect_keeping(&upload.bytes, upload.name, limits, &self.options, floor);
        sight.map_err(|error: DetectorError| error.into())
    }
}

enum Answer {
    Reports(Vec<DetectionReport>),
    Picture { bytes: Vec<u8>, encoding: Encoding, timings: Timings },
}

impl Answer {
    fn respond(self, tracker: Tracker) -> Response {
        match self {
            Self::Picture { bytes, encoding, timings } => {
                tracker.succeed(std::iter::once(&timings));
                let media_type = match encoding {
                    Encoding::Jpeg => "image/jpeg",
                    Encoding::Png => "image/png",
                };
                ([(header::CONTENT_TYPE, media_type)], bytes).into_response()
            }
            Self::Reports(mut reports) => {
                tracker.succeed(reports.iter().map(|report| &report.timings_ms));
                match (reports.pop(), reports.is_empty()) {
                    (Some(only), true) => Json(Reports::One(Box::new(only))).into_response(),
                    (last, _) => {
                        reports.extend(last);
                        Json(Reports::Many(reports)).into_response()
                    }
                }
            }
        }
    }
}
