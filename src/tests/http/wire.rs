//! What only a real connection shows: slow clients, clients that go, and a server that stops.

use super::{DETECT, Server, app, models, options};
use crate::pictures::DOG_JPEG;
use ocelli::serve::connection::{Stop, serve};
use ocelli::serve::{App, ServeOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A server that listens on a port of its own, on a thread of its own.
struct Listening {
    address: SocketAddr,
    app: Arc<App>,
    stop: Option<oneshot::Sender<Stop>>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    fn new(app: Arc<App>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&app);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                serve(listener, shared, async { stopped.await.expect("somebody who stops it") }).await;
            });
        });
        Self { address, app, stop: Some(stop), thread: Some(thread) }
    }

    fn tiny(options: ServeOptions) -> Self {
        Self::new(app(options, vec![models::tiny()]))
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(45))).expect("a timeout");
        Client(BufReader::new(stream))
    }

    fn tell_to_stop(&mut self, drain_delay: Duration) {
        let stop = Stop { drain_delay, grace: Duration::from_secs(30) };
        self.stop.take().expect("told once").send(stop).expect("a server that runs");
    }

    fn join(&mut self) {
        self.thread.take().expect("joined once").join().expect("a server that ends well");
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(Stop { drain_delay: Duration::ZERO, grace: Duration::from_millis(100) });
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A client that sends bytes as they are.
struct Client(BufReader<TcpStream>);

/// The status, the head in lower case, and the body.
type Received = (u16, String, String);

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("a connection that takes bytes");
    }

    fn get(&mut self, path: &str) -> Received {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.receive().expect("an answer")
    }

    /// The next answer; `None` if the server has closed the connection.
    fn receive(&mut self) -> Option<Received> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.0.read_line(&mut head) {
                Ok(0) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                read => read.expect("a line of the head"),
            };
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).expect("the body");
        Some((status, head, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Whether the server closes the connection within the read timeout.
    fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn head(length: usize) -> String {
    format!("POST {DETECT} HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n")
}

fn request() -> Vec<u8> {
    [head(DOG_JPEG.len()).as_bytes(), DOG_JPEG].concat()
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = Listening::tiny(options());
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(request());
        let (status, head, body) = client.receive().expect("an answer");
        assert!(status == 200 && body.contains("\"detections\""), "{head}{body}");
        assert!(!head.contains("connection: close"), "{head}");
        assert_eq!(client.get("/health/ready").0, 200);
    }
    client.send("GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.receive().map(|answer| answer.0), Some(200));
    assert!(client.is_closed());
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_sent() {
    let server = Listening::tiny(ServeOptions { max_body: 1000, ..options() });
    let mut announced = server.connect();
    announced.send(head(1_000_000_000_000));
    assert_eq!(announced.receive().map(|answer| answer.0), Some(413));
    let mut asking = server.connect();
    asking.send(head(5000).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(asking.receive().map(|answer| answer.0), Some(413), "and not 100 Continue");
    let mut chunked = server.connect();
    chunked.send(head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked"));
    let chunk = [b"258\r\n", &[7; 600][..], b"\r\n"].concat();
    chunked.send(&chunk);
    chunked.send(&chunk);
    assert_eq!(chunked.receive().map(|answer| answer.0), Some(413), "the body has no end");
}

#[test]
fn a_client_that_asks_is_told_to_continue() {
    let server = Listening::tiny(options());
    let mut client = server.connect();
    client.send(head(DOG_JPEG.len()).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(client.receive().map(|answer| answer.0), Some(100));
    client.send(DOG_JPEG);
    assert_eq!(client.receive().map(|answer| answer.0), Some(200));
}

#[test]
fn a_chunked_body_is_a_body() {
    let server = Listening::tiny(options());
    let mut client = server.connect();
    client.send(head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked"));
    for part in DOG_JPEG.chunks(1000) {
        client.send([format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.receive().map(|answer| answer.0), Some(200));
}

#[test]
fn a_slow_body_is_given_up() {
    let server = Listening::tiny(ServeOptions { request_timeout: Duration::from_millis(300), ..options() });
    let mut client = server.connect();
    client.send(head(1000));
    client.send("a few bytes");
    let (status, head, body) = client.receive().expect("an answer");
    assert!(status == 408 && head.contains("application/problem+json") && body.contains("408"), "{head}{body}");
    assert!(client.is_closed(), "the rest of the body would be taken for a request");
}

#[test]
fn slow_heads_and_silent_connections_are_closed() {
    let server = Listening::tiny(ServeOptions { request_timeout: Duration::from_secs(1), ..options() });
    let beginnings =
        ["", "P", "GET /health/live HTTP/1.1\r\nHost: a\r\n", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"];
    let clients = beginnings.map(|beginning| {
        let mut client = server.connect();
        client.send(beginning);
        std::thread::spawn(move || (beginning, client.is_closed()))
    });
    let open: Vec<_> =
        clients.into_iter().map(|client| client.join().expect("a client")).filter(|(_, closed)| !closed).collect();
    assert!(open.is_empty(), "still open after 45 seconds: {open:?}");
}

#[test]
fn malformed_requests_are_refused_and_harm_nobody() {
    let server = Listening::tiny(options());
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(1000));
    for bytes in [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        &head(0).replace(": 0", ": -1"),
        &head(0).replace(": 0", ": many"),
        &head(0).replace("Content-Length: 0", "Content-Length: 3\r\nContent-Length: 4"),
        &long,
        &many,
    ] {
        let mut client = server.connect();
        // The server may close while a long head is still sent.
        let _ = client.0.get_mut().write_all(bytes.as_bytes());
        let status = client.receive().map(|answer| answer.0);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?} for {bytes:.40}");
        assert_eq!(server.connect().get("/health/live").0, 200);
    }
}

#[test]
fn a_body_that_breaks_off_is_malformed() {
    let server = Listening::tiny(options());
    let mut client = server.connect();
    client.send(head(DOG_JPEG.len()));
    client.send(&DOG_JPEG[..1000]);
    client.0.get_mut().shutdown(Shutdown::Write).expect("a half-closed connection");
    assert!(client.receive().is_none_or(|answer| answer.0 == 400));
    let mut client = server.connect();
    client.send(request());
    assert_eq!(client.receive().map(|answer| answer.0), Some(200));
}

/// Asks until it is so, at most ten seconds.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}: not within ten seconds");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_that_goes_leaves_the_queue() {
    // Without workers whoever is let in waits.
    let server = Listening::tiny(ServeOptions { queue: 1, workers: 0, ..options() });
    let metrics = || server.connect().get("/metrics").2;
    let pending = |count| format!("nv_inference_pending_request_count{{model=\"tiny\",version=\"1\"}} {count}\n");
    let mut first = server.connect();
    first.send(request());
    wait_for("the first waits", || metrics().contains(&pending(1)));
    let mut second = server.connect();
    second.send(request());
    assert_eq!(second.receive().map(|answer| answer.0), Some(429));
    drop(first);
    let canceled = "nv_inference_request_failure{model=\"tiny\",reason=\"CANCELED\",version=\"1\"} 1\n";
    wait_for("the first is counted", || metrics().contains(canceled));
    assert!(metrics().contains(&pending(0)));
    second.send(request());
    wait_for("the second has its place", || metrics().contains(&pending(1)));
}

#[test]
fn a_server_that_stops_finishes_what_it_has_begun() {
    let mut server = Listening::new(app(options(), vec![models::slow()]));
    let mut working = server.connect();
    working.send(request());
    let pending = "nv_inference_pending_request_count{model=\"slow\",version=\"1\"} 1\n";
    let mut idle = server.connect();
    wait_for("the request is worked on", || idle.get("/metrics").2.contains(pending));
    server.tell_to_stop(Duration::ZERO);
    let (status, head, body) = working.receive().expect("an answer");
    assert!(status == 200 && body.contains("\"detections\""), "{head}{body}");
    assert!(head.contains("connection: close") && working.is_closed(), "{head}");
    assert!(idle.is_closed());
    server.join();
    TcpStream::connect(server.address).expect_err("nobody listens");
}

#[test]
fn a_server_that_drains_still_answers_but_is_not_ready() {
    let mut server = Listening::tiny(options());
    let mut kept = server.connect();
    assert_eq!(kept.get("/health/ready").0, 200);
    server.tell_to_stop(Duration::from_secs(3));
    wait_for("it drains", || server.connect().get("/health/ready").0 == 503);
    let mut late = server.connect();
    late.send(request());
    let (status, head, _) = late.receive().expect("an answer");
    assert!(status == 200 && head.contains("connection: close"), "{head}");
    assert!(late.is_closed());
    let (status, head, _) = kept.get("/health/live");
    assert!(status == 200 && head.contains("connection: close"), "{head}");
    assert!(kept.is_closed());
    server.join();
    TcpStream::connect(server.address).expect_err("nobody listens");
}

#[tokio::test]
async fn the_router_and_the_listener_count_together() {
    let server = Listening::tiny(options());
    let address = server.address;
    let status = tokio::task::spawn_blocking(move || {
        let mut client = Client(BufReader::new(TcpStream::connect(address).expect("a connection")));
        client.get("/nowhere").0
    });
    assert_eq!(status.await.expect("an answer"), 404);
    let router = Server::new(Arc::clone(&server.app));
    assert_eq!(router.metric("ocelli_http_responses_total{status=\"404\"}").await, 1.0);
}
