//! What a provider sends, written without the code under test.

use cuadre_callback::{Context, Event, Headers, Http, PathParameters};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// `PE-Signature` of a body.
pub fn signature(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The event of an HTTP API that brings a body and its signature.
pub fn event(account: &str, body: &[u8], signature: &str) -> Event {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let text = std::str::from_utf8(body).map(str::to_owned);
    let is_base64_encoded = text.is_err();
    Event {
        raw_path: format!("/callbacks/{account}"),
        headers: Headers(vec![header("content-type", "application/json"), header("pe-signature", signature)]),
        request_context: Context {
            http: Http { method: "POST".to_owned(), source_ip: "192.0.2.10".to_owned() },
        },
        path_parameters: Some(PathParameters { account: account.to_owned() }),
        body: Some(
            text.unwrap_or_else(|_| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body)),
        ),
        is_base64_encoded,
    }
}

/// The secret of an account.
pub fn secret(key: &str) -> String {
    format!(r#"{{"id_service":1234,"access_key":"access","secret_key":"{key}"}}"#)
}
