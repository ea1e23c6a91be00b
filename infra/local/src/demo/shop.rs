//! The shop: it makes CIPs over the provider's API, keeps a book of its orders, and hands over what changed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use cuadre::calendar::Instant;
use cuadre::formats;
use cuadre::ids::Cip;
use cuadre::lifecycle::evidence::{OrderRow, OrderStatus};
use cuadre::money::{Money, format_minor};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::plan::{Code, Order, at};
use super::stage::{ACCESS_KEY, ACCOUNT, ID_SERVICE, SECRET_KEY};
use crate::failure::Failure;

/// How long the provider may take to answer the shop.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// An order in the shop's book.
struct Entry {
    reference: String,
    store: &'static str,
    amount: Money,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// As written down, which a lost digit makes another than the provider's.
    cips: Vec<u64>,
    status: OrderStatus,
    paid_at: Option<DateTime<Utc>>,
    fulfilled_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

/// The shop with its book; orders are known by their place in the plan.
pub(super) struct Shop {
    http: reqwest::Client,
    provider: String,
    token: Option<Token>,
    book: Vec<Option<Entry>>,
    exported_until: Option<DateTime<Utc>>,
}

struct Token {
    text: String,
    expires_at: DateTime<Utc>,
}

impl Shop {
    pub(super) fn new(provider: String, orders: usize) -> Result<Shop, Failure> {
        let http = reqwest::Client::builder().timeout(PROVIDER_TIMEOUT).no_proxy().build();
        let http = http.map_err(|error| Failure::defect("the HTTP client does not start", &error))?;
        let book = std::iter::repeat_with(|| None).take(orders).collect();
        Ok(Shop { http, provider, token: None, book, exported_until: None })
    }

    /// Takes an order and makes its CIP.
    pub(super) async fn place(
        &mut self,
        index: usize,
        order: &Order,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let cip = self.make_cip(order, now).await?;
        let entry = Entry {
            reference: order.reference.clone(),
            store: order.store,
            amount: Money { minor: order.amount_minor, currency: order.currency },
            created_at: now,
            expires_at: at(order.expires_at),
            cips: vec![cip],
            status: OrderStatus::Pending,
            paid_at: None,
            fulfilled_at: None,
            updated_at: now,
        };
        if let Some(place) = self.book.get_mut(index) {
            *place = Some(entry);
        }
        Ok(())
    }

    /// Makes a further CIP for an order.
    pub(super) async fn add_code(
        &mut self,
        index: usize,
        order: &Order,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let cip = self.make_cip(order, now).await?;
        self.change(index, now, |entry| entry.cips.push(cip));
        Ok(())
    }

    /// Loses the last digit of the CIP in the book.
    pub(super) fn lose_digit(&mut self, index: usize, now: DateTime<Utc>) {
        self.change(index, now, |entry| entry.cips.iter_mut().for_each(|cip| *cip /= 10));
    }

    /// Extends the CIP at the provider and leaves the book as it is.
    pub(super) async fn extend(
        &mut self,
        index: usize,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let path = format!("/v1/cips/{}", self.cip(index, Code::First)?);
        self.ask(Method::PATCH, &path, json!({ "dateExpiry": lima(until) }), now).await.map(drop)
    }

    /// Marks an order as paid at this time.
    pub(super) fn record_payment(&mut self, index: usize, paid_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.change(index, now, |entry| {
            if entry.status == OrderStatus::Pending {
                entry.status = OrderStatus::Paid;
                entry.paid_at = Some(paid_at);
            }
        });
    }

    /// Sends the goods.
    pub(super) fn fulfil(&mut self, index: usize, now: DateTime<Utc>) {
        self.change(index, now, |entry| {
            entry.status = OrderStatus::Fulfilled;
            entry.fulfilled_at = Some(now);
        });
    }

    /// Gives an order up because the shopper did.
    pub(super) async fn cancel(
        &mut self,
        index: usize,
        removed: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        if removed {
            let path = format!("/v1/cips/{}", self.cip(index, Code::First)?);
            self.ask(Method::DELETE, &path, Value::Null, now).await?;
        }
        self.change(index, now, |entry| entry.status = OrderStatus::Cancelled);
        Ok(())
    }

    /// Gives an order up because its time is over.
    pub(super) fn expire(&mut self, index: usize, now: DateTime<Utc>) {
        self.change(index, now, |entry| entry.status = OrderStatus::Expired);
    }

    /// The CIP as the shop's book has it.
    pub(super) fn cip(&self, index: usize, code: Code) -> Result<u64, Failure> {
        let place = match code {
            Code::First => 0,
            Code::Second => 1,
        };
        let entry = self.book.get(index).and_then(Option::as_ref);
        let cip = entry.and_then(|entry| entry.cips.get(place)).copied();
        cip.ok_or_else(|| Failure::Defect(format!("order {index} of the demo has no such CIP")))
    }

    /// What changed since the last time, as canonical NDJSON; nothing if nothing did.
    pub(super) fn export(&mut self, now: DateTime<Utc>) -> Vec<u8> {
        let last = self.exported_until.replace(now);
        let mut lines = Vec::new();
        for entry in
            self.book.iter().flatten().filter(|entry| last.is_none_or(|last| entry.updated_at > last))
        {
            if let Some(row) = entry.row() {
                formats::write_order_ndjson(&row, &mut lines);
            }
        }
        lines
    }

    fn change(&mut self, index: usize, now: DateTime<Utc>, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.book.get_mut(index).and_then(Option::as_mut) {
            change(entry);
            entry.updated_at = now;
        }
    }

    async fn make_cip(&mut self, order: &Order, now: DateTime<Utc>) -> Result<u64, Failure> {
        let request = json!({
            "currency": order.cip_currency.code(),
            "amount": format_minor(i128::from(order.cip_amount_minor)),
            "transactionCode": order.reference,
            "dateExpiry": lima(at(order.expires_at)),
            "paymentConcept": "Pedido",
            "userEmail": "shopper@example.com",
        });
        let answer = self.ask(Method::POST, "/v1/cips", request, now).await?;
        let cip = answer.pointer("/data/cip").and_then(Value::as_u64);
        cip.ok_or_else(|| Failure::Defect("the simulator answers a creation without a CIP".to_owned()))
    }

    async fn token(&mut self, now: DateTime<Utc>) -> Result<String, Failure> {
        if let Some(token) = self.token.as_ref().filter(|token| now < token.expires_at) {
            return Ok(token.text.clone());
        }
        let date = lima(now);
        let hash = Sha256::digest(format!("{ID_SERVICE}.{ACCESS_KEY}.{SECRET_KEY}.{date}"));
        let request = json!({
            "accessKey": ACCESS_KEY, "idService": ID_SERVICE, "dateRequest": date, "hashString": hex::encode(hash),
        });
        let answer = self.send(Method::POST, "/v1/authorizations", &request, None).await?;
        let field = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
        let expires_at = field("/data/tokenExpires").and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let (Some(text), Some(expires_at)) = (field("/data/token"), expires_at) else {
            return Err(Failure::Defect("the simulator answers an authorization without a token".to_owned()));
        };
        self.token = Some(Token { text: text.to_owned(), expires_at: expires_at.to_utc() });
        Ok(text.to_owned())
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        request: Value,
        now: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        let token = self.token(now).await?;
        self.send(method, path, &request, Some(&token)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Result<Value, Failure> {
        let failed =
            |error: &reqwest::Error| Failure::defect("the simulator does not answer the shop", error);
        let mut request =
            self.http.request(method, format!("{}{path}", self.provider)).body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| failed(&error))?;
        if !matches!(status, StatusCode::OK | StatusCode::CREATED) {
            return Err(Failure::Defect(format!("the simulator answers {path} with {status}: {text}")));
        }
        serde_json::from_str(&text)
            .map_err(|error| Failure::defect("the simulator's answer is not JSON", &error))
    }
}

impl Entry {
    /// The row of the canonical format.
    fn row(&self) -> Option<OrderRow<'_>> {
        let mut cips: Vec<Cip> = self.cips.iter().filter_map(|cip| Cip::parse(&cip.to_string())).collect();
        cips.sort_unstable();
        Some(OrderRow {
            account: ACCOUNT.into(),
            reference_id: self.reference.as_str().into(),
            cips,
            amount: self.amount,
            status: self.status,
            created_at: Instant::from_utc(self.created_at)?,
            expires_at: Instant::from_utc(self.expires_at),
            paid_at: self.paid_at.and_then(Instant::from_utc),
            fulfilled_at: self.fulfilled_at.and_then(Instant::from_utc),
            refunded_minor: None,
            refund_payee_id: None,
            store: Some(self.store.into()),
            payer_id: None,
            ip: None,
            updated_at: Instant::from_utc(self.updated_at),
            extras: Vec::new(),
        })
    }
}

/// A time as the provider's API wants it.
fn lima(time: DateTime<Utc>) -> String {
    Instant::from_utc(time).map(|time| time.to_string()).unwrap_or_default()
}
