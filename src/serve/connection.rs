//! Listens, serves connections, and stops without losing a request.

use super::App;
use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// How long to wait after the system refused a connection, for lack of file handles say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long connections are still read after the last one was accepted.
const LAST_REQUESTS: Duration = Duration::from_millis(200);

/// How the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// How long requests are still accepted after readiness turned 503, for load balancers to notice.
    pub drain_delay: Duration,
    /// How long requests in flight may still take after that.
    pub grace: Duration,
}

/// Serves until `shutdown` resolves, then stops as it says: readiness turns 503 at once, new requests are still
/// answered during the drain delay, and what is in flight afterwards is finished.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = Stop>) {
    let server = Server::new(Arc::clone(&app));
    let stop = tokio::select! {
        stop = shutdown => stop,
        never = server.accept_all(&listener) => never,
    };
    app.drain();
    tracing::info!(delay_s = stop.drain_delay.as_secs_f64(), "draining");
    let _ = timeout(stop.drain_delay, server.accept_all(&listener)).await;
    // Connections that the system has accepted already hold requests of clients that were never told to go.
    while let Ok(Ok((stream, _))) = timeout(Duration::from_millis(1), listener.accept()).await {
        server.serve(stream);
    }
    drop(listener);
    // A client that has just sent a request over an idle connection must not find it closed.
    sleep(LAST_REQUESTS).await;
    if timeout(stop.grace, server.connections.shutdown()).await.is_err() {
        tracing::warn!(grace_s = stop.grace.as_secs_f64(), "requests were still in flight after the grace period");
    }
    tracing::info!("stopped");
}

struct Server {
    router: Router,
    builder: Builder,
    connections: GracefulShutdown,
}

impl Server {
    fn new(app: Arc<App>) -> Self {
        let mut builder = Builder::new();
        // Without a timer there is no timeout, and `axum::serve` installs none. It closes connections that are idle or
        // silent, too. HTTP/2 without TLS is left out: telling it from HTTP/1 would wait for bytes without a timeout.
        builder.timer(TokioTimer::new()).header_read_timeout(app.options.request_timeout);
        Self { router: app.router(), builder, connections: GracefulShutdown::new() }
    }

    /// Never returns of itself.
    async fn accept_all(&self, listener: &TcpListener) -> Stop {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.serve(stream),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream) {
        // Answers are small: they should not wait for more to send.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let connection = self.connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
