//! The HTTP server: an [`App`] and its routes; [`connection`] listens and stops.
//!
//! Handler → detector → engine: a handler takes its place in the queue, the detector does the rest on a blocking thread.

mod admission;
mod auth;
mod candidates;
pub mod connection;
mod detect;
mod error;
mod metrics;
mod models;
mod pages;
mod query;
mod status;
mod upload;

pub use auth::ApiKeys;
pub use error::Problem;
pub use models::{ServedModel, UnknownClass};

use crate::picture::Limits;
use admission::Admission;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::middleware::{self, Next};
use candidates::KeptCandidates;
use error::Failure;
use metrics::Metrics;
use models::Task;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How requests are served.
pub struct ServeOptions {
    /// Requests that may wait for a worker; more get 429.
    pub queue: usize,
    /// Requests worked on at once.
    pub workers: usize,
    /// Longest time from a request's head to its answer.
    pub request_timeout: Duration,
    /// Most bytes of a body.
    pub max_body: usize,
    /// How large a picture may be.
    pub limits: Limits,
    /// Keys that open the API; open to all without any.
    pub api_keys: ApiKeys,
    /// Origins whose pages may use the API; `*` for all.
    pub cors_origins: Vec<HeaderValue>,
}

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Models are being loaded.
    Loading,
    /// Requests are answered.
    Ready,
    /// Requests are still answered, but load balancers are told to send no more.
    Draining,
}

/// What the handlers share.
pub struct App {
    options: ServeOptions,
    admission: Admission,
    models: OnceLock<Models>,
    candidates: KeptCandidates,
    metrics: Arc<Metrics>,
    phase: AtomicU8,
}

/// The loaded models, the default one first.
struct Models {
    list: Vec<ServedModel>,
}

impl Models {
    fn position(&self, name: Option<&str>) -> Result<usize, Failure> {
        let found = |name| self.list.iter().position(|model| model.info.name == name);
        name.map_or((!self.list.is_empty()).then_some(0), found)
            .ok_or_else(|| Failure::UnknownModel(name.unwrap_or("(default)").into()))
    }

    fn get(&self, name: Option<&str>) -> Result<&ServedModel, Failure> {
        self.position(name).map(|index| &self.list[index])
    }
}

impl App {
    /// A server without models: alive, not ready.
    ///
    /// # Errors
    /// If the metrics contradict one another.
    pub fn new(options: ServeOptions) -> Result<Self, prometheus::Error> {
        Ok(Self {
            admission: Admission::new(options.queue, options.workers),
            models: OnceLock::new(),
            candidates: KeptCandidates::default(),
            metrics: Arc::new(Metrics::new()?),
            phase: AtomicU8::new(Phase::Loading as u8),
            options,
        })
    }

    /// Hands over the models: the server is ready. The first detector is the default.
    pub fn set_models(&self, mut list: Vec<ServedModel>) {
        list.sort_by_key(|model| model.info.task == Task::Raw);
        for (index, model) in list.iter_mut().enumerate() {
            model.info.default = index == 0;
            if model.info.task == Task::Detection {
                self.metrics.announce(&model.info.name);
            }
        }
        if self.models.set(Models { list }).is_ok() {
            // A server that was told to stop while it loaded does not become ready.
            let _ = self.phase.compare_exchange(
                Phase::Loading as u8,
                Phase::Ready as u8,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
        }
    }

    /// Tells load balancers to send no more requests.
    pub fn drain(&self) {
        self.phase.store(Phase::Draining as u8, Ordering::Release);
    }

    /// Where the server is in its life.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Ready as u8 => Phase::Ready,
            phase if phase == Phase::Draining as u8 => Phase::Draining,
            _ => Phase::Loading,
        }
    }

    fn models(&self) -> Result<&Models, Failure> {
        self.models.get().ok_or(Failure::Unavailable("models are loading"))
    }

    /// All routes with what surrounds them.
    pub fn router(self: Arc<Self>) -> Router {
        let request_id = HeaderName::from_static("x-request-id");
        let around = ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
            .layer(
                TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log_response).on_failure(()),
            )
            .layer(PropagateRequestIdLayer::new(request_id.clone()))
            .layer(middleware::from_fn_with_state(Arc::clone(&self), observe))
            .layer(cors(&self.options.cors_origins, request_id))
            .layer(CatchPanicLayer::custom(|_| {
                axum::response::IntoResponse::into_response(Failure::Internal("a handler panicked".into()))
            }));
        let (router, specification) = api(&self).split_for_parts();
        router
            .merge(pages::routes(specification))
            .fallback(|| async { Failure::UnknownRoute })
            .method_not_allowed_fallback(|| async { Failure::Method })
            .layer(around)
            .layer(DefaultBodyLimit::disable())
            .with_state(self)
    }
}

/// The routes of the specification: one list for both.
fn api(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    let guarded = OpenApiRouter::new()
        .routes(routes!(detect::detect))
        .routes(routes!(detect::candidates))
        .routes(routes!(status::list_models))
        .routes(routes!(status::show_model))
        .route_layer(middleware::from_fn_with_state(Arc::clone(app), auth::require_key));
    OpenApiRouter::with_openapi(description())
        .merge(guarded)
        .routes(routes!(status::live))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ocelli",
        description = "Real-time object detection: send a picture, get boxes.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Detection", description = "Pictures in, boxes out"),
        (name = "Models", description = "What is served"),
        (name = "Health", description = "For load balancers and monitoring"),
    ),
)]
struct Description;

fn description() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))));
    description
}

/// The OpenAPI specification, as pretty JSON with a line end.
///
/// # Errors
/// If it cannot be serialised.
pub fn specification(options: ServeOptions) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let app = Arc::new(App::new(options)?);
    Ok(api(&app).into_openapi().to_pretty_json()? + "\n")
}

fn cors(origins: &[HeaderValue], request_id: HeaderName) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods(Any)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([request_id, header::RETRY_AFTER]);
    match origins {
        [] => CorsLayer::new(),
        origins if origins.iter().any(|origin| origin == "*") => layer.allow_origin(Any),
        origins => layer.allow_origin(AllowOrigin::list(origins.iter().cloned())),
    }
}

/// One span a request. The query is left out of it, and headers and bodies are never logged.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

#[expect(clippy::cast_possible_truncation, reason = "no request lasts 2^64 milliseconds")]
fn log_response<B>(response: &Response<B>, latency: Duration, _: &tracing::Span) {
    tracing::info!(status = response.status().as_u16(), ms = latency.as_millis() as u64, "answered");
}

/// Counts responses, and lets clients go while the server drains.
async fn observe(
    axum::extract::State(app): axum::extract::State<Arc<App>>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    let mut response = next.run(request).await;
    app.metrics.count_response(response.status().as_u16());
    if app.phase() == Phase::Draining {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
