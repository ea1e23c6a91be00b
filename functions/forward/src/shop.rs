//! The shop's end: one POST with the body and the signature as they arrived.

use std::net::SocketAddr;
use std::time::Duration;

use cuadre::aws::table::Received;

/// Until the connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// For the whole request. A shop that takes longer is asked again, and has to know a repetition by its event id.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The same in every repetition of one notice.
const EVENT_ID_HEADER: &str = "cuadre-event-id";
/// Which of the merchant's accounts the notice came for.
const ACCOUNT_HEADER: &str = "cuadre-account";

/// Why a shop has not taken a notice. No address, since people put keys into addresses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShopError {
    #[error("the shop does not answer")]
    Silent,
    #[error("the shop answers with HTTP {0}")]
    Refused(u16),
    #[error("the notice cannot be made a request")]
    Request,
}

/// The HTTP client for all shops.
#[derive(Debug)]
pub(crate) struct Shop(reqwest::Client);

impl Shop {
    /// `hosts` are names that are found at these addresses, whatever a name server says.
    pub(crate) fn new(hosts: &[(&str, SocketAddr)]) -> Result<Shop, reqwest::Error> {
        let builder = hosts
            .iter()
            .fold(reqwest::Client::builder(), |builder, (name, address)| builder.resolve(name, *address));
        let client = builder
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // A redirect would hand the notice to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Shop(client))
    }

    /// Posts a notice; any answer 2xx means that the shop has it.
    pub(crate) async fn post(
        &self,
        url: &str,
        received: Received,
        account: &str,
        event_id: &str,
    ) -> Result<(), ShopError> {
        let request = self
            .0
            .post(url)
            .header("content-type", "application/json")
            .header(&received.header, &received.signature)
            .header(EVENT_ID_HEADER, event_id)
            .header(ACCOUNT_HEADER, account)
            .body(received.body)
            .build()
            .map_err(|_| ShopError::Request)?;
        let answer = self.0.execute(request).await.map_err(|_| ShopError::Silent)?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(ShopError::Refused(status.as_u16())) }
    }
}
