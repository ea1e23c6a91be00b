//! The HTTP client beneath the SDK: sends each request to its emulator, and breaks the ones that it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::bus::Bus;
use crate::queues::Queues;
use crate::topic::Recorder;

/// A service that is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// DynamoDB, on a loopback listener.
    DynamoDb,
    /// S3, in process.
    S3,
    /// Secrets Manager, in process.
    SecretsManager,
    /// The recorder in place of SNS.
    Sns,
    /// The recorder in place of EventBridge.
    EventBridge,
    /// The queues in place of SQS.
    Sqs,
}

impl Service {
    /// The service that a request is meant for, by the host that the SDK resolved.
    fn of(uri: &str) -> Service {
        let host = uri.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        match host {
            host if host.starts_with("dynamodb.") => Service::DynamoDb,
            host if host.starts_with("secretsmanager.") => Service::SecretsManager,
            host if host.starts_with("sns.") => Service::Sns,
            host if host.starts_with("events.") => Service::EventBridge,
            host if host.starts_with("sqs.") => Service::Sqs,
            _ => Service::S3,
        }
    }
}

/// What happens to a request that a fault catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection: the service never saw the request.
    Refused,
    /// The service answers with this HTTP status and does nothing.
    Status(u16),
    /// The connection stands and nothing ever comes.
    Silence,
    /// The service does what was asked, and the answer is lost on the way back.
    LostAnswer,
}

/// Which requests to break, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The service that the request is meant for.
    pub service: Service,
    /// A text in the method and URI (`PUT https://…/normalized/…`) or in the name of the operation (`PutItem`);
    /// empty for all.
    pub matching: String,
    /// How it goes wrong.
    pub trouble: Trouble,
    /// How many requests are broken before the fault has passed; `None` for good.
    pub times: Option<u32>,
}

/// The faults in force; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    calls: BTreeMap<Service, u64>,
}

impl Faults {
    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault) {
        self.with(|state| state.faults.push(fault));
    }

    /// Ends every fault.
    pub fn clear(&self) {
        self.with(|state| state.faults.clear());
    }

    /// How many requests have been made to a service, broken ones and repetitions included.
    #[must_use]
    pub fn calls(&self, service: Service) -> u64 {
        self.with(|state| state.calls.get(&service).copied().unwrap_or_default())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request and says what shall go wrong with it.
    fn meet(&self, service: Service, described: &str) -> Option<Trouble> {
        self.with(|state| {
            let calls = state.calls.entry(service).or_default();
            *calls = calls.saturating_add(1);
            let fault = state.faults.iter_mut().find(|fault| {
                fault.service == service && fault.times != Some(0) && described.contains(&fault.matching)
            })?;
            fault.times = fault.times.map(|left| left.saturating_sub(1));
            Some(fault.trouble)
        })
    }
}

/// The connector of all services.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    pub(crate) bus: Bus,
    pub(crate) queues: Queues,
    pub(crate) dynamodb_endpoint: String,
    /// Speaks plain HTTP to the listener of DynamoDB.
    pub(crate) loopback: SharedHttpClient,
    /// Answers for S3 and Secrets Manager.
    pub(crate) in_process: SharedHttpClient,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("dynamodb_endpoint", &self.dynamodb_endpoint).finish_non_exhaustive()
    }
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Wire {
            network: self.clone(),
            loopback: self.loopback.http_connector(settings, components),
            in_process: self.in_process.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Wire {
    network: Network,
    loopback: SharedHttpConnector,
    in_process: SharedHttpConnector,
}

impl Wire {
    fn deliver(&self, service: Service, mut request: HttpRequest) -> HttpConnectorFuture {
        match service {
            Service::DynamoDb => match request.set_uri(format!("{}/", self.network.dynamodb_endpoint)) {
                Ok(()) => self.loopback.call(request),
                Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
            },
            Service::Sns | Service::EventBridge | Service::Sqs => {
                let target = request.headers().get("x-amz-target").unwrap_or_default();
                let sent = request.body().bytes().unwrap_or_default();
                let (status, body) = match service {
                    Service::EventBridge => self.network.bus.answer(target, sent),
                    Service::Sqs => self.network.queues.answer(target, sent),
                    _ => self.network.recorder.answer(sent),
                };
                HttpConnectorFuture::ready(answer(status, &body))
            }
            Service::S3 | Service::SecretsManager => self.in_process.call(request),
        }
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = Service::of(request.uri());
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let described = format!("{} {} {operation}", request.method(), request.uri());
        match self.network.faults.meet(service, &described) {
            None => self.deliver(service, request),
            Some(Trouble::Refused) => HttpConnectorFuture::ready(Err(lost("connection refused"))),
            Some(Trouble::Status(status)) => HttpConnectorFuture::ready(answer(status, "")),
            Some(Trouble::Silence) => HttpConnectorFuture::new(std::future::pending()),
            Some(Trouble::LostAnswer) => {
                let delivered = self.deliver(service, request);
                HttpConnectorFuture::new(async move {
                    delivered.await?;
                    Err(lost("connection reset"))
                })
            }
        }
    }
}

fn lost(what: &'static str) -> ConnectorError {
    ConnectorError::io(std::io::Error::other(what).into())
}

fn answer(status: u16, body: &str) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "text/xml");
    Ok(response)
}
