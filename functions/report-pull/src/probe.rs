//! Once a week: do the answers of the provider's test environment still have the shape that this version was written for?

use std::sync::Arc;

use cuadre::calendar::Clock;
use cuadre::pagoefectivo::client::probe::{Probed, probe};
use cuadre::pagoefectivo::client::wire::Wire;
use cuadre::pagoefectivo::client::{Client, ClientError};

use crate::{Answer, Clients, Config, ProbeFailure, PullError};

/// Plays one of each question against the test environment, and tells what has changed.
pub(crate) async fn run(clients: &Clients, config: &Config, clock: Clock<'_>) -> Result<Answer, PullError> {
    let account = config.probe_account.as_deref().ok_or(ProbeFailure::NoAccount)?;
    let keys = clients.secrets.keys(account, clock()).await?;
    // Of its own: it remembers the shapes of answers, which a pull has no use for.
    let wire = Wire::new(clients.persistence, config.requests_per_minute).map_err(failed)?;
    let wire = Arc::new(wire.recording());
    let client = Client::over(Arc::clone(&wire), &config.probe_url);
    let Probed { answers, changes } =
        probe(&client, &wire, &keys.current, clock).await.map_err(ProbeFailure::Probe)?;
    if changes.is_empty() {
        tracing::info!(outcome = "contract_holds", answers, "answers have the recorded shape");
    } else {
        let told = changes.join("; ");
        tracing::warn!(
            outcome = "contract_changed",
            changes = told,
            "answers have another shape than recorded"
        );
    }
    Ok(Answer::Probed { answers, changes })
}

fn failed(error: ClientError) -> ProbeFailure {
    ProbeFailure::Probe(error.into())
}
