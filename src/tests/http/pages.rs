//! The specification, the pages, and routes that are none.

use super::{Answer, DETECT, Server, app, load, models, openapi, options};
use axum::body::Body;
use axum::http::{Method, Request};
use ocelli::catalog::shipped;
use ocelli::serve::specification;
use serde_json::Value;
use std::path::Path;

async fn ask(server: &Server, method: &Method, uri: &str) -> Answer {
    let request = Request::builder().method(method).uri(uri).body(Body::empty());
    server.send(request.expect("a request")).await
}

#[test]
fn the_committed_specification_is_the_servers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let current = specification(options()).expect("a specification");
    assert!(committed == current, "refresh it: cargo run --release -- openapi > openapi/openapi.json");
}

#[tokio::test]
async fn the_server_tells_its_specification() {
    let served = Server::tiny().get("/openapi.json").await.json();
    assert_eq!(&served, openapi());
    assert!(served["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
}

#[tokio::test]
async fn every_documented_route_is_there() {
    let server = Server::tiny();
    let paths = openapi()["paths"].as_object().expect("paths");
    let names: Vec<&str> = paths.keys().map(String::as_str).collect();
    for name in [DETECT, "/api/v1/models", "/api/v1/models/{name}", "/health/live", "/health/ready", "/metrics"] {
        assert!(names.contains(&name), "{name} is not documented: {names:?}");
    }
    for (path, route) in paths {
        let uri = path.replace("{name}", "tiny").replace("{handle}", "00000000-0000-0000-0000-000000000000");
        for method in route.as_object().expect("methods").keys() {
            let method = method.to_uppercase().parse().expect("a method");
            let answer = ask(&server, &method, &uri).await;
            let there = answer.status != 405 && !answer.text().contains("unknown-route");
            assert!(there, "{method} {path}: {} {}", answer.status, answer.text());
        }
    }
}

#[test]
fn every_operation_is_described() {
    let paths = openapi()["paths"].as_object().expect("paths");
    for (path, route) in paths {
        for (method, operation) in route.as_object().expect("methods") {
            let described = operation["summary"].as_str().or(operation["description"].as_str());
            assert!(described.is_some_and(|text| !text.is_empty()), "{method} {path}");
            for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
            }
            let guarded = path.starts_with("/api/");
            assert_eq!(operation["responses"].get("401").is_some(), guarded, "{method} {path}");
        }
    }
}

/// The addresses of other hosts in a page, but for names of XML namespaces.
fn other_hosts(page: &str) -> Vec<&str> {
    let starts = page.match_indices("http://").chain(page.match_indices("https://"));
    let addresses = starts.map(|(at, _)| page[at..].split(['"', '\'', ' ', '<', ')', '`']).next().unwrap_or_default());
    let relative = page.match_indices("=\"//").map(|(at, _)| &page[at..at + 12]);
    addresses.filter(|address| !address.starts_with("http://www.w3.org/")).chain(relative).collect()
}

#[tokio::test]
async fn the_playground_loads_nothing_from_elsewhere() {
    let answer = Server::tiny().get("/").await;
    assert_eq!((answer.status, answer.media_type()), (200, "text/html"));
    let policy = answer.header("content-security-policy");
    for rule in ["default-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(other_hosts(&answer.text()), [""; 0]);
    assert!(answer.text().contains("\"/api/v1\""), "the page asks this server");
}

#[tokio::test]
async fn sample_pictures_come_from_the_server() {
    let server = Server::new(app(options(), vec![models::tiny(), load(&shipped::entry())]));
    let told = server.get(&format!("/api/v1/models/{}", shipped::NAME)).await.json();
    let addresses: Vec<&str> = told["samples"].as_array().expect("samples").iter().filter_map(Value::as_str).collect();
    assert_eq!(addresses.len(), shipped::SAMPLES.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for address in addresses {
        let answer = server.get(address).await;
        assert_eq!((answer.status, answer.media_type()), (200, "image/jpeg"), "{address}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.body == std::fs::read(folder.join(&address[1..])).expect("the file"), "{address}");
        ask(&server, &Method::POST, address).await.problem(405, None);
        let documented = openapi()["paths"].get(address).is_some();
        assert!(!documented, "{address}: pages are not in the specification");
    }
    for path in ["/samples", "/samples/", "/samples/blood-1.jpg", "/samples/..%2fmanifest.toml"] {
        server.get(path).await.problem(404, None);
    }
    let told = server.get("/api/v1/models/tiny").await.json();
    assert!(told.get("samples").is_none(), "{told}");
}

/// What a page asks for by `src` and `href`.
fn assets(page: &str) -> Vec<&str> {
    let values = |attribute: &'static str| page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
    values("src=\"").chain(values("href=\"")).collect()
}

#[tokio::test]
async fn the_documentation_comes_from_the_server_alone() {
    let server = Server::tiny();
    let moved = server.get("/docs").await;
    assert!((300..400).contains(&moved.status) && moved.header("location").ends_with("/docs/"), "{moved:?}");
    let page = server.get("/docs/").await;
    assert_eq!((page.status, page.media_type()), (200, "text/html"));
    let text = page.text();
    assert_eq!(other_hosts(&text), [""; 0]);
    assert!(assets(&text).len() > 3, "{text}");
    for asset in assets(&text) {
        let answer = server.get(&format!("/docs/{}", asset.trim_start_matches("./"))).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(answer.body.len() > 100, "{asset}");
    }
    let start = server.get("/docs/swagger-initializer.js").await.text();
    assert!(start.contains("/openapi.json") && start.contains("\"none\""), "{start}");
    assert_eq!(other_hosts(&start), [""; 0]);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    for path in ["/nowhere", "/api", "/api/v1", "/api/v2/detect", "/api/v1/detect/", "//", "/.git/config", "/..%2f"] {
        let detail = Server::tiny().get(path).await.problem(404, None);
        assert!(detail.contains("/docs"), "{detail}");
    }
    for (method, path) in
        [("GET", DETECT), ("DELETE", "/api/v1/models"), ("POST", "/health/live"), ("POST", "/"), ("PUT", "/metrics")]
    {
        let answer = ask(&Server::tiny(), &method.parse().expect("a method"), path).await;
        answer.problem(405, None);
        assert!(!answer.header("allow").is_empty(), "{method} {path}: RFC 9110 asks for Allow");
    }
}

#[tokio::test]
async fn what_is_not_in_the_documentation_is_a_problem_too() {
    Server::tiny().get("/docs/nowhere.js").await.problem(404, None);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    for path in [
        "/",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/api/v1/models",
        "/api/v1/models/tiny",
        "/openapi.json",
        "/samples/blood-31.jpg",
    ] {
        let server = Server::tiny();
        let (head, get) = (ask(&server, &Method::HEAD, path).await, server.get(path).await);
        assert_eq!((head.status, head.media_type()), (get.status, get.media_type()), "{path}");
        assert!(head.body.is_empty() && get.status == 200, "{path}");
    }
}
