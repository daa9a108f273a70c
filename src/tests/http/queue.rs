//! Loading, the queue, deadlines and metrics.

use super::{Answer, FORM, Server, app, form, models, options};
use crate::pictures::{DOG_JPEG, DOG_PNG};
use ocelli::serve::{App, ServeOptions};
use std::sync::Arc;
use std::time::Duration;

const PENDING: &str = "nv_inference_pending_request_count{model=\"tiny\",version=\"1\"}";

fn failures(reason: &str) -> String {
    format!("nv_inference_request_failure{{model=\"tiny\",reason=\"{reason}\",version=\"1\"}}")
}

/// A server on which requests wait until their deadline: it has no workers.
fn stuck(queue: usize, milliseconds: u64) -> Server {
    let request_timeout = Duration::from_millis(milliseconds);
    Server::new(app(ServeOptions { queue, workers: 0, request_timeout, ..options() }, vec![models::tiny()]))
}

#[tokio::test]
async fn a_server_is_ready_when_its_models_are_loaded_and_until_it_drains() {
    let app = Arc::new(App::new(options()).expect("an app"));
    let server = Server::new(Arc::clone(&app));
    let detect = || server.detect("", "image/jpeg", DOG_JPEG);
    assert_eq!(server.get("/health/live").await.status, 200);
    for answer in [server.get("/health/ready").await, server.get("/api/v1/models").await, detect().await] {
        assert!(answer.problem(503, None).contains("loading"));
    }
    server.get("/api/v1/models/tiny").await.problem(503, None);
    server.get("/api/v1/candidates/00000000-0000-0000-0000-000000000000").await.problem(503, None);
    app.set_models(vec![models::tiny()]);
    assert_eq!(server.get("/health/ready").await.status, 200);
    let answer = detect().await;
    answer.json();
    assert_eq!(answer.header("connection"), "");
    app.drain();
    assert_eq!(server.get("/health/live").await.status, 200);
    let ready = server.get("/health/ready").await;
    assert!(ready.problem(503, None).contains("stopping"));
    assert_eq!(ready.header("connection"), "close");
    let answer = detect().await;
    answer.json();
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_server_told_to_stop_while_it_loads_does_not_become_ready() {
    let app = Arc::new(App::new(options()).expect("an app"));
    app.drain();
    app.set_models(vec![models::tiny()]);
    Server::new(app).get("/health/ready").await.problem(503, None);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_a_deadline_ends_the_waiting() {
    let server = stuck(2, 700);
    let send = || server.detect("", "image/jpeg", DOG_JPEG);
    let (first, second, third) = tokio::join!(send(), send(), send());
    assert!(third.problem(429, None).contains('2'));
    first.problem(504, None);
    second.problem(504, None);
    assert_eq!(server.metric(&failures("REJECTED")).await, 3.0);
    assert_eq!(server.metric(PENDING).await, 0.0);
    // Their places are free again.
    send().await.problem(504, None);
}

#[tokio::test]
async fn a_queue_without_places_still_works() {
    let server = Server::new(app(ServeOptions { queue: 0, workers: 1, ..options() }, vec![models::tiny()]));
    server.detect("", "image/jpeg", DOG_JPEG).await.json();
}

#[tokio::test]
async fn requests_in_the_queue_are_answered_while_others_are_refused() {
    let options = ServeOptions { queue: 1, workers: 1, ..options() };
    let server = Server::new(app(options, vec![models::slow()]));
    let send = || server.detect("", "image/jpeg", DOG_JPEG);
    // All are sent before the first can be done.
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    a.json();
    let waited = b.json()["timings_ms"]["queue"].as_f64().expect("a number");
    assert!(waited > 1.0, "the second waited {waited} ms");
    c.problem(429, None);
    d.problem(429, None);
    send().await.json();
    assert_eq!(server.metric("nv_inference_pending_request_count{model=\"slow\",version=\"1\"}").await, 0.0);
}

#[tokio::test]
async fn a_place_is_taken_until_the_work_is_done_even_if_nobody_waits() {
    let request_timeout = Duration::from_millis(5);
    let options = ServeOptions { queue: 0, workers: 1, request_timeout, ..options() };
    let server = Server::new(app(options, vec![models::slow()]));
    let send = || server.detect("", "image/jpeg", DOG_JPEG);
    send().await.problem(504, None);
    send().await.problem(429, None);
    let mut refusals = 0;
    while send().await.status == 429 {
        refusals += 1;
        assert!(refusals < 500, "the place never becomes free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_the_queue() {
    let server = stuck(1, 60_000);
    let waiting = server.detect("", "image/jpeg", DOG_JPEG);
    let given_up = tokio::time::timeout(Duration::from_millis(50), waiting).await;
    given_up.expect_err("there is nobody to answer");
    assert_eq!(server.metric(&failures("CANCELED")).await, 1.0);
    assert_eq!(server.metric(PENDING).await, 0.0);
    let next = tokio::time::timeout(Duration::from_millis(50), server.detect("", "image/jpeg", DOG_JPEG)).await;
    next.expect_err("it waits: the place is free");
}

#[tokio::test]
async fn pending_requests_are_seen_while_they_wait() {
    let server = stuck(4, 1500);
    let send = || server.detect("", "image/jpeg", DOG_JPEG);
    let ((), first, second) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(server.metric(PENDING).await, 2.0);
        },
        send(),
        send()
    );
    assert_eq!([first.status, second.status], [504, 504]);
}

#[tokio::test]
async fn metrics_count_what_was_done() {
    let server = Server::tiny();
    server.detect("", "image/jpeg", DOG_JPEG).await.json();
    server.detect("", FORM, form(&[("image", None, DOG_PNG); 16])).await.json();
    server.detect("", "image/jpeg", &DOG_JPEG[..500]).await.problem(422, None);
    server.detect("?confidence=7", "image/jpeg", DOG_JPEG).await.problem(422, Some("confidence"));
    let of_tiny = |name: &str| format!("{name}{{model=\"tiny\",version=\"1\"}}");
    for (name, count) in [
        (of_tiny("nv_inference_request_success"), 2.0),
        (of_tiny("nv_inference_count"), 17.0),
        (of_tiny("nv_inference_exec_count"), 17.0),
        (failures("OTHER"), 1.0),
        (failures("REJECTED"), 0.0),
        (of_tiny("nv_inference_pending_request_count"), 0.0),
        ("ocelli_request_seconds_count{model=\"tiny\"}".into(), 2.0),
        ("ocelli_queue_seconds_count{model=\"tiny\"}".into(), 2.0),
        ("ocelli_inference_seconds_count{model=\"tiny\"}".into(), 17.0),
        ("ocelli_inference_seconds_bucket{model=\"tiny\",le=\"+Inf\"}".into(), 17.0),
        ("ocelli_http_responses_total{status=\"422\"}".into(), 2.0),
    ] {
        assert_eq!(server.metric(&name).await, count, "{name}");
    }
    let mut microseconds = Vec::new();
    for step in ["request", "queue", "compute_input", "compute_infer", "compute_output"] {
        microseconds.push(server.metric(&of_tiny(&format!("nv_inference_{step}_duration_us"))).await);
    }
    assert!(microseconds[0] > 0.0 && microseconds[2] > 0.0 && microseconds[3] > 0.0, "{microseconds:?}");
    assert!(
        microseconds[0] >= microseconds[1..].iter().sum(),
        "the steps took longer than the requests: {microseconds:?}"
    );
}

#[tokio::test]
async fn metrics_are_in_prometheus_text_format() {
    let server = Server::tiny();
    server.detect("", "image/jpeg", DOG_JPEG).await.json();
    let answer = server.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(value.parse::<f64>().is_ok() && name.is_ascii(), "{line}");
        let family = name.split('{').next().expect("a name");
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| family.strip_suffix(end))
            .filter(|base| text.contains(&format!("# TYPE {base} histogram\n")))
            .unwrap_or(family);
        assert!(text.contains(&format!("# HELP {family} ")) && text.contains(&format!("# TYPE {family} ")), "{line}");
    }
}

#[tokio::test]
async fn a_problem_tells_which_requests_may_be_tried_again() {
    let server = stuck(0, 100);
    let Answer { status, .. } = server.detect("", "image/jpeg", DOG_JPEG).await;
    assert_eq!(status, 429, "no worker and no place to wait");
}
