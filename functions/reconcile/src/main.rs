//! Wires the reconcile function to its runtime.

use cuadre::config::env;
use cuadre::{aws, telemetry};
use cuadre_reconcile::{Clients, Config, Event, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(&env::process);
    let config = Config::from_env(&env::process)?;
    let clients = Clients::new(&aws::load_config().await, &config);
    let (clients, config) = (&clients, &config);
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let event = Event::read(event.payload)?;
        handle(&event, clients, config, &aws::now).await.map_err(Error::from)
    }))
    .await
}
