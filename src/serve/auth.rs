//! API keys.

use super::App;
use super::error::Failure;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// The keys that open the API. Without any, it is open to all.
#[derive(Default)]
pub struct ApiKeys(Vec<[u8; 32]>);

impl ApiKeys {
    /// Keeps digests: of one length, so that comparing takes the same time for any key.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(|key| Sha256::digest(key.as_bytes()).into()).collect())
    }

    fn admit(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key);
        let Some(key) = bearer.or_else(|| text("x-api-key")) else { return self.0.is_empty() };
        let digest: [u8; 32] = Sha256::digest(key.trim().as_bytes()).into();
        // All keys are compared, whichever fits.
        let fits = self.0.iter().fold(Choice::from(0), |fits, known| fits | known.ct_eq(&digest));
        self.0.is_empty() || fits.into()
    }
}

/// Lets a request through if it carries a key, where keys are set.
pub async fn require_key(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Failure> {
    if app.options.api_keys.admit(request.headers()) { Ok(next.run(request).await) } else { Err(Failure::Unauthorized) }
}
