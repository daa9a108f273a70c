//! API keys, other origins, and request ids.

use super::{Answer, Server, app, models, options};
use crate::pictures::DOG_JPEG;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use ocelli::serve::{ApiKeys, ServeOptions};

fn guarded() -> Server {
    let api_keys = ApiKeys::new(["first-key", "second-key"]);
    Server::new(app(ServeOptions { api_keys, ..options() }, vec![models::tiny()]))
}

async fn ask(server: &Server, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(DOG_JPEG.into()).expect("a request")).await
}

#[tokio::test]
async fn the_api_wants_a_key_where_keys_are_set() {
    let server = guarded();
    let routes = [
        (Method::POST, "/api/v1/detect"),
        (Method::GET, "/api/v1/candidates/00000000-0000-0000-0000-000000000000"),
        (Method::GET, "/api/v1/models"),
        (Method::GET, "/api/v1/models/tiny"),
        (Method::GET, "/api/v1/models/none"),
    ];
    let wrong: [&[(&str, &str)]; 7] = [
        &[],
        &[("authorization", "Bearer wrong")],
        &[("authorization", "first-key")],
        &[("authorization", "Basic first-key")],
        &[("x-api-key", "first-ke")],
        &[("x-api-key", "")],
        &[("x-api-key", "first-key,second-key")],
    ];
    for (method, route) in routes {
        for headers in wrong {
            let answer = ask(&server, method.clone(), route, headers).await;
            let detail = answer.problem(401, None);
            assert!(detail.contains("X-API-Key") && !detail.contains("first"), "{detail}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        for headers in [[("authorization", "Bearer first-key")], [("x-api-key", "second-key")]] {
            assert_ne!(ask(&server, method.clone(), route, &headers).await.status, 401, "{route}");
        }
    }
    ask(&server, Method::POST, "/api/v1/detect", &[("x-api-key", "first-key")]).await.json();
}

#[tokio::test]
async fn the_scheme_of_a_key_is_written_in_any_case() {
    // RFC 9110, 11.1.
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let authorization = format!("{scheme} first-key");
        ask(&guarded(), Method::GET, "/api/v1/models", &[("authorization", &authorization)]).await.json();
    }
}

#[tokio::test]
async fn pages_health_and_metrics_want_no_key() {
    for route in ["/", "/docs/", "/openapi.json", "/health/live", "/health/ready", "/metrics"] {
        assert_eq!(guarded().get(route).await.status, 200, "{route}");
    }
    guarded().get("/nowhere").await.problem(404, None);
}

#[tokio::test]
async fn without_keys_any_key_will_do() {
    let server = Server::tiny();
    ask(&server, Method::GET, "/api/v1/models", &[("x-api-key", "anything")]).await.json();
}

async fn allowed_origin(origins: &'static [&str], asked: &str) -> (String, String) {
    let cors_origins = origins.iter().map(|origin| HeaderValue::from_static(origin)).collect();
    let server = Server::new(app(ServeOptions { cors_origins, ..options() }, vec![models::tiny()]));
    let answer = ask(&server, Method::GET, "/api/v1/models", &[("origin", asked)]).await;
    answer.json();
    (answer.header("access-control-allow-origin").into(), answer.header("access-control-expose-headers").into())
}

#[tokio::test]
async fn only_pages_of_the_origins_named_may_read_answers() {
    let origins = &["https://a.example", "https://b.example"];
    for origin in origins {
        let (allowed, exposed) = allowed_origin(origins, origin).await;
        assert_eq!(allowed, *origin);
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
    }
    for other in ["https://c.example", "http://a.example", "https://a.example.evil", "null"] {
        assert_eq!(allowed_origin(origins, other).await.0, "");
    }
    assert_eq!(allowed_origin(&[], "https://a.example").await.0, "");
    assert_eq!(allowed_origin(&["*"], "https://c.example").await.0, "*");
}

#[tokio::test]
async fn a_browser_may_ask_before_it_sends_a_key() {
    let cors_origins = vec![HeaderValue::from_static("https://a.example")];
    let api_keys = ApiKeys::new(["first-key"]);
    let server = Server::new(app(ServeOptions { api_keys, cors_origins, ..options() }, vec![models::tiny()]));
    let headers = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-api-key"),
    ];
    let answer = ask(&server, Method::OPTIONS, "/api/v1/detect", &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
    let methods = answer.header("access-control-allow-methods");
    assert!(methods.contains('*') || methods.contains("POST"), "{methods}");
    // `*` stands for all headers but this one (Fetch, "CORS non-wildcard request-header name").
    let names = answer.header("access-control-allow-headers").to_ascii_lowercase();
    assert!(names.contains("authorization"), "{names}");
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_one() {
    let server = guarded();
    for route in ["/health/live", "/nowhere", "/api/v1/models", "/"] {
        let given = ask(&server, Method::GET, route, &[("x-request-id", "abc-123")]).await;
        assert_eq!(given.header("x-request-id"), "abc-123", "{route}");
        let first = server.get(route).await.header("x-request-id").to_owned();
        let second = server.get(route).await.header("x-request-id").to_owned();
        assert!(first.len() >= 32 && first != second, "{route}: {first}, {second}");
    }
    let request = Request::put("/").body(Body::empty()).expect("a request");
    assert!(!server.send(request).await.header("x-request-id").is_empty());
}
