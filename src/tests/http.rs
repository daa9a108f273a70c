//! The HTTP server, through its router and through real connections, held to the table of bad inputs and their answers,
//! to its own specification, and to the library.

mod access;
mod answers;
mod bodies;
pub(crate) mod models;
mod pages;
mod parameters;
mod queue;
mod thresholds;
mod wire;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use ocelli::catalog::{Catalog, Entry};
use ocelli::engine::{EngineOptions, Runtime};
use ocelli::picture::Limits;
use ocelli::serve::{ApiKeys, App, ServeOptions, ServedModel, specification};
use serde_json::Value;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tower::ServiceExt;

const DETECT: &str = "/api/v1/detect";

fn options() -> ServeOptions {
    ServeOptions {
        queue: 16,
        workers: 2,
        request_timeout: Duration::from_secs(60),
        max_body: 1 << 20,
        limits: Limits::default(),
        api_keys: ApiKeys::default(),
        cors_origins: Vec::new(),
    }
}

fn runtime() -> Runtime {
    Runtime::new(EngineOptions { threads: NonZeroUsize::MIN, ..EngineOptions::default() })
}

fn load(entry: &Entry) -> ServedModel {
    ServedModel::load(entry, &runtime()).expect("a model that loads")
}

/// An app that serves these models, the first by default.
fn app(options: ServeOptions, models: Vec<ServedModel>) -> Arc<App> {
    let app = Arc::new(App::new(options).expect("an app"));
    app.set_models(models);
    app
}

/// The routes without a network below them.
struct Server(Router);

impl Server {
    fn new(app: Arc<App>) -> Self {
        Self(app.router())
    }

    /// With the tiny model and the usual options.
    fn tiny() -> Self {
        Self::new(app(options(), vec![models::tiny()]))
    }

    /// Sends a request, and holds the answer's status and type to the specification.
    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self.0.clone().oneshot(request).await.expect("no failure below the routes");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        answer.assert_documented(&method, &path);
        answer
    }

    async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).expect("a request")).await
    }

    /// Posts a body to the detection route.
    async fn detect(&self, query: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        let uri = format!("{DETECT}{query}");
        self.send(Request::post(uri).header("content-type", media_type).body(body.into()).expect("a request")).await
    }

    /// The value of a metric, 0 where it has not been counted.
    async fn metric(&self, name_and_labels: &str) -> f64 {
        let text = self.get("/metrics").await.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of letters"))
    }

    fn media_type(&self) -> &str {
        self.header("content-type").split(';').next().unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of a success.
    fn json(&self) -> Value {
        assert_eq!((self.status, self.media_type()), (200, "application/json"), "{}", self.text());
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Checks that this is a problem (RFC 9457) of that status and of that field, and returns its detail.
    #[track_caller]
    fn problem(&self, status: u16, field: Option<&str>) -> String {
        assert_eq!((self.status, self.header("content-type")), (status, "application/problem+json"), "{}", self.text());
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["status"], status);
        assert_eq!(problem.get("field").and_then(Value::as_str), field, "{problem}");
        assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:ocelli:problem:")), "{problem}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        let retry = self.header("retry-after").parse::<u32>().is_ok();
        assert_eq!(retry, matches!(status, 429 | 503), "Retry-After of {status}");
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    fn assert_documented(&self, method: &Method, path: &str) {
        let Some(responses) = documented_responses(method, path) else { return };
        let response = responses.get(self.status.to_string());
        let response = response.unwrap_or_else(|| panic!("{method} {path}: {} is not documented", self.status));
        let known = response["content"].get(self.media_type()).is_some();
        assert!(known, "{method} {path}: {} as {:?} is not documented", self.status, self.media_type());
    }
}

/// The server's own specification.
fn openapi() -> &'static Value {
    static SPECIFICATION: OnceLock<Value> = OnceLock::new();
    SPECIFICATION.get_or_init(|| {
        let text = specification(options()).expect("a specification");
        serde_json::from_str(&text).expect("JSON")
    })
}

/// The documented responses of a route, if it is a documented one.
fn documented_responses(method: &Method, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(a, b)| a == b || a.starts_with('{'))
    };
    let paths = openapi()["paths"].as_object().expect("paths");
    let (_, route) = paths.iter().find(|(template, _)| fits(template))?;
    Some(&route.get(method.as_str().to_ascii_lowercase())?["responses"])
}

/// A part of a form: field, file name, bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

const FORM: &str = "multipart/form-data; boundary=--a-line--";

/// A form's body of type [`FORM`] (RFC 7578).
fn form(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, file, bytes) in parts {
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        body.extend(format!("----a-line--\r\nContent-Disposition: form-data; name=\"{field}\"{file}\r\n\r\n").bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"----a-line----\r\n");
    body
}

/// The models folder's entry of a file.
fn entry(path: &std::path::Path) -> Entry {
    Catalog::default().find(&path.to_string_lossy()).expect("the model")
}
