//! The running simulator and the handle that drives it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::middleware;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::SandboxClock;
use crate::config::Config;
use crate::fault::{Fault, FaultRule, Faults};
use crate::ledger::{Ledger, Payment, PaymentError, PaymentOptions};
use crate::notice::{DeliveryError, SignedNotice};
use crate::tokens::Tokens;
use crate::{api, control, fault};

/// The provider tries a notice at most twice: on an error it makes "a second attempt" (vendor documentation v1.1).
const NOTICE_ATTEMPTS_MAX: u32 = 2;

/// Why a simulator does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}: choose another port, or 0 for a free one")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// What requests change.
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    pub(crate) tokens: Tokens,
    pub(crate) notice_url: Option<String>,
    notices_due: Vec<SignedNotice>,
    pub(crate) faults: Faults,
}

impl Book {
    pub(crate) fn notices_due(&self) -> &[SignedNotice] {
        &self.notices_due
    }
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: SandboxClock,
    book: Mutex<Book>,
}

impl Shared {
    /// The book; a request that panicked left it whole, since each change is one step.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pay(&self, cip: u64, options: PaymentOptions) -> Result<Payment, PaymentError> {
        let now = self.clock.now();
        let mut book = self.book();
        let (record, payment) = book.ledger.pay(cip, options, now)?;
        let form = self.config.assumptions.payment_date;
        let notice = SignedNotice::of_payment(record, &payment, form, &self.config.secret_key);
        // Texts and integers always serialise; were that to change, the payment still stands, as at the provider.
        book.notices_due.extend(notice);
        Ok(payment)
    }

    pub(crate) fn extorno(&self, cip: u64, operation_number: Option<&str>) -> Result<Payment, PaymentError> {
        self.book().ledger.extorno(cip, operation_number, self.clock.now())
    }

    pub(crate) fn forged_notice(&self, cip: u64, key: &str) -> Result<SignedNotice, PaymentError> {
        let book = self.book();
        let record = book.ledger.get(cip).ok_or(PaymentError::UnknownCip(cip))?;
        let payment = Payment {
            operation_number: "99999999".to_owned(),
            amount_minor: record.amount_minor,
            paid_at: self.clock.now(),
            taken_back_at: None,
        };
        let form = self.config.assumptions.payment_date;
        SignedNotice::of_payment(record, &payment, form, key).map_err(|_| PaymentError::UnknownCip(cip))
    }

    pub(crate) fn take_notices(&self) -> Vec<SignedNotice> {
        std::mem::take(&mut self.book().notices_due)
    }

    /// Posts all notices due, in order, each at most twice as the provider does.
    pub(crate) async fn send_notices(&self) -> Result<Vec<Delivery>, DeliveryError> {
        let url = self.book().notice_url.clone().ok_or(DeliveryError::NoUrl)?;
        let mut deliveries = Vec::new();
        for notice in self.take_notices() {
            deliveries.push(deliver(&notice, &url).await);
        }
        Ok(deliveries)
    }

    pub(crate) fn fail_next(&self, requests: u32) {
        let mut book = self.book();
        book.faults.clear();
        book.faults.inject(FaultRule {
            fault: Fault::Internal,
            matching: String::new(),
            skip: 0,
            times: Some(requests),
        });
    }

    pub(crate) fn set_notice_url(&self, url: Option<String>) {
        self.book().notice_url = url;
    }
}

/// How the delivery of one notice went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) attempts: u32,
    /// HTTP status of the last attempt; nothing if nobody answered.
    pub(crate) status: Option<u16>,
}

async fn deliver(notice: &SignedNotice, url: &str) -> Delivery {
    let mut delivery = Delivery { attempts: 0, status: None };
    while delivery.attempts < NOTICE_ATTEMPTS_MAX && delivery.status != Some(200) {
        delivery.attempts += 1;
        delivery.status = notice.post(url).await.ok();
    }
    delivery
}

/// A running simulator. It stops when it is shut down or dropped.
pub struct Sandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Starts a simulator of one service on 127.0.0.1.
///
/// # Errors
/// [`StartError::Listen`] if the port cannot be taken.
pub async fn start(config: Config) -> Result<Sandbox, StartError> {
    let port = config.port;
    let failed = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let book = Book {
        ledger: Ledger::new(config.seed),
        tokens: Tokens::new(config.seed),
        notice_url: config.notice_url.clone(),
        notices_due: Vec::new(),
        faults: Faults::default(),
    };
    let clock = SandboxClock::new(config.start_at);
    let shared = Arc::new(Shared { config, clock, book: Mutex::new(book) });
    let faults = middleware::from_fn_with_state(Arc::clone(&shared), fault::pass);
    let router = api::routes().layer(faults).merge(control::routes()).with_state(Arc::clone(&shared));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        // A dropped sender stops the server as well, so either outcome means the same.
        let until = async move { drop(stopped.await) };
        axum::serve(listener, router).with_graceful_shutdown(until).await
    });
    Ok(Sandbox { shared, address, stop, serving })
}

impl Sandbox {
    /// Where the API is, such as `http://127.0.0.1:41234`; paths begin with `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The simulated clock; every date that the simulator writes comes from it.
    #[must_use]
    pub fn clock(&self) -> SandboxClock {
        self.shared.clock.clone()
    }

    /// A shopper brings cash. The notice of it becomes due.
    ///
    /// # Errors
    /// [`PaymentError`] if the collector refuses.
    pub fn pay(&self, cip: u64, options: PaymentOptions) -> Result<Payment, PaymentError> {
        self.shared.pay(cip, options)
    }

    /// The collector takes a payment back (extorno): the one with this number, else the latest. No notice follows,
    /// because none is known for it.
    ///
    /// # Errors
    /// [`PaymentError::UnknownCip`] or [`PaymentError::NotPaid`].
    pub fn extorno(&self, cip: u64, operation_number: Option<&str>) -> Result<Payment, PaymentError> {
        self.shared.extorno(cip, operation_number)
    }

    /// Takes the notices due, in the order of their payments: whoever takes them delivers, repeats, mixes or loses them.
    #[must_use]
    pub fn take_notices(&self) -> Vec<SignedNotice> {
        self.shared.take_notices()
    }

    /// Posts the notices due to the notice URL, each at most twice as the provider does, and gives the HTTP status of
    /// each one's last attempt (nothing where nobody answered).
    ///
    /// # Errors
    /// [`DeliveryError::NoUrl`] if there is no notice URL; the notices stay due.
    pub async fn send_notices(&self) -> Result<Vec<Option<u16>>, DeliveryError> {
        let deliveries = self.shared.send_notices().await?;
        Ok(deliveries.into_iter().map(|delivery| delivery.status).collect())
    }

    /// A notice that looks real and says that this CIP was paid, but is signed with a key of the forger's.
    ///
    /// # Errors
    /// [`PaymentError::UnknownCip`].
    pub fn forged_notice(&self, cip: u64, key: &str) -> Result<SignedNotice, PaymentError> {
        self.shared.forged_notice(cip, key)
    }

    /// Where notices go from now on; `None` lets them wait.
    pub fn set_notice_url(&self, url: Option<String>) {
        self.shared.set_notice_url(url);
    }

    /// Lets something go wrong on the way. Rules are tried in the order in which they came.
    pub fn inject(&self, rule: FaultRule) {
        self.shared.book().faults.inject(rule);
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.shared.book().faults.clear();
    }

    /// How many API requests have come that begin so, such as `POST /v1/cips/search`.
    #[must_use]
    pub fn requests(&self, matching: &str) -> u32 {
        self.shared.book().faults.requests(matching)
    }

    /// Lets the next so many API requests fail with HTTP 500 and code 166, and no others.
    pub fn fail_next(&self, requests: u32) {
        self.shared.fail_next(requests);
    }

    /// Finishes the requests under way and stops.
    ///
    /// # Errors
    /// What the system says if serving ended by a fault.
    pub async fn shutdown(self) -> std::io::Result<()> {
        drop(self.stop);
        self.serving.await.map_err(std::io::Error::other)?
    }
}
