//! Wires the import function to its runtime.

use cuadre::config::env;
use cuadre::{aws, telemetry};
use cuadre_import::{Clients, Config, Event, handle, look};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(&env::process);
    let config = Config::from_env(&env::process)?;
    let clients = Clients::new(&aws::load_config().await, &config);
    let (clients, config) = (&clients, &config);
    run(service_fn(|event: LambdaEvent<Value>| async move {
        Ok::<Value, Error>(match Event::read(event.payload)? {
            Event::Files(messages) => {
                serde_json::to_value(handle(&messages, clients, config, &aws::now).await)?
            }
            Event::Tick(tick) => serde_json::to_value(look(&tick, clients, config, &aws::now).await?)?,
        })
    }))
    .await
}
