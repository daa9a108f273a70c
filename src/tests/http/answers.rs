//! What comes back of a good picture: the library's detections, whichever way the picture was sent.

use super::{DETECT, FORM, Server, app, form, load, models, options, runtime};
use crate::pictures::{DOG_JPEG, DOG_PNG};
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ocelli::detector::Detector;
use ocelli::nms::NmsOptions;
use ocelli::picture::{Limits, decode};
use serde_json::{Value, json};
use std::path::Path;

fn library(file: &Path) -> Detector {
    super::entry(file).open().expect("a model file").into_detector(&runtime(), None).expect("a detector")
}

/// Sends a picture in each of the ways, and compares with the library.
async fn assert_same_every_way(file: &Path, picture: &'static [u8]) {
    let sight = library(file).detect(picture, None, &Limits::default(), &NmsOptions::default()).expect("a sight");
    let wanted = serde_json::to_string(&sight.report.detections).expect("JSON");
    let wanted: Value = serde_json::from_str(&wanted).expect("JSON");
    assert_ne!(wanted, json!([]), "a picture without detections tells nothing");
    let server = Server::new(app(options(), vec![load(&super::entry(file))]));
    let encoded = json!({ "image": BASE64_STANDARD.encode(picture) }).to_string();
    let named = form(&[("image", Some("a dog.jpg"), picture)]);
    for (media_type, body, name) in [
        ("image/jpeg", picture.to_vec(), Value::Null),
        ("application/octet-stream", picture.to_vec(), Value::Null),
        (FORM, named, "a dog.jpg".into()),
        ("application/json", encoded.into_bytes(), Value::Null),
    ] {
        let found = server.detect("", media_type, body).await.json();
        assert_eq!(found["detections"], wanted, "{media_type}");
        assert_eq!(found["image"]["name"], name);
        assert_eq!([&found["image"]["width"], &found["image"]["height"]], [sight.image.width(), sight.image.height()]);
        assert_eq!(found["model"], file.file_stem().expect("a name").to_string_lossy().as_ref());
    }
}

#[tokio::test]
async fn every_way_of_sending_a_picture_gives_the_librarys_detections() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_same_every_way(&models::tiny_file(folder.path()), DOG_JPEG).await;
}

#[tokio::test]
async fn so_it_is_with_a_model_that_was_trained() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(file) = crate::models::convert("yolo-fastest-1.1", folder.path()) else { return };
    let dog = crate::data::folder().expect("it was there").join("darknet/data/dog.jpg");
    let picture: &'static [u8] = std::fs::read(dog).expect("the picture").leak();
    assert_same_every_way(&file, picture).await;
    let server = Server::new(app(options(), vec![load(&super::entry(&file))]));
    let found = server.detect("?classes=dog,bicycle", "image/jpeg", picture).await.json();
    let labels = found["detections"].as_array().expect("a list").iter().map(|one| one["label"].clone());
    let labels: Vec<Value> = labels.collect();
    assert!(labels.contains(&"dog".into()) && labels.contains(&"bicycle".into()), "{labels:?}");
}

#[tokio::test]
async fn a_report_is_in_order_and_in_bounds() {
    let found = Server::tiny().detect("?confidence=0.05&iou=1", "image/png", DOG_PNG).await.json();
    let detections = found["detections"].as_array().expect("a list");
    assert!(detections.len() > 10);
    let number = |value: &Value| value.as_f64().expect("a number");
    let confidences: Vec<f64> = detections.iter().map(|one| number(&one["confidence"])).collect();
    assert!(confidences.is_sorted_by(|a, b| a >= b) && confidences.iter().all(|one| (0.05..=1.0).contains(one)));
    for one in detections {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| number(&one["box"][key]));
        assert!(x >= 0.0 && y >= 0.0 && x + width <= 96.001 && y + height <= 72.001, "{one}");
    }
    let timings = &found["timings_ms"];
    let steps = ["queue", "decode", "preprocess", "inference", "postprocess"].map(|step| number(&timings[step]));
    assert!(
        (steps.iter().sum::<f64>() - number(&timings["total"])).abs() < 0.01 && steps.iter().all(|step| *step >= 0.0)
    );
    assert!(found.get("warnings").is_none() && found.get("handle").is_none());
}

#[tokio::test]
async fn several_pictures_give_a_list_in_their_order() {
    let gif = include_bytes!("../files/animated.gif");
    let body = form(&[("image", Some("first.jpg"), DOG_JPEG), ("image", Some("é.gif"), gif), ("image", None, DOG_PNG)]);
    let found = Server::tiny().detect("", FORM, body).await.json();
    let list = found.as_array().expect("a list");
    let names: Vec<_> = list.iter().map(|report| &report["image"]["name"]).collect();
    assert_eq!(names, [&json!("first.jpg"), &json!("é.gif"), &Value::Null]);
    let widths: Vec<_> = list.iter().map(|report| &report["image"]["width"]).collect();
    assert_eq!(widths, [&json!(96), &json!(16), &json!(96)]);
    assert!(list[1]["warnings"][0].as_str().is_some_and(|warning| warning.contains("first frame")));
    assert!(list[0].get("warnings").is_none());
}

async fn annotated(server: &Server, accept: &str, media_type: &str, body: impl Into<Body>) -> super::Answer {
    let request = Request::post(format!("{DETECT}?format=image&confidence=0.05")).header("content-type", media_type);
    server.send(request.header("accept", accept).body(body.into()).expect("a request")).await
}

#[tokio::test]
async fn the_annotated_picture_is_a_jpeg_or_png_file() {
    let server = Server::tiny();
    let original = decode(DOG_PNG, &Limits::default()).expect("a picture").image;
    for (accept, media_type, magic) in [
        ("*/*", "image/jpeg", &b"\xff\xd8\xff"[..]),
        ("", "image/jpeg", b"\xff\xd8\xff"),
        ("image/jpeg", "image/jpeg", b"\xff\xd8\xff"),
        ("image/png", "image/png", b"\x89PNG"),
        ("image/png, image/jpeg", "image/png", b"\x89PNG"),
        ("image/jpeg, image/png", "image/jpeg", b"\xff\xd8\xff"),
    ] {
        let answer = annotated(&server, accept, "image/png", DOG_PNG).await;
        assert_eq!((answer.status, answer.media_type()), (200, media_type), "{accept}: {}", answer.text());
        assert!(answer.body.starts_with(magic), "{accept}");
        let image = decode(&answer.body, &Limits::default()).expect("a picture").image;
        assert_eq!(image.dimensions(), original.dimensions());
        let changed =
            image.pixels().zip(original.pixels()).filter(|(a, b)| (0..3).any(|c| a.0[c].abs_diff(b.0[c]) > 60));
        assert!(changed.count() > 100, "{accept}: nothing was drawn");
    }
}

#[tokio::test]
async fn only_one_picture_can_be_annotated_at_a_time() {
    let body = form(&[("image", None, DOG_PNG), ("image", None, DOG_PNG)]);
    annotated(&Server::tiny(), "*/*", FORM, body).await.problem(422, Some("format"));
    let answer = annotated(&Server::tiny(), "*/*", "image/png", &DOG_PNG[..999]).await;
    answer.problem(422, None);
}

#[tokio::test]
async fn kept_candidates_answer_other_thresholds_as_the_picture_would() {
    let server = Server::tiny();
    let first = server.detect("?keep=true&confidence=0.4", "image/png", DOG_PNG).await.json();
    let handle = first["handle"].as_str().expect("a handle").to_owned();
    let queries = [
        "confidence=0.05",
        "confidence=0.3&iou=0.1",
        "confidence=0.02&iou=0.9&max_detections=7",
        "classes=dog",
        "class_agnostic=true&confidence=0.1",
        "nms=soft-linear&confidence=0.1",
        "nms=soft-gaussian&model=tiny",
        "confidence=0.4",
    ];
    let mut counts = Vec::new();
    for query in queries {
        let kept = server.get(&format!("/api/v1/candidates/{handle}?{query}")).await.json();
        let fresh = server.detect(&format!("?{query}"), "image/png", DOG_PNG).await.json();
        assert_eq!(kept["detections"], fresh["detections"], "{query}");
        assert_eq!([&kept["image"], &kept["model"]], [&fresh["image"], &fresh["model"]]);
        assert_eq!(kept["handle"], handle.as_str());
        counts.push(kept["detections"].as_array().expect("a list").len());
    }
    counts.dedup();
    assert!(counts.len() > 3, "the thresholds change nothing: {counts:?}");
}

#[tokio::test]
async fn candidates_are_kept_only_when_asked_and_of_each_picture() {
    let server = Server::tiny();
    assert!(server.detect("?keep=false", "image/png", DOG_PNG).await.json().get("handle").is_none());
    let body = form(&[("image", None, DOG_PNG), ("image", None, DOG_JPEG)]);
    let list = server.detect("?keep=true", FORM, body).await.json();
    assert_ne!(list[0]["handle"], list[1]["handle"]);
    for report in list.as_array().expect("a list") {
        let handle = report["handle"].as_str().expect("a handle");
        let kept = server.get(&format!("/api/v1/candidates/{handle}")).await.json();
        assert_eq!(kept["detections"], report["detections"]);
    }
}

#[tokio::test]
async fn handles_and_their_parameters_are_checked() {
    let server = Server::new(app(options(), vec![models::tiny(), models::raw()]));
    for handle in ["x", "..", "00000000-0000-0000-0000-00000000000g", "%00", "%ff", "1"] {
        server.get(&format!("/api/v1/candidates/{handle}")).await.problem(400, Some("handle"));
    }
    server.get("/api/v1/candidates/00000000-0000-0000-0000-000000000000").await.problem(404, None);
    let first = server.detect("?keep=true", "image/png", DOG_PNG).await.json();
    let kept = format!("/api/v1/candidates/{}", first["handle"].as_str().expect("a handle"));
    for (query, status, field) in [
        ("confidence=2", 422, "confidence"),
        ("max_detections=0", 422, "max_detections"),
        ("classes=unicorn", 422, "classes"),
        ("format=image", 422, "format"),
        ("model=raw", 422, "model"),
        ("model=none", 404, "model"),
    ] {
        server.get(&format!("{kept}?{query}")).await.problem(status, Some(field));
    }
}
