//! Who hears of a payment: the platform that hands the table's changes to publish and the queue's messages to forward, and
//! the shop's own address for notices.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use cuadre::aws::batch::Messages;
use cuadre::calendar::Instant;
use cuadre_emulators::{Emulators, FAILURES_URL, FORWARDS_URL};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::stage::emulator_failed;
use crate::failure::Failure;

/// The shop's host, as its policy names it; its port is another one each time, and the policy's text is not.
pub(super) const SHOP_HOST: &str = "localhost";

/// Changes that publish gets at once.
const BATCH_RECORDS: usize = 25;
/// More rounds than this mean that the functions keep each other busy.
const ROUNDS_MAX: u32 = 1_000;

/// The shop's address: it keeps how often each CIP was announced to it, and knows a repetition by its id.
pub(super) struct ShopDoor {
    pub(super) address: SocketAddr,
    heard: Heard,
    serving: JoinHandle<std::io::Result<()>>,
}

/// The ids of the notices that came, and the CIPs that they told of.
type Heard = Arc<Mutex<BTreeMap<String, u64>>>;

impl ShopDoor {
    pub(super) async fn open() -> std::io::Result<ShopDoor> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let heard = Heard::default();
        let router = Router::new().route("/pagoefectivo", post(hear)).with_state(Arc::clone(&heard));
        Ok(ShopDoor {
            address,
            heard,
            serving: tokio::spawn(async move { axum::serve(listener, router).await }),
        })
    }

    /// Whether the shop has been told of a payment of this CIP.
    pub(super) fn knows(&self, cip: u64) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).values().any(|heard| *heard == cip)
    }

    /// How many different notices reached the shop.
    pub(super) fn count(&self) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for ShopDoor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the shop's own program does: it reads the notice that it would have got from the provider.
async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let id = headers.get("cuadre-event-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let notice: Value = serde_json::from_slice(&body).unwrap_or_default();
    let cip = notice.pointer("/data/cip").and_then(Value::as_str).and_then(|cip| cip.parse().ok());
    let Some(cip) = cip.filter(|_| headers.contains_key("pe-signature")) else {
        return StatusCode::BAD_REQUEST;
    };
    heard.lock().unwrap_or_else(PoisonError::into_inner).insert(id, cip);
    StatusCode::OK
}

/// The functions that tell.
pub(super) struct Tellers {
    pub(super) publish: cuadre_publish::Clients,
    pub(super) forward: cuadre_forward::Clients,
}

impl Tellers {
    /// Lets publish and forward work until the stream and the queue have nothing new, as the platform does.
    pub(super) async fn work(&self, aws: &Emulators, now: Instant) -> Result<(), Failure> {
        for _ in 0..ROUNDS_MAX {
            let changed = self.publish(aws, now).await?;
            let forwarded = self.forward(aws, now).await?;
            if !changed && !forwarded {
                return Ok(());
            }
        }
        Err(Failure::Defect("publish finds something new without end".to_owned()))
    }

    async fn publish(&self, aws: &Emulators, now: Instant) -> Result<bool, Failure> {
        let batch = aws.stream_batch(BATCH_RECORDS).map_err(|error| emulator_failed(&error))?;
        let last = batch.pointer("/Records").and_then(Value::as_array).and_then(|records| records.last());
        let last = last.and_then(|record| record.pointer("/dynamodb/SequenceNumber")).and_then(Value::as_str);
        let Some(last) = last.map(str::to_owned) else { return Ok(false) };
        let event = serde_json::from_value(batch).map_err(|error| Failure::defect("the stream", &error))?;
        let answer = cuadre_publish::handle(&event, &self.publish, &|| now)
            .await
            .map_err(|error| Failure::defect("publish", &error))?;
        if !answer.failures.is_empty() || !aws.waiting(FAILURES_URL).is_empty() {
            return Err(Failure::Defect("publish could not tell of a change".to_owned()));
        }
        aws.done_with(&last);
        Ok(true)
    }

    async fn forward(&self, aws: &Emulators, now: Instant) -> Result<bool, Failure> {
        let messages = aws.receive(FORWARDS_URL, 1);
        let event: Messages =
            serde_json::from_value(messages).map_err(|error| Failure::defect("the queue", &error))?;
        let answer = cuadre_forward::handle(&event, &self.forward, &|| now).await;
        if !answer.failures.is_empty() {
            return Err(Failure::Defect("the shop does not take a notice".to_owned()));
        }
        for message in &event.records {
            aws.delete(FORWARDS_URL, &message.message_id);
        }
        Ok(!event.records.is_empty())
    }
}
