//! The playground at `/` with its sample pictures, the specification, and Swagger UI at `/docs`: all of it in the binary.

use super::App;
use super::error::Failure;
use crate::catalog::Entry;
use crate::catalog::shipped::{self, SAMPLES, Sample};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page may load nothing from elsewhere, and no other page may frame it.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; \
     script-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

pub fn routes(specification: OpenApi) -> Router<Arc<App>> {
    // Swagger UI would ask swagger.io to validate the specification otherwise.
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    let docs = SwaggerUi::new("/docs").url("/openapi.json", specification).config(config);
    let pages = Router::new().route("/", get(playground)).merge(Router::from(docs).layer(map_response(explain)));
    SAMPLES.iter().fold(pages, |pages, sample| pages.route(&address(sample), get(async || picture(sample))))
}

/// Addresses of the pictures of what a model finds: those of the shipped one, and of a file in its place.
pub fn samples(entry: &Entry) -> Vec<String> {
    if entry.name == shipped::NAME { SAMPLES.iter().map(address).collect() } else { Vec::new() }
}

fn address(sample: &Sample) -> String {
    format!("/samples/{}", sample.name)
}

fn picture(sample: &'static Sample) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, sample.jpeg)
}

/// Swagger UI answers a file that it does not have with nothing but a status.
async fn explain(response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND { Failure::UnknownRoute.into_response() } else { response }
}

async fn playground() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(include_str!("playground.html")))
}
