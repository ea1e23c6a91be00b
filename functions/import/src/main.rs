//! Wires the import function to its runtime.

use std::convert::Infallible;

use cuadre::aws::batch::Messages;
use cuadre::config::env;
use cuadre::{aws, telemetry};
use cuadre_import::{Clients, Config, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(&env::process);
    let config = Config::from_env(&env::process)?;
    let clients = Clients::new(&aws::load_config().await, &config);
    let (clients, config) = (&clients, &config);
    run(service_fn(|event: LambdaEvent<Messages>| async move {
        Ok::<_, Infallible>(handle(&event.payload, clients, config).await)
    }))
    .await
}
