//! Wires the publish function to its runtime.

use cuadre::config::env;
use cuadre::{aws, telemetry};
use cuadre_publish::{Clients, Config, Event, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(&env::process);
    let config = Config::from_env(&env::process)?;
    let clients = Clients::new(&aws::load_config().await, &config);
    let clients = &clients;
    run(service_fn(|event: LambdaEvent<Event>| async move {
        handle(&event.payload, clients, &aws::now).await.map_err(Error::from)
    }))
    .await
}
