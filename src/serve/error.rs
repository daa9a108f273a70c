//! Every failure of the API and its status, once: RFC 9457 problem details.

use crate::detector::DetectorError;
use crate::picture::{FORMATS, PictureError};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A failure as the client sees it (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of failure, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:ocelli:problem:corrupt-picture")]
    pub kind: String,
    /// Names the kind of failure, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The query parameter, form field or JSON key at fault, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// 400: the body is not what its headers say.
    #[error("{0}")]
    MalformedBody(String),
    /// 400: a field of the body is missing, unknown or malformed.
    #[error("{detail}")]
    MalformedField {
        /// The field.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
    /// 401: no API key, or a wrong one.
    #[error("send a valid API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`")]
    Unauthorized,
    /// 404: no such route.
    #[error("there is nothing here; the routes are listed at /docs")]
    UnknownRoute,
    /// 404: no such model.
    #[error("no model `{0}` is served; GET /api/v1/models lists those that are")]
    UnknownModel(String),
    /// 404: the handle is unknown or too old.
    #[error("no candidates are kept under this handle (any more): send the picture again")]
    UnknownHandle,
    /// 405: the route knows other methods.
    #[error("this route does not answer this method")]
    Method,
    /// 408: the body came too slowly.
    #[error("the body did not arrive in time")]
    SlowBody,
    /// 413: the body is larger than allowed.
    #[error("the body is larger than the {0} bytes allowed")]
    LargeBody(usize),
    /// 413: more pictures than allowed.
    #[error("more than {0} pictures in one request")]
    ManyPictures(usize),
    /// 415: a body of this type is not read.
    #[error("{0}")]
    MediaType(String),
    /// 422: a parameter has an impossible value.
    #[error("`{field}`: {detail}")]
    Parameter {
        /// The parameter.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
    /// 413, 415 or 422: the bytes of a picture cannot be used.
    #[error("{}{error}", which.as_ref().map(|which| format!("{which}: ")).unwrap_or_default())]
    Picture {
        /// Which of several pictures.
        which: Option<String>,
        /// What is wrong with it.
        error: PictureError,
    },
    /// 429: as many requests as allowed are waiting.
    #[error("{0} requests are waiting already")]
    QueueFull(usize),
    /// 503: models are loading, or the server is about to stop.
    #[error("{0}")]
    Unavailable(&'static str),
    /// 504: the request waited or ran for longer than allowed.
    #[error("not done within the {0} seconds that a request may take")]
    Deadline(u64),
    /// 500: the server's own fault. What happened is logged, not sent.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// The status that stands for it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MalformedBody(_) | Self::MalformedField { .. } | Self::Picture { error: PictureError::Empty, .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::UnknownRoute | Self::UnknownModel(_) | Self::UnknownHandle => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::LargeBody(_) | Self::ManyPictures(_) | Self::Picture { error: PictureError::TooLarge { .. }, .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::MediaType(_) | Self::Picture { error: PictureError::Unsupported { .. }, .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Parameter { .. } | Self::Picture { error: PictureError::Corrupt { .. }, .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::QueueFull(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Deadline(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal(_) | Self::Picture { error: PictureError::Encode, .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The kind's name for programs, and for people.
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedBody(_) | Self::MalformedField { .. } => ("malformed-body", "The body cannot be read"),
            Self::Unauthorized => ("unauthorized", "An API key is needed"),
            Self::UnknownRoute => ("unknown-route", "No such route"),
            Self::UnknownModel(_) => ("unknown-model", "No such model"),
            Self::UnknownHandle => ("unknown-handle", "No such handle"),
            Self::Method => ("method-not-allowed", "Method not allowed"),
            Self::SlowBody => ("slow-body", "The body came too slowly"),
            Self::LargeBody(_) | Self::ManyPictures(_) => ("too-large", "The request is too large"),
            Self::MediaType(_) => ("unsupported-media-type", "This type of body is not read"),
            Self::Parameter { .. } => ("invalid-parameter", "A parameter has an impossible value"),
            Self::Picture { error: PictureError::Empty, .. } => ("empty-picture", "The picture is empty"),
            Self::Picture { error: PictureError::Unsupported { .. }, .. } => {
                ("unsupported-picture", "This picture format is not read")
            }
            Self::Picture { error: PictureError::TooLarge { .. }, .. } => ("large-picture", "The picture is too large"),
            Self::Picture { error: PictureError::Corrupt { .. }, .. } => ("corrupt-picture", "The picture is damaged"),
            Self::QueueFull(_) => ("queue-full", "The server is busy"),
            Self::Unavailable(_) => ("unavailable", "The server is not ready"),
            Self::Deadline(_) => ("deadline", "The request took too long"),
            Self::Internal(_) | Self::Picture { error: PictureError::Encode, .. } => ("internal", "The server failed"),
        }
    }

    /// The failure of one of several pictures, counted from 0.
    #[must_use]
    pub fn of_picture(self, index: usize) -> Self {
        match self {
            Self::Picture { error, .. } => Self::Picture { which: Some(format!("picture {}", index + 1)), error },
            other => other,
        }
    }

    /// A body of a type that is not read.
    pub fn media_type(found: &str) -> Self {
        let hint = match found {
            "application/x-www-form-urlencoded" => "; with curl, add -H 'Content-Type: image/jpeg' to --data-binary",
            _ => "",
        };
        let wanted = "image/*, application/octet-stream, multipart/form-data or application/json";
        Self::MediaType(format!("`{found}` is not {wanted} ({FORMATS} pictures){hint}"))
    }

    fn problem(&self) -> Problem {
        let (kind, title) = self.kind();
        let field = match self {
            Self::Parameter { field, .. } | Self::MalformedField { field, .. } => Some(field.clone()),
            Self::UnknownModel(_) => Some("model".into()),
            _ => None,
        };
        let detail = match self {
            Self::Internal(_) => "the cause is in the server's log, under this request's id".into(),
            other => other.to_string(),
        };
        let (kind, status) = (format!("urn:ocelli:problem:{kind}"), self.status().as_u16());
        Problem { kind, title: title.into(), status, detail, field }
    }
}

impl From<DetectorError> for Failure {
    fn from(error: DetectorError) -> Self {
        match error {
            DetectorError::Picture(error) => Self::Picture { which: None, error },
            other => Self::Internal(other.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Self::Internal(cause) = &self {
            tracing::error!(%cause, "request failed");
        }
        let mut response = (self.status(), Json(self.problem())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self, Self::QueueFull(_) | Self::Unavailable(_)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::Unauthorized) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
