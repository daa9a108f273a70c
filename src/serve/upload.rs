//! The pictures in a request's body: raw, multipart or base64 in JSON.

use super::error::Failure;
use axum::body::{Body, Bytes};
use axum::extract::multipart::Multipart;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

/// Most pictures in one multipart body.
const MOST_PICTURES: usize = 16;

/// One picture's bytes.
pub struct Upload {
    /// The file name that the client gave.
    pub name: Option<String>,
    /// The file's bytes.
    pub bytes: Bytes,
}

/// A picture in JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Base64Picture {
    /// The picture file in base64 (RFC 4648), with or without a `data:` prefix.
    #[schema(content_encoding = "base64", min_length = 1)]
    pub image: String,
}

/// The bytes of a picture file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct PictureFile(#[expect(dead_code, reason = "it stands for the body in the specification")] Vec<u8>);

/// Pictures in a form.
#[derive(ToSchema)]
pub struct PictureForm {
    /// The picture file; repeatable, and then a list comes back.
    #[schema(min_items = 1, max_items = 16)]
    #[expect(dead_code, reason = "it stands for the body in the specification")]
    image: Vec<PictureFile>,
}

/// A body that has arrived whole, not looked into yet.
pub struct Received {
    parts: Parts,
    media_type: String,
    bytes: Bytes,
}

/// Receives a body of at most `limit` bytes that must have arrived by `deadline`.
///
/// # Errors
/// 400 for a body that breaks off, 408 for a slow one, 413 for a large one, 415 for one of another type.
pub async fn receive(request: Request, limit: usize, deadline: Instant) -> Result<Received, Failure> {
    let (parts, body) = request.into_parts();
    if let Some(encoding) = parts.headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return Err(Failure::MediaType(format!("bodies encoded as {encoding:?} are not read; send it as it is")));
    }
    let media_type = media_type(&parts.headers);
    let is_read = media_type.starts_with("image/")
        || ["", "application/octet-stream", "multipart/form-data", "application/json"].contains(&media_type.as_str());
    if !is_read {
        return Err(Failure::media_type(&media_type));
    }
    let bytes = timeout_at(deadline, collect(body, &parts.headers, limit)).await.map_err(|_| Failure::SlowBody)??;
    Ok(Received { parts, media_type, bytes })
}

impl Received {
    /// The pictures in the body; for a worker, since base64 and forms take a while.
    ///
    /// # Errors
    /// 400 for a malformed body, 413 for too many pictures.
    pub fn pictures(self) -> Result<Vec<Upload>, Failure> {
        match self.media_type.as_str() {
            "multipart/form-data" => {
                let request = Request::from_parts(self.parts, Body::from(self.bytes));
                Handle::current().block_on(multipart(request))
            }
            "application/json" => json(&self.bytes).map(|upload| vec![upload]),
            _ => Ok(vec![Upload { name: None, bytes: self.bytes }]),
        }
    }
}

/// The content type without its parameters, in lower case; empty where there is none.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn collect(mut body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Failure> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Failure::LargeBody(limit));
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::MalformedBody("the body ended before it was whole".into()))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if bytes.len() + chunk.len() > limit {
            return Err(Failure::LargeBody(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

async fn multipart(request: Request) -> Result<Vec<Upload>, Failure> {
    let malformed = |_| Failure::MalformedBody("the multipart body is malformed".into());
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| Failure::MalformedBody("the multipart body has no boundary".into()))?;
    let mut uploads = Vec::new();
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        match field.name() {
            Some("image") => {}
            other => {
                let field = other.unwrap_or_default().to_owned();
                return Err(Failure::MalformedField {
                    field,
                    detail: "no such field; pictures go into `image`".into(),
                });
            }
        }
        if uploads.len() == MOST_PICTURES {
            return Err(Failure::ManyPictures(MOST_PICTURES));
        }
        let name = field.file_name().map(str::to_owned);
        uploads.push(Upload { name, bytes: field.bytes().await.map_err(malformed)? });
    }
    if uploads.is_empty() {
        return Err(Failure::MalformedField {
            field: "image".into(),
            detail: "the form holds no field `image`".into(),
        });
    }
    Ok(uploads)
}

fn json(bytes: &[u8]) -> Result<Upload, Failure> {
    let picture: Base64Picture = serde_json::from_slice(bytes)
        .map_err(|e| Failure::MalformedBody(format!("the body is not {{\"image\": \"<base64>\"}}: {e}")))?;
    let encoded = match picture.image.split_once(";base64,") {
        Some((prefix, encoded)) if prefix.starts_with("data:") => encoded,
        _ => &picture.image,
    };
    let bytes = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| Failure::MalformedField {
        field: "image".into(),
        detail: "it is not base64 (RFC 4648, with padding)".into(),
    })?;
    Ok(Upload { name: None, bytes: bytes.into() })
}
