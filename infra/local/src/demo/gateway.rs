//! An HTTP API on 127.0.0.1 in place of API Gateway: each request becomes the event that the callback function gets on
//! AWS, and its answer goes back.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cuadre::calendar::Instant;
use cuadre_callback::{Answer, Clients, Config, Event, Headers, PathParameters};
use cuadre_sandbox::SandboxClock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The callback function with what it needs.
pub(super) struct Callback {
    pub(super) clients: Clients,
    pub(super) config: Config,
    /// Stands in for the platform's clock.
    pub(super) clock: SandboxClock,
}

/// A running gateway; it stops when it is dropped.
pub(super) struct Gateway {
    base_url: String,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Gateway {
    pub(super) async fn start(callback: Callback) -> std::io::Result<Gateway> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/callbacks/{account}", any(call)).with_state(Arc::new(callback));
        Ok(Gateway { base_url, serving: tokio::spawn(async move { axum::serve(listener, router).await }) })
    }

    /// Where the provider sends the notices of an account.
    pub(super) fn callback_url(&self, account: &str) -> String {
        format!("{}/callbacks/{account}", self.base_url)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn call(
    State(callback): State<Arc<Callback>>,
    Path(account): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(now) = Instant::from_utc(callback.clock.now()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let event = event(account, &method, &headers, &body);
    answer(&cuadre_callback::handle(event, &callback.clients, &callback.config, now).await)
}

/// The event of an HTTP API, payload 2.0: text as it is, other bytes in base64.
fn event(account: String, method: &Method, headers: &HeaderMap, body: &Bytes) -> Event {
    let readable = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let mut event = Event {
        raw_path: format!("/callbacks/{account}"),
        headers: Headers(headers.iter().filter_map(readable).collect()),
        path_parameters: Some(PathParameters { account }),
        ..Event::default()
    };
    event.request_context.http.method = method.to_string();
    event.request_context.http.source_ip = Ipv4Addr::LOCALHOST.to_string();
    match std::str::from_utf8(body) {
        Ok(text) => event.body = Some(text.to_owned()),
        Err(_) => {
            event.body = Some(STANDARD.encode(body));
            event.is_base64_encoded = true;
        }
    }
    event
}

fn answer(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::BAD_GATEWAY);
    (status, [(CONTENT_TYPE, answer.headers.content_type)], answer.body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_as_it_is_and_other_bytes_in_base64() {
        let check = |body: &'static [u8], expected: &str, base64: bool| {
            let event =
                event("tienda".to_owned(), &Method::POST, &HeaderMap::new(), &Bytes::from_static(body));
            assert_eq!((event.body.as_deref(), event.is_base64_encoded), (Some(expected), base64));
            assert_eq!(event.account(), Some("tienda"));
        };
        check(b"{ \"a\":1 }\r\n", "{ \"a\":1 }\r\n", false);
        check(b"\xff\xef", "/+8=", true);
    }
}
