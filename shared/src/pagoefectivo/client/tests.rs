//! The client against answers given byte for byte.

use std::time::Duration;

use super::stub::{Stub, answer};
use super::*;

const TOKEN: &str = r#"{"code":100,"data":{"token":"t","codeService":"X","tokenStart":"2026-03-02T09:30:00-05:00","tokenExpires":"2026-03-02T11:30:00-05:00"}}"#;

fn keys() -> Credentials {
    let secret = |text: &str| Secret::new(text.to_owned());
    Credentials { id_service: 1234, access_key: secret("access"), secret_key: secret("secret") }
}

fn now() -> Instant {
    Instant::parse("2026-03-02T09:30:00-05:00").unwrap()
}

fn client(answers: &[(&str, &str)]) -> (Client, Stub) {
    let stub = Stub::start(answers.iter().map(|(head, body)| answer(head, body).into_bytes()).collect());
    let persistence = Persistence { first_wait: Duration::from_millis(1), ..Persistence::default() };
    (Client::new(&stub.url(), persistence).unwrap(), stub)
}

/// What comes of a search against these answers; one request more than there are answers is `Unreachable`.
async fn search(answers: &[(&str, &str)]) -> Result<Exchange, ClientError> {
    client(answers).0.search(&keys(), &[Cip::parse("7").unwrap()], &now).await
}

#[tokio::test]
async fn trouble_passes_within_three_attempts_or_is_reported() {
    let empty = ("200 OK", r#"{"code":100,"data":[{}]}"#);
    let result = search(&[
        ("201 Created", TOKEN),
        ("503 Service Unavailable\r\nretry-after: 0", ""),
        ("429 Too Many Requests\r\nretry-after: 0", ""),
        empty,
    ])
    .await;
    assert_eq!(result.unwrap().answer.unknown, [Cip::parse("7").unwrap()]);
    let trouble = ("500 Internal Server Error", r#"{"code":"166","message":"x","data":[]}"#);
    let error = search(&[("201 Created", TOKEN), trouble, trouble, trouble]).await.unwrap_err().to_string();
    assert!(error.contains("(HTTP 500, code 166): an internal error of the provider"), "{error}");
}

#[tokio::test]
async fn a_wait_that_is_too_long_ends_the_attempts_and_a_refusal_is_not_repeated() {
    let result = search(&[("201 Created", TOKEN), ("429 Too Many Requests\r\nretry-after: 600", "")]).await;
    assert!(matches!(result, Err(ClientError::Trouble { status: 429, .. })));
    let refusal =
        ("400 Bad Request", r#"{"code":"111","message":"x","data":[{"code":113,"field":"hashString"}]}"#);
    let error = search(&[refusal]).await.unwrap_err().to_string();
    assert!(error.contains("/v1/authorizations") && error.contains("code 111"), "{error}");
    assert!(error.ends_with("fields: hashString (invalid)"), "{error}");
}

#[tokio::test]
async fn an_error_under_a_status_of_success_is_one() {
    let failure = ("200 OK", r#"{"code":166,"message":"x","data":[{}]}"#);
    let error = search(&[("201 Created", TOKEN), failure]).await.unwrap_err();
    assert!(error.to_string().contains("(HTTP 200, code 166)") && error.concerns_one_question(), "{error}");
    let error = search(&[("201 Created", r#"{"code":"508","data":null}"#)]).await.unwrap_err();
    assert!(error.to_string().contains("(HTTP 201, code 508)") && !error.concerns_one_question(), "{error}");
    let short = search(&[("201 Created", TOKEN), ("200 OK", r#"{"code":100,"data":[]}"#)]).await.unwrap();
    assert_eq!((short.answer.unknown.len(), short.answer.unreadable.len()), (0, 1));
}

#[tokio::test]
async fn a_token_is_renewed_once_and_a_second_refusal_stands() {
    let (token, refusal) = (("201 Created", TOKEN), ("401 Unauthorized", ""));
    let result = search(&[token, refusal, ("201 Created", &TOKEN.replace("\"t\"", "\"u\"")), refusal]).await;
    assert!(matches!(result, Err(ClientError::Refused { status: 401, .. })));
}

#[tokio::test]
async fn what_is_not_understood_is_said() {
    let check = async |body: &str, why: &str| {
        let error = search(&[("201 Created", TOKEN), ("200 OK", body)]).await.unwrap_err().to_string();
        assert!(error.ends_with(why), "{error}");
        let error = search(&[("200 OK", body)]).await.unwrap_err().to_string();
        assert!(error.contains(AUTHORIZATIONS) && error.ends_with(why), "{error}");
    };
    check("", "the answer is empty").await;
    check("\n<!DOCTYPE html><html>", "the answer is a page or XML, and no JSON").await;
    check(r#"{"code":100,"da"#, "the answer is cut short").await;
    check("\x1f\u{8b}", "the answer is no JSON").await;
    check("[]", "the answer is JSON of another form than is known").await;
    let gzip = ClientError::NotUnderstood { what: SEARCH, why: "is compressed, which nobody asked for" };
    assert_eq!(not_understood(SEARCH, &[0x1f, 0x8b, 8]).to_string(), gzip.to_string());
}

#[tokio::test]
async fn json_is_taken_whatever_its_header_says() {
    let page = ("200 OK\r\ncontent-type: text/html", r#"{"code":"100","data":[{}]}"#);
    let exchange = search(&[("201 Created\r\ncontent-type: text/plain", TOKEN), page]).await.unwrap();
    assert_eq!(exchange.answer.unknown.len(), 1);
}

#[tokio::test]
async fn who_asks_together_waits_for_one_token() {
    let good = ("200 OK", r#"{"code":100,"data":[{}]}"#);
    let (client, stub) = client(&[("201 Created", TOKEN), good, good, good]);
    let (keys, cips) = (keys(), [Cip::parse("7").unwrap()]);
    let (a, b, c) = tokio::join!(
        client.search(&keys, &cips, &now),
        client.search(&keys, &cips, &now),
        client.search(&keys, &cips, &now)
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(stub.requests(), 4);
}
