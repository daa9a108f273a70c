//! Bodies that cannot be read, and pictures that cannot be used.

use super::{Answer, DETECT, FORM, Part, Server, app, form, models, options};
use crate::pictures::{DOG_JPEG, DOG_PNG, damaged};
use axum::body::{Body, Bytes};
use axum::http::Request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ocelli::picture::Limits;
use ocelli::serve::ServeOptions;

async fn refused(media_type: &str, body: impl Into<Body>, status: u16, field: Option<&str>) -> String {
    Server::tiny().detect("", media_type, body).await.problem(status, field)
}

fn json(image: &str) -> String {
    serde_json::json!({ "image": image }).to_string()
}

#[tokio::test]
async fn an_empty_body_is_malformed() {
    for media_type in ["image/jpeg", "application/octet-stream", "application/json", FORM] {
        let answer = Server::tiny().detect("", media_type, Body::empty()).await;
        answer.problem(400, None);
    }
    refused("application/json", json(""), 400, None).await;
    refused(FORM, form(&[("image", Some("a.jpg"), b"")]), 400, None).await;
}

#[tokio::test]
async fn a_form_that_is_none_is_malformed() {
    refused("multipart/form-data", form(&[("image", None, DOG_PNG)]), 400, None).await;
    refused(FORM, "nothing of a form", 400, None).await;
    let whole = form(&[("image", Some("dog.png"), DOG_PNG)]);
    for length in [10, 60, 90, whole.len() / 2, whole.len() - 12] {
        refused(FORM, whole[..length].to_vec(), 400, None).await;
    }
    refused("multipart/form-data; boundary=another", whole, 400, None).await;
}

#[tokio::test]
async fn a_form_holds_pictures_in_fields_called_image() {
    let detail = refused(FORM, form(&[("file", Some("dog.png"), DOG_PNG)]), 400, Some("file")).await;
    assert!(detail.contains("`image`"), "{detail}");
    refused(FORM, form(&[("image", None, DOG_PNG), ("confidence", None, b"0.5")]), 400, Some("confidence")).await;
    refused(FORM, "----a-line----\r\n", 400, Some("image")).await;
}

#[tokio::test]
async fn a_form_holds_at_most_sixteen_pictures() {
    let part: Part = ("image", None, DOG_JPEG);
    let answer = Server::tiny().detect("", FORM, form(&[part; 16])).await;
    assert_eq!(answer.json().as_array().map(Vec::len), Some(16));
    let detail = refused(FORM, form(&[part; 17]), 413, None).await;
    assert!(detail.contains("16"), "{detail}");
}

#[tokio::test]
async fn json_holds_a_picture_in_base64_and_nothing_else() {
    let encoded = BASE64_STANDARD.encode(DOG_PNG);
    for body in ["{", "[]", "null", "{}", r#"{"image": 5}"#, r#"{"picture": "AAAA"}"#, "\u{feff}{}"] {
        refused("application/json", body, 400, None).await;
    }
    let body = serde_json::json!({ "image": encoded, "confidence": 0.5 }).to_string();
    let detail = refused("application/json", body, 400, None).await;
    assert!(detail.contains("confidence"), "{detail}");
    for image in ["%%%%", "AAA", "AAAA=", &encoded[1..], "data:image/png;base64,@@@@"] {
        refused("application/json", json(image), 400, Some("image")).await;
    }
    for image in [&encoded, &format!("data:image/png;base64,{encoded}"), &format!(" {encoded}\n")] {
        Server::tiny().detect("", "application/json; charset=utf-8", json(image)).await.json();
    }
}

#[tokio::test]
async fn the_type_of_the_body_must_be_known() {
    let server = Server::tiny();
    for media_type in ["text/plain", "text/html", "video/mp4", "application/xml", "nonsense"] {
        let detail = server.detect("", media_type, DOG_JPEG).await.problem(415, None);
        assert!(detail.contains(media_type) && detail.contains("multipart/form-data"), "{detail}");
    }
    let detail = server.detect("", "application/x-www-form-urlencoded", DOG_JPEG).await.problem(415, None);
    assert!(detail.contains("-H 'Content-Type: image/jpeg'"), "{detail}");
    for media_type in ["image/jpeg", "IMAGE/PNG", "image/x-unheard-of", "application/octet-stream", ""] {
        server.detect("", media_type, DOG_JPEG).await.json();
    }
    server.send(Request::post(DETECT).body(DOG_JPEG.into()).expect("a request")).await.json();
}

#[tokio::test]
async fn encoded_bodies_are_not_read() {
    for (encoding, status) in [("gzip", 415), ("deflate", 415), ("br", 415), ("identity", 200)] {
        let request = Request::post(DETECT).header("content-type", "image/jpeg").header("content-encoding", encoding);
        let answer = Server::tiny().send(request.body(DOG_JPEG.into()).expect("a request")).await;
        assert_eq!(answer.status, status, "{encoding}: {}", answer.text());
        if status == 415 {
            assert!(answer.problem(415, None).contains(encoding));
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let server = Server::new(app(ServeOptions { max_body: DOG_JPEG.len(), ..options() }, vec![models::tiny()]));
    server.detect("", "image/jpeg", DOG_JPEG).await.json();
    let longer = [DOG_JPEG, b"\0"].concat();
    for media_type in ["image/jpeg", "application/json", FORM] {
        let detail = server.detect("", media_type, longer.clone()).await.problem(413, None);
        assert!(detail.contains(&DOG_JPEG.len().to_string()), "{detail}");
    }
}

#[tokio::test]
async fn pictures_of_formats_that_are_not_read_are_named() {
    let foreign = [
        (&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], "SVG"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"),
        (include_bytes!("../files/picture.avif"), "AVIF"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html>", "web page"),
        (b"garbage", "known format"),
    ];
    for (bytes, name) in foreign {
        let form = form(&[("image", Some("a.jpg"), bytes)]);
        let json = json(&BASE64_STANDARD.encode(bytes));
        let bodies = [("image/jpeg", bytes.to_vec()), (FORM, form), ("application/json", json.into_bytes())];
        for (media_type, body) in bodies {
            let detail = refused(media_type, body, 415, None).await;
            assert!(detail.contains(name) && detail.contains("JPEG, PNG"), "{detail}");
        }
    }
}

#[tokio::test]
async fn damaged_pictures_cannot_be_processed_and_the_decoder_is_not_quoted() {
    for (format, bytes) in damaged() {
        let detail = refused("image/*", bytes, 422, None).await;
        assert_eq!(detail, format!("the {format} picture is truncated or corrupt"));
    }
}

#[tokio::test]
async fn pictures_of_too_many_pixels_are_too_large() {
    let bomb = crate::pictures::pixel_bomb();
    let detail = refused("image/png", bomb, 413, None).await;
    assert!(detail.contains("60000 × 60000"), "{detail}");
    let limits = Limits { max_pixels: 96 * 72 - 1 };
    let server = Server::new(app(ServeOptions { limits, ..options() }, vec![models::tiny()]));
    server.detect("", "image/png", DOG_PNG).await.problem(413, None);
}

#[tokio::test]
async fn one_bad_picture_of_several_fails_the_request() {
    let body = form(&[("image", Some("good.png"), DOG_PNG), ("image", Some("bad.png"), &DOG_PNG[..100])]);
    refused(FORM, body, 422, None).await;
}

#[tokio::test]
async fn no_body_brings_the_server_down() {
    let server = Server::tiny();
    for length in 0..200 {
        let noise: Vec<u8> = (0..length).map(|at| (at * 89 + length * 7) as u8).collect();
        for media_type in ["image/png", "application/json", FORM] {
            let Answer { status, .. } = server.detect("", media_type, Bytes::from(noise.clone())).await;
            assert!((400..500).contains(&status), "{media_type}, {length} bytes: {status}");
        }
    }
    server.detect("", "image/jpeg", DOG_JPEG).await.json();
}
