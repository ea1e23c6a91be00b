//! The contract probe, as a finding.

use cuadre::pagoefectivo::client::Client;
use cuadre::pagoefectivo::client::probe::{self, Probed};
use cuadre::pagoefectivo::client::wire::Wire;

use super::{Case, Finding};
use crate::failure::with_causes;

const CHECK: &str = "contract";

pub(super) async fn probe(client: &Client, case: &Case<'_>, wire: &Wire) -> Finding {
    let Probed { answers, changes } = match probe::probe(client, wire, case.keys, case.clock).await {
        Ok(probed) => probed,
        Err(error) => return Finding::bad(CHECK, with_causes(&error)),
    };
    if changes.is_empty() {
        return Finding::good(CHECK, format!("{answers} answers have the recorded shape"));
    }
    let says = format!("{}; compare docs/contract/v1.json and tell Cuadre's maintainers", changes.join("; "));
    Finding::bad(CHECK, says)
}
