//! The simulator as clients meet it: through real HTTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Assumptions, Config, PaidTwice, PaymentOptions, Sandbox, SignedNotice, start, tokens};

const SECRET: &str = "a/secret+of=the service";

fn begin() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-02T09:30:00-05:00").unwrap().to_utc()
}

fn config() -> Config {
    Config::new(1234, "ACCESS", SECRET, 7, begin())
}

/// A simulator with a client that holds a token.
struct Client {
    sandbox: Sandbox,
    http: reqwest::Client,
    token: String,
}

impl Client {
    async fn new() -> Client {
        Client::with(config()).await
    }

    async fn with(config: Config) -> Client {
        let sandbox = start(config).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut client = Client { sandbox, http, token: String::new() };
        client.token = client.authorize().await.1["data"]["token"].as_str().unwrap().to_owned();
        client
    }

    async fn authorize(&self) -> (u16, Value) {
        self.send("POST", "/v1/authorizations", authorization("2026-03-02T09:30:00-05:00")).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.send_raw(method, path, body.to_string()).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn send_raw(&self, method: &str, path: &str, body: String) -> (u16, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.sandbox.base_url()));
        let answer = request
            .header("Authorization", format!("Bearer {}", self.token))
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// A new CIP over S/22.50 that may be paid until 10:30.
    async fn create(&self) -> u64 {
        let (status, answer) = self.send("POST", "/v1/cips", order("PED-1")).await;
        assert_eq!(status, 201, "{answer}");
        answer["data"]["cip"].as_u64().unwrap()
    }

    async fn search(&self, cip: u64) -> Value {
        let (status, answer) = self.send("POST", "/v1/cips/search", json!({"data": [{"cip": cip}]})).await;
        assert_eq!((status, &answer["code"]), (200, &json!(100)));
        answer["data"][0].clone()
    }

    fn advance(&self, seconds: u64) {
        self.sandbox.clock().advance(Duration::from_secs(seconds));
    }
}

fn authorization(date_request: &str) -> Value {
    json!({
        "accessKey": "ACCESS", "idService": 1234, "dateRequest": date_request,
        "hashString": tokens::authorization_hash(1234, "ACCESS", SECRET, date_request),
    })
}

fn order(reference: &str) -> Value {
    json!({
        "currency": "PEN", "amount": 22.50, "transactionCode": reference, "userEmail": "buyer@example.com",
        "dateExpiry": "2026-03-02T10:30:00-05:00",
    })
}

#[tokio::test]
async fn an_authorization_gives_a_token_with_its_times() {
    let client = Client::with(Config { token_lifetime_seconds: 300, ..config() }).await;
    let (status, answer) = client.authorize().await;
    assert_eq!((status, &answer["code"]), (201, &json!(100)));
    assert_eq!(answer["data"]["codeService"], "SBX");
    assert_eq!(answer["data"]["tokenStart"], "2026-03-02T09:30:00-05:00");
    assert_eq!(answer["data"]["tokenExpires"], "2026-03-02T09:35:00-05:00");
}

#[tokio::test]
async fn an_authorization_names_what_is_wrong() {
    let client = Client::new().await;
    let check = async |change: (&str, Value), code: u16, field: &str| {
        let mut body = authorization("2026-03-02T09:30:00-05:00");
        body[change.0] = change.1;
        let (status, answer) = client.send("POST", "/v1/authorizations", body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(111)), "{field}");
        assert_eq!((&answer["data"][0]["code"], &answer["data"][0]["field"]), (&json!(code), &json!(field)));
    };
    check(("accessKey", json!("OTHER")), 113, "accessKey").await;
    check(("idService", json!(4321)), 113, "idService").await;
    check(("hashString", json!("0".repeat(64))), 113, "hashString").await;
    check(("hashString", Value::Null), 112, "hashString").await;
    // The hash is over the exact text: an equal time written otherwise does not do.
    check(("dateRequest", json!("2026-03-02T09:30:01-05:00")), 113, "hashString").await;
    // A machine on UTC that stamps its wall clock with Lima's offset is five hours off.
    let (status, answer) =
        client.send("POST", "/v1/authorizations", authorization("2026-03-02T14:30:00-05:00")).await;
    assert_eq!((status, &answer["data"][0]["field"]), (400, &json!("dateRequest")));
}

#[tokio::test]
async fn without_a_good_token_every_call_is_401() {
    let assumptions = Assumptions { unauthorized_body: "no".to_owned(), ..Assumptions::default() };
    let mut client = Client::with(Config { assumptions, ..config() }).await;
    let cip = client.create().await;
    let good = client.token.clone();
    client.token = "other".to_owned();
    for (method, path) in [
        ("POST", "/v1/cips".to_owned()),
        ("POST", "/v1/cips/search".to_owned()),
        ("PATCH", format!("/v1/cips/{cip}")),
        ("DELETE", format!("/v1/cips/{cip}")),
    ] {
        assert_eq!(
            client.send_raw(method, &path, "{}".to_owned()).await,
            (401, "no".to_owned()),
            "{method} {path}"
        );
    }
    client.token = good;
    client.advance(7_199);
    assert_eq!(client.search(cip).await["cip"], cip);
    client.advance(1);
    let (status, _) = client.send("POST", "/v1/cips/search", json!({"data": [{"cip": cip}]})).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_created_cip_is_answered_as_documented() {
    let client = Client::new().await;
    let (status, text) = client.send_raw("POST", "/v1/cips", order("PED-1").to_string()).await;
    assert_eq!(status, 201);
    assert!(text.contains(r#""currency":"PEN","amount":22.5,"transactionCode":"PED-1""#), "{text}");
    let data: Value = serde_json::from_str::<Value>(&text).unwrap()["data"].clone();
    assert!(data["cip"].as_u64().unwrap() > u64::from(u32::MAX));
    assert_eq!(data["dateExpiry"], "2026-03-02T10:30:00-05:00");
    assert!(data["cipUrl"].as_str().unwrap().ends_with(".html"));
}

#[tokio::test]
async fn a_bad_creation_is_answered_with_the_error_envelope() {
    let client = Client::new().await;
    let check = async |field: &str, value: Value, code: u16, inner: Option<u16>| {
        let mut body = order("PED-1");
        body[field] = value;
        let (status, answer) = client.send("POST", "/v1/cips", body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{field}");
        assert_eq!(answer["data"][0]["code"], json!(inner), "{field}");
        assert!(!answer["message"].as_str().unwrap().is_empty());
    };
    check("transactionCode", Value::Null, 111, Some(112)).await;
    check("amount", json!("22.505"), 111, Some(113)).await;
    check("serviceId", json!(9), 508, None).await;
    check("amount", json!(3725), 511, None).await;
    let (status, text) = client.send_raw("POST", "/v1/cips", "nonsense".to_owned()).await;
    assert_eq!(status, 400);
    assert!(text.starts_with(r#"{"code":111,"#), "{text}");
}

#[tokio::test]
async fn a_search_shows_a_generated_cip() {
    let client = Client::new().await;
    let cip = client.create().await;
    let found = client.search(cip).await;
    let page = found["token"].clone();
    let expected = json!({
        "cip": cip, "transactionCode": "PED-1", "amount": 22.5, "currency": "PEN", "status": 22,
        "statusName": "Generado.", "dateCreation": "2026-03-02T09:30:00-05:00",
        "dateExpiry": "2026-03-02T10:30:00-05:00", "datePayment": "1900-01-01T00:00:00-05:00",
        "dateRemoval": "1900-01-01T00:00:00-05:00", "token": page,
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn unknown_cips_are_empty_structures_in_their_place() {
    let client = Client::new().await;
    let cip = client.create().await;
    let body = json!({"data": [{"cip": 1}, {"cip": cip}, {"cip": 2}]});
    let (status, answer) = client.send("POST", "/v1/cips/search", body).await;
    assert_eq!(status, 200);
    assert_eq!((&answer["data"][0], &answer["data"][2]), (&json!({}), &json!({})));
    assert_eq!(answer["data"][1]["cip"], cip);
}

#[tokio::test]
async fn a_search_of_too_many_is_refused() {
    let assumptions = Assumptions { search_cips_max: 2, ..Assumptions::default() };
    let client = Client::with(Config { assumptions, ..config() }).await;
    let (status, answer) =
        client.send("POST", "/v1/cips/search", json!({"data": [{"cip": 1}, {"cip": 2}, {"cip": 3}]})).await;
    assert_eq!((status, &answer["data"][0]["field"]), (400, &json!("data")));
}

#[tokio::test]
async fn a_paid_cip_shows_its_payment() {
    let client = Client::new().await;
    let cip = client.create().await;
    client.advance(60);
    let options = PaymentOptions { amount_minor: Some(2_200), ..PaymentOptions::default() };
    let payment = client.sandbox.pay(cip, options).unwrap();
    assert_eq!(payment.operation_number.len(), 8);
    let found = client.search(cip).await;
    assert_eq!((&found["status"], &found["statusName"]), (&json!(23), &json!("Cancelado.")));
    assert_eq!((&found["amount"], &found["datePayment"]), (&json!(22), &json!("2026-03-02T09:31:00-05:00")));
}

#[tokio::test]
async fn an_extorno_returns_a_cip_to_generated() {
    let client = Client::new().await;
    let cip = client.create().await;
    client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    client.sandbox.extorno(cip, None).unwrap();
    let found = client.search(cip).await;
    assert_eq!((&found["status"], &found["datePayment"]), (&json!(22), &json!("1900-01-01T00:00:00-05:00")));
    assert_eq!(client.sandbox.take_notices().len(), 1, "the payment's alone");
}

#[tokio::test]
async fn which_of_two_payments_is_shown_is_a_setting() {
    for (paid_twice, expected) in
        [(PaidTwice::First, "2026-03-02T09:30:00-05:00"), (PaidTwice::Latest, "2026-03-02T09:31:00-05:00")]
    {
        let client = Client::with(Config {
            assumptions: Assumptions { paid_twice, ..Default::default() },
            ..config()
        });
        let client = client.await;
        let cip = client.create().await;
        client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
        client.advance(60);
        client.sandbox.pay(cip, PaymentOptions { again: true, ..Default::default() }).unwrap();
        assert_eq!(client.search(cip).await["datePayment"], expected);
    }
}

#[tokio::test]
async fn an_extension_reopens_an_expired_cip() {
    let client = Client::new().await;
    let cip = client.create().await;
    client.advance(3_600);
    let found = client.search(cip).await;
    assert_eq!((&found["status"], &found["statusName"]), (&json!(21), &json!("Expirado.")));
    let path = format!("/v1/cips/{cip}");
    let extension = json!({"dateExpiry": "2026-03-03T10:30:00-05:00"});
    let answer = client.send("PATCH", &path, extension.clone()).await;
    assert_eq!((answer.0, &answer.1["code"], &answer.1["data"]), (200, &json!(100), &json!({})));
    let found = client.search(cip).await;
    assert_eq!((&found["status"], &found["dateExpiry"]), (&json!(22), &json!("2026-03-03T10:30:00-05:00")));
    client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    let (status, answer) = client.send("PATCH", &path, extension).await;
    assert_eq!((status, &answer["data"][0]["field"]), (400, &json!("cip")), "a paid one is not extended");
}

#[tokio::test]
async fn a_bad_extension_is_refused() {
    let client = Client::new().await;
    let cip = client.create().await;
    let check = async |path: String, body: Value, status: u16| {
        assert_eq!(client.send("PATCH", &path, body).await.0, status, "{path}");
    };
    check(format!("/v1/cips/{cip}"), json!({"dateExpiry": "2026-03-01T00:00:00-05:00"}), 400).await;
    check(format!("/v1/cips/{cip}"), json!({}), 400).await;
    check("/v1/cips/1".to_owned(), json!({"dateExpiry": "2026-03-03T00:00:00-05:00"}), 404).await;
    check("/v1/cips/abc".to_owned(), json!({"dateExpiry": "2026-03-03T00:00:00-05:00"}), 400).await;
}

#[tokio::test]
async fn a_removal_is_logical_and_only_while_generated() {
    let assumptions = Assumptions { removed_status: 25, ..Assumptions::default() };
    let client = Client::with(Config { assumptions, ..config() }).await;
    let (removed, paid) = (client.create().await, client.create().await);
    let path = format!("/v1/cips/{removed}");
    let (status, answer) = client.send("DELETE", &path, Value::Null).await;
    assert_eq!((status, &answer["code"], &answer["data"]), (200, &json!(100), &json!({})));
    let found = client.search(removed).await;
    assert_eq!((&found["status"], &found["dateRemoval"]), (&json!(25), &json!("2026-03-02T09:30:00-05:00")));
    assert_eq!(client.send("DELETE", &path, Value::Null).await.0, 400, "again");
    client.sandbox.pay(paid, PaymentOptions::default()).unwrap();
    assert_eq!(client.send("DELETE", &format!("/v1/cips/{paid}"), Value::Null).await.0, 400, "paid");
    assert_eq!(client.send("DELETE", "/v1/cips/1", Value::Null).await.0, 404, "unknown");
}

#[tokio::test]
async fn faults_that_are_asked_for_are_500_with_code_166() {
    let client = Client::new().await;
    client.sandbox.fail_next(1);
    let (status, answer) = client.send("POST", "/v1/cips/search", json!({"data": [{"cip": 1}]})).await;
    assert_eq!((status, &answer["code"]), (500, &json!(166)));
    assert_eq!(client.search(1).await, json!({}));
}

#[tokio::test]
async fn the_same_seed_and_calls_give_the_same_bytes() {
    let transcript = async |seed: u64| {
        let client = Client::with(Config { seed, ..config() }).await;
        let created = client.send_raw("POST", "/v1/cips", order("PED-1").to_string()).await;
        let cip = client.create().await;
        let found =
            client.send_raw("POST", "/v1/cips/search", json!({"data": [{"cip": cip}]}).to_string()).await;
        client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
        (client.token.clone(), created, found, client.sandbox.take_notices())
    };
    assert_eq!(transcript(7).await, transcript(7).await);
    assert_ne!(transcript(7).await, transcript(8).await);
}

/// A receiver that keeps what it gets and answers with the statuses given, then with 200.
async fn receiver(statuses: &[u16]) -> (String, Arc<Mutex<Vec<SignedNotice>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    let statuses = statuses.to_vec();
    let handler = move |headers: HeaderMap, body: Bytes| async move {
        assert_eq!(headers["content-type"], "application/json");
        let signature = headers["PE-Signature"].to_str().unwrap().to_owned();
        let mut kept = kept.lock().unwrap();
        kept.push(SignedNotice { body: body.to_vec(), signature });
        StatusCode::from_u16(*statuses.get(kept.len() - 1).unwrap_or(&200)).unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callbacks/tienda", listener.local_addr().unwrap());
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/callbacks/tienda", post(handler))).await
    });
    (url, got)
}

#[tokio::test]
async fn a_notice_reaches_its_receiver_signed_over_its_bytes() {
    let (url, got) = receiver(&[]).await;
    let client = Client::new().await;
    let cip = client.create().await;
    let payment = client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    let notice = client.sandbox.take_notices().remove(0);
    assert_eq!(notice.post(&url).await.unwrap(), 200);
    assert_eq!(got.lock().unwrap().as_slice(), std::slice::from_ref(&notice));
    assert_eq!(notice, SignedNotice::sign(notice.body.clone(), SECRET));
    let body: Value = serde_json::from_slice(&notice.body).unwrap();
    assert_eq!(body["data"]["cip"], cip.to_string());
    assert_eq!(body["operationNumber"], payment.operation_number);
}

#[tokio::test]
async fn a_notice_is_tried_twice_and_then_lost() {
    for (statuses, expected, attempts) in
        [(&[][..], Some(200), 1), (&[503][..], Some(200), 2), (&[503, 503][..], Some(503), 2)]
    {
        let (url, got) = receiver(statuses).await;
        let client = Client::new().await;
        client.sandbox.set_notice_url(Some(url));
        let cip = client.create().await;
        client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
        assert_eq!(client.sandbox.send_notices().await.unwrap(), [expected]);
        assert_eq!(got.lock().unwrap().len(), attempts);
        assert_eq!(client.sandbox.take_notices(), []);
    }
}

#[tokio::test]
async fn notices_wait_while_there_is_no_url_and_fail_while_nobody_listens() {
    let client = Client::new().await;
    let cip = client.create().await;
    client.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    assert!(client.sandbox.send_notices().await.is_err());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    client.sandbox.set_notice_url(Some(nobody));
    assert_eq!(client.sandbox.send_notices().await.unwrap(), [None]);
}

#[tokio::test]
async fn a_forged_notice_bears_another_signature() {
    let client = Client::new().await;
    let cip = client.create().await;
    let forged = client.sandbox.forged_notice(cip, "guess").unwrap();
    assert_ne!(forged.signature, SignedNotice::sign(forged.body.clone(), SECRET).signature);
    assert_eq!(client.search(cip).await["status"], 22);
    assert!(client.sandbox.forged_notice(1, "guess").is_err());
}

#[tokio::test]
async fn a_shopper_pays_over_the_control_surface() {
    let (url, got) = receiver(&[]).await;
    let client = Client::new().await;
    let cip = client.create().await;
    assert_eq!(client.send("POST", "/_sandbox/notice-url", json!({"url": url})).await.0, 200);
    let wanted = json!({"cip": cip, "amount": "22.00", "operation_number": "42"});
    let (status, answer) = client.send("POST", "/_sandbox/pay", wanted.clone()).await;
    let expected = json!({
        "operation_number": "42", "paid_at": "2026-03-02T09:30:00-05:00", "notices": [{"attempts": 1, "status": 200}],
    });
    assert_eq!((status, answer), (200, expected));
    assert!(String::from_utf8_lossy(&got.lock().unwrap()[0].body).contains(r#""amount":22.00"#));
    let (status, answer) = client.send("POST", "/_sandbox/pay", wanted).await;
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("is paid"));
    let (status, answer) = client.send("POST", "/_sandbox/extorno", json!({"cip": cip})).await;
    assert_eq!((status, &answer["operation_number"]), (200, &json!("42")));
}

#[tokio::test]
async fn time_moves_over_the_control_surface() {
    let client = Client::new().await;
    let check = async |body: Value, status: u16, now: Option<&str>| {
        let (got, answer) = client.send("POST", "/_sandbox/clock", body).await;
        assert_eq!((got, answer["now"].as_str()), (status, now));
    };
    check(json!({"advance_seconds": 3600}), 200, Some("2026-03-02T10:30:00-05:00")).await;
    check(json!({"now": "2026-03-05T00:00:00-05:00"}), 200, Some("2026-03-05T00:00:00-05:00")).await;
    check(json!({"now": "soon"}), 400, None).await;
    check(json!({}), 400, None).await;
    check(json!({"advance_minutes": 1}), 400, None).await;
}

#[tokio::test]
async fn waiting_notices_and_forgeries_are_shown_for_use_by_hand() {
    let client = Client::new().await;
    let cip = client.create().await;
    client.send("POST", "/_sandbox/pay", json!({"cip": cip})).await;
    let (_, waiting) = client.send("GET", "/_sandbox/notices", Value::Null).await;
    let body = waiting[0]["body"].as_str().unwrap().as_bytes().to_vec();
    assert_eq!(waiting[0]["signature"], SignedNotice::sign(body, SECRET).signature);
    let (status, answer) = client.send("POST", "/_sandbox/notices/send", Value::Null).await;
    assert_eq!(status, 409, "{answer}");
    let (_, forged) = client.send("POST", "/_sandbox/forge", json!({"cip": cip, "key": "guess"})).await;
    let body = forged["body"].as_str().unwrap().as_bytes().to_vec();
    assert_eq!(forged["signature"], SignedNotice::sign(body, "guess").signature);
    let (_, overview) = client.send("GET", "/_sandbox", Value::Null).await;
    assert_eq!((&overview["cips"], &overview["notices_due"]), (&json!(1), &json!(1)));
    assert!(!overview.to_string().contains("secret"));
    client.send("POST", "/_sandbox/fault", json!({"requests": 1})).await;
    assert_eq!(client.authorize().await.0, 500);
}

#[tokio::test]
async fn the_control_surface_refuses_an_unknown_cip() {
    let client = Client::new().await;
    for path in ["/_sandbox/pay", "/_sandbox/extorno", "/_sandbox/forge"] {
        assert_eq!(client.send("POST", path, json!({"cip": 1})).await.0, 404, "{path}");
    }
    assert_eq!(client.send("POST", "/_sandbox/notice-url", json!({"url": "ftp://x"})).await.0, 400);
}

#[tokio::test]
async fn a_taken_port_says_what_to_do_and_a_stopped_simulator_frees_it() {
    let first = start(config()).await.unwrap();
    let port = first.base_url().rsplit(':').next().unwrap().parse().unwrap();
    let error = start(Config { port, ..config() }).await.err().unwrap();
    assert!(error.to_string().contains("choose another port"), "{error}");
    first.shutdown().await.unwrap();
    start(Config { port, ..config() }).await.unwrap().shutdown().await.unwrap();
}

#[tokio::test]
async fn a_fault_is_asked_for_by_its_name() {
    let client = Client::new().await;
    let cip = client.create().await;
    let search = json!({"data": [{"cip": cip}]}).to_string();
    let check = async |fault: Value, status: u16, begins: &str| {
        let wanted = json!({"requests": 1, "matching": "POST /v1/cips/search", "fault": fault});
        let (done, answer) = client.send("POST", "/_sandbox/fault", wanted).await;
        assert_eq!(done, 200, "{answer}");
        let (found, text) = client.send_raw("POST", "/v1/cips/search", search.clone()).await;
        assert!(found == status && text.starts_with(begins), "{fault}: {found} {text}");
        assert_eq!(client.search(cip).await["cip"], cip, "{fault} is spent");
    };
    check(json!("html"), 200, "<!DOCTYPE").await;
    check(json!("empty"), 200, "").await;
    check(json!({"status": 403}), 403, "<!DOCTYPE").await;
    check(json!({"busy": "120"}), 429, "").await;
    check(json!("text_code"), 200, "{\"code\":\"100\"").await;
    check(json!({"code": 166}), 200, "{\"code\":166").await;
    check(json!({"long": 10}), 200, "{\"padding\":\"xxxxxxxxxx\",\"code\":100").await;
    let (refused, _) = client.send("POST", "/_sandbox/fault", json!({"fault": "flood"})).await;
    assert_eq!(refused, 400);
}
