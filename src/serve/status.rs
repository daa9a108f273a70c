//! Models, health and metrics.

use super::error::{Failure, Problem};
use super::models::{ModelInfo, ModelList};
use super::{App, Phase};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lists the models that are served, the default one first.
#[utoipa::path(
    get, path = "/api/v1/models", tag = "Models",
    responses(
        (status = 200, description = "The models", body = ModelList),
        (status = 401, description = "An API key is needed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Models are loading", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []), ("key" = [])),
)]
pub async fn list_models(State(app): State<Arc<App>>) -> Result<Json<ModelList>, Failure> {
    let models = app.models()?.list.iter().map(|model| model.info.clone()).collect();
    Ok(Json(ModelList { models }))
}

/// Tells all of one model: labels, input size, anchors, licence, hash.
#[utoipa::path(
    get, path = "/api/v1/models/{name}", tag = "Models", params(("name" = String, Path, description = "The model's name")),
    responses(
        (status = 200, description = "The model", body = ModelInfo),
        (status = 401, description = "An API key is needed", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such model", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Models are loading", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []), ("key" = [])),
)]
pub async fn show_model(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelInfo>, Failure> {
    let Path(name) = name.map_err(|_| Failure::UnknownModel("(not UTF-8)".into()))?;
    Ok(Json(app.models()?.get(Some(&name))?.info.clone()))
}

/// Whether the process is alive: always, if it answers.
#[utoipa::path(get, path = "/health/live", tag = "Health", responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub async fn live() -> &'static str {
    "alive\n"
}

/// Whether requests are answered: once the models are loaded and warm, until the server is told to stop.
#[utoipa::path(
    get, path = "/health/ready", tag = "Health",
    responses(
        (status = 200, description = "Ready", body = String, content_type = "text/plain"),
        (status = 503, description = "Loading or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Failure> {
    match app.phase() {
        Phase::Loading => Err(Failure::Unavailable("models are loading")),
        Phase::Ready => Ok("ready\n"),
        Phase::Draining => Err(Failure::Unavailable("the server is stopping")),
    }
}

/// Counters, gauges and histograms in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "Health", responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")))]
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let text = app.metrics.encode().map_err(|e| Failure::Internal(e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
