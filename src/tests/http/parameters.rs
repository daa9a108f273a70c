//! The query parameters, and names of models.

use super::{Server, app, models, options};
use crate::pictures::DOG_JPEG;
use serde_json::Value;

async fn refused(query: &str, status: u16, field: &str) -> String {
    Server::tiny().detect(query, "image/jpeg", DOG_JPEG).await.problem(status, Some(field))
}

#[tokio::test]
async fn thresholds_lie_between_nothing_and_one() {
    for field in ["confidence", "iou"] {
        for value in ["NaN", "nan", "inf", "-inf", "Infinity", "-0.1", "1.0001", "2", "1e39", "", "high", "0,5", "0x1"]
        {
            let detail = refused(&format!("?{field}={value}"), 422, field).await;
            assert!(detail.contains(field) && detail.contains("0..=1"), "{detail}");
        }
        for value in ["0", "1", "0.5", "1e-3", ".5"] {
            Server::tiny().detect(&format!("?{field}={value}"), "image/jpeg", DOG_JPEG).await.json();
        }
    }
}

#[tokio::test]
async fn at_least_one_detection_and_at_most_ten_thousand_can_be_asked_for() {
    for value in ["0", "-1", "10001", "1.5", "", "many", "18446744073709551616"] {
        refused(&format!("?max_detections={value}"), 422, "max_detections").await;
    }
    for (value, least) in [("1", 1), ("2", 2), ("10000", 2)] {
        let query = format!("?confidence=0.01&max_detections={value}");
        let found = Server::tiny().detect(&query, "image/jpeg", DOG_JPEG).await.json();
        let count = found["detections"].as_array().expect("a list").len();
        assert!(count >= least && count <= value.parse().expect("a number"), "{count} of {value}");
    }
}

#[tokio::test]
async fn classes_are_the_models_labels() {
    for value in ["unicorn", "cat,unicorn", "Cat", "", "cat,", "%2c"] {
        refused(&format!("?classes={value}"), 422, "classes").await;
    }
    assert!(refused("?classes=cat,unicorn", 422, "classes").await.contains("`unicorn`"));
    let labels = |found: &Value| -> Vec<String> {
        let detections = found["detections"].as_array().expect("a list");
        let mut labels: Vec<_> =
            detections.iter().map(|one| one["label"].as_str().expect("a label").to_owned()).collect();
        labels.sort();
        labels.dedup();
        labels
    };
    for (value, wanted) in [("cat", &["cat"][..]), ("dog", &["dog"]), ("dog,%20cat", &["cat", "dog"])] {
        let query = format!("?confidence=0.01&classes={value}");
        let found = Server::tiny().detect(&query, "image/jpeg", DOG_JPEG).await.json();
        assert_eq!(labels(&found), wanted);
    }
}

#[tokio::test]
async fn other_parameters_are_of_a_few_words() {
    for (field, values) in [
        ("format", ["", "JSON", "jpeg", "xml"]),
        ("keep", ["", "1", "yes", "TRUE"]),
        ("class_agnostic", ["", "0", "no", "False"]),
        ("nms", ["", "soft", "Hard", "soft_linear"]),
    ] {
        for value in values {
            refused(&format!("?{field}={value}"), 422, field).await;
        }
    }
    for query in ["?nms=soft-linear", "?nms=soft-gaussian", "?nms=hard&class_agnostic=true", "?format=json&keep=false"]
    {
        Server::tiny().detect(query, "image/jpeg", DOG_JPEG).await.json();
    }
}

#[tokio::test]
async fn unknown_and_repeated_parameters_are_named() {
    assert!(refused("?treshold=0.5", 422, "treshold").await.contains("no such parameter"));
    refused("?Confidence=0.5", 422, "Confidence").await;
    assert!(refused("?confidence=0.5&confidence=0.5", 422, "confidence").await.contains("twice"));
    refused("?model=tiny&model=tiny", 422, "model").await;
    refused("?format=json&format=image", 422, "format").await;
}

#[tokio::test]
async fn models_are_looked_up_and_never_opened_by_name() {
    let names = ["..%2Fx", "%2e%2e", "%00", "%2Fetc%2Fpasswd", "tiny.onnx", "Tiny", "tiny%00", "%ff", "a%0d%0ab"];
    for name in names {
        let answer = Server::tiny().get(&format!("/api/v1/models/{name}")).await;
        answer.problem(404, Some("model"));
        if name != "%ff" {
            refused(&format!("?model={name}"), 404, "model").await;
        }
    }
    refused("?model=../x", 404, "model").await;
    refused("?model=", 404, "model").await;
    Server::tiny().get("/api/v1/models/../x").await.problem(404, None);
    Server::tiny().get("/api/v1/models/").await.problem(404, None);
}

#[tokio::test]
async fn the_list_of_models_begins_with_the_default() {
    let server = Server::new(app(options(), vec![models::tiny(), models::raw()]));
    let list = server.get("/api/v1/models").await.json();
    let of = |index: usize, key: &str| list["models"][index][key].clone();
    assert_eq!([of(0, "name"), of(0, "task"), of(1, "name"), of(1, "task")], ["tiny", "detection", "raw", "raw"]);
    assert_eq!([of(0, "default"), of(1, "default")], [true, false]);
    let tiny = server.get("/api/v1/models/tiny").await.json();
    assert_eq!(tiny, list["models"][0]);
    assert_eq!(tiny["labels"], serde_json::json!(["cat", "dog"]));
    assert_eq!(tiny["input"], serde_json::json!({ "width": 32, "height": 32 }));
    assert_eq!(tiny["anchors"], serde_json::json!([[[8.0, 8.0], [16.0, 20.0]]]));
    assert_eq!(tiny["license"], "MIT");
    assert_eq!(tiny["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(server.get("/api/v1/models/raw").await.json()["name"], "raw");
}

#[tokio::test]
async fn a_raw_model_detects_nothing() {
    let server = Server::new(app(options(), vec![models::tiny(), models::raw()]));
    let detail = server.detect("?model=raw", "image/jpeg", DOG_JPEG).await.problem(422, Some("model"));
    assert!(detail.contains("no detector"), "{detail}");
    assert_eq!(server.detect("?model=tiny", "image/jpeg", DOG_JPEG).await.json()["model"], "tiny");
}
