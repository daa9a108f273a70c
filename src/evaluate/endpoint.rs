//! A running server as the detector.

use super::RunSettings;
use super::run::{Look, RunError, RunHeader};
use crate::dataset::Image;
use crate::detection::DetectionReport;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How often a server that is busy or not ready is asked again, a second apart.
const MOST_TRIES: u32 = 60;

/// Most bytes of an answer.
const MOST_BYTES: u64 = 64 << 20;

/// A server's API.
pub struct Endpoint {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
    api_key: Option<String>,
    settings: RunSettings,
    model: String,
    sha256: String,
    labels: Vec<String>,
}

/// What is read of the server's list of models.
#[derive(Deserialize)]
struct ModelList {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    #[serde(default)]
    labels: Vec<String>,
    sha256: String,
}

impl Endpoint {
    /// Asks the server at `url` for its model, the default one if `model` is `None`.
    ///
    /// # Errors
    /// [`RunError::Detector`] says what the server answered.
    pub fn connect(
        url: &str,
        model: Option<&str>,
        api_key: Option<String>,
        settings: RunSettings,
    ) -> Result<Self, RunError> {
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        let url = url.trim_end_matches('/').to_owned();
        let mut endpoint =
            Self { agent, url, api_key, settings, model: String::new(), sha256: String::new(), labels: Vec::new() };
        let mut answer = endpoint.ask("/api/v1/models", None)?;
        if !answer.status().is_success() {
            return Err(endpoint.refused(&mut answer));
        }
        let list: ModelList = endpoint.json(&mut answer)?;
        let names: Vec<_> = list.models.iter().map(|model| model.name.clone()).collect();
        let found = list.models.into_iter().find(|known| model.is_none_or(|name| known.name == name));
        let Some(Model { name, labels, sha256 }) = found else {
            return Err(endpoint.failed(format!("it serves no such model, but {}", names.join(", "))));
        };
        if labels.is_empty() {
            return Err(endpoint.failed(format!("its model {name} is no detector")));
        }
        (endpoint.model, endpoint.sha256, endpoint.labels) = (name, sha256, labels);
        Ok(endpoint)
    }

    /// What a run through this server is a run of.
    pub fn header(&self) -> RunHeader {
        RunHeader {
            model: self.model.clone(),
            sha256: self.sha256.clone(),
            labels: self.labels.clone(),
            settings: self.settings.clone(),
        }
    }

    /// Sends a picture. A server that is busy or not ready yet is asked again for a minute.
    ///
    /// # Errors
    /// [`RunError::Detector`], unless it is the picture that the server refuses.
    pub fn look(&self, image: &Image, bytes: &[u8]) -> Result<Look, RunError> {
        let RunSettings { confidence, nms_iou, max_detections } = self.settings;
        let path = format!("/api/v1/detect?confidence={confidence}&iou={nms_iou}&max_detections={max_detections}");
        for _ in 0..MOST_TRIES {
            let mut answer = self.ask(&path, Some((image, bytes)))?;
            match answer.status().as_u16() {
                200 => {
                    let report: DetectionReport = self.json(&mut answer)?;
                    return Ok(Look::Seen(Box::new(report)));
                }
                429 | 503 => std::thread::sleep(Duration::from_secs(1)),
                400 | 413 | 415 | 422 => return Ok(Look::Unreadable),
                _ => return Err(self.refused(&mut answer)),
            }
        }
        Err(self.failed(format!("busy or not ready for {MOST_TRIES} seconds")))
    }

    /// A POST of a picture, or a GET.
    fn ask(&self, path: &str, picture: Option<(&Image, &[u8])>) -> Result<Response<Body>, RunError> {
        let url = format!("{}{path}", self.url);
        let Some((image, bytes)) = picture else {
            let answer = self.authorise(self.agent.get(&url)).call();
            return answer.map_err(|error| self.failed(format!("there is no answer: {error}")));
        };
        let request = self.authorise(self.agent.post(&url).query("model", &self.model));
        let answer = request.header("Content-Type", "application/octet-stream").send(bytes);
        answer
            .map_err(|error| RunError::Detector { image: image.name.clone(), reason: format!("{}: {error}", self.url) })
    }

    fn authorise<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.api_key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        }
    }

    fn json<T: DeserializeOwned>(&self, answer: &mut Response<Body>) -> Result<T, RunError> {
        let text = answer.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        let text = text.map_err(|error| self.failed(error.to_string()))?;
        serde_json::from_str(&text)
            .map_err(|error| self.failed(format!("its answer is not what was expected: {error}")))
    }

    fn refused(&self, answer: &mut Response<Body>) -> RunError {
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(MOST_BYTES).read_to_string().unwrap_or_default();
        let problem = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or_default();
        self.failed(format!("{status} {detail}").trim_end().into())
    }

    fn failed(&self, reason: String) -> RunError {
        RunError::Detector { image: self.url.clone(), reason }
    }
}
