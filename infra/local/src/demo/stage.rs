//! Everything that a demo needs, started in this process: the AWS services, the provider, the functions and the shop's door.

use cuadre::aws::layout;
use cuadre_emulators::{
    BUCKET_NAME, BUS_NAME, EmulatorError, Emulators, FAILURES_URL, FORWARDS_URL, PULLS_URL, RUNS_URL,
    TABLE_NAME, TOPIC_ARN,
};
use cuadre_sandbox::Sandbox;
use serde_json::json;

use super::gateway::{Callback, Gateway};
use super::hearing::{SHOP_HOST, ShopDoor, Tellers};
use super::plan::at;
use crate::failure::Failure;

/// The merchant's account.
pub(super) const ACCOUNT: &str = "tienda";
/// Its number at the provider.
pub(super) const ID_SERVICE: u64 = 1234;
/// Its keys, which only the simulator knows.
pub(super) const ACCESS_KEY: &str = "DEMOACCESSKEY";
/// See [`ACCESS_KEY`].
pub(super) const SECRET_KEY: &str = "demo secret key, never a real one";

const SECRET_PREFIX: &str = "cuadre";

/// What the merchant decided: the shop goes on hearing the provider's notices.
const POLICY: &str = "[accounts.tienda]\nforward_url = \"http://localhost/pagoefectivo\"\n";

/// The running parts.
pub(super) struct Stage {
    pub(super) aws: Emulators,
    pub(super) provider: Sandbox,
    pub(super) gateway: Gateway,
    pub(super) tellers: Tellers,
    pub(super) shop_door: ShopDoor,
    pub(super) import: (cuadre_import::Clients, cuadre_import::Config),
    pub(super) pull: (cuadre_report_pull::Clients, cuadre_report_pull::Config),
    pub(super) reconcile: (cuadre_reconcile::Clients, cuadre_reconcile::Config),
}

impl Stage {
    /// Starts everything, as the template would deploy it.
    pub(super) async fn set(seed: u64) -> Result<Stage, Failure> {
        let aws = Emulators::start().await.map_err(|error| emulator_failed(&error))?;
        let keys = json!({ "id_service": ID_SERVICE, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY });
        let secret = format!("{SECRET_PREFIX}/accounts/{ACCOUNT}");
        aws.put_secret(&secret, &keys.to_string()).await.map_err(|error| emulator_failed(&error))?;

        aws.put_object(layout::POLICY_KEY, POLICY.as_bytes())
            .await
            .map_err(|error| emulator_failed(&error))?;
        let shop_door = ShopDoor::open().await;
        let shop_door = shop_door.map_err(|error| Failure::defect("the shop does not open", &error))?;

        let config = cuadre_sandbox::Config::new(ID_SERVICE, ACCESS_KEY, SECRET_KEY, seed, at(0));
        let started = cuadre_sandbox::start(config).await;
        let provider =
            started.map_err(|error| Failure::defect("the provider's simulator does not start", &error))?;

        let provider_url = provider.base_url();
        let lookup = |name: &str| environment(name, &provider_url);
        let sdk = aws.sdk_config();
        let misread = |error| Failure::defect("a function refuses its environment", &error);
        let callback = cuadre_callback::Config::from_env(&lookup).map_err(misread)?;
        let pull = cuadre_report_pull::Config::from_env(&lookup).map_err(misread)?;
        let reconcile = cuadre_reconcile::Config::from_env(&lookup).map_err(misread)?;
        let publish = cuadre_publish::Config::from_env(&lookup).map_err(misread)?;
        let forward = cuadre_forward::Config::from_env(&lookup).map_err(misread)?;
        let import = cuadre_import::Config::from_env(&lookup).map_err(misread)?;

        let clients = cuadre_callback::Clients::new(&sdk, &callback);
        let callback = Callback { clients, config: callback, clock: provider.clock() };
        let gateway = Gateway::start(callback).await;
        let gateway = gateway.map_err(|error| Failure::defect("the HTTP API does not start", &error))?;
        let pull_clients = cuadre_report_pull::Clients::new(&sdk, &pull);
        let pull_clients =
            pull_clients.map_err(|error| Failure::defect("the provider's client does not start", &error))?;
        let reconcile_clients = cuadre_reconcile::Clients::new(&sdk, &reconcile);
        let hosts = [(SHOP_HOST, shop_door.address)];
        let forward = cuadre_forward::Clients::with_hosts(&sdk, &forward, &hosts)
            .map_err(|error| Failure::defect("the shop's client does not start", &error))?;
        let tellers = Tellers { publish: cuadre_publish::Clients::new(&sdk, &publish), forward };
        Ok(Stage {
            aws,
            provider,
            gateway,
            tellers,
            shop_door,
            import: (cuadre_import::Clients::new(&sdk, &import), import),
            pull: (pull_clients, pull),
            reconcile: (reconcile_clients, reconcile),
        })
    }
}

/// What the template writes into the functions' environments.
fn environment(name: &str, provider_url: &str) -> Option<String> {
    let value = match name {
        "TABLE_NAME" => TABLE_NAME,
        "BUCKET_NAME" => BUCKET_NAME,
        "TOPIC_ARN" => TOPIC_ARN,
        "EVENT_BUS" => BUS_NAME,
        "FORWARDS_URL" => FORWARDS_URL,
        "FAILURES_URL" => FAILURES_URL,
        "PULLS_URL" => PULLS_URL,
        "RUNS_URL" => RUNS_URL,
        // The shop of the demo has one run, in the morning.
        "RUN_SLOT_MINUTES" => "0",
        "SECRET_PREFIX" => SECRET_PREFIX,
        "ACCOUNTS" => ACCOUNT,
        "PROVIDER_URL" => provider_url,
        _ => return None,
    };
    Some(value.to_owned())
}

/// An emulator did not do what the demo asked of it.
pub(super) fn emulator_failed(error: &EmulatorError) -> Failure {
    Failure::defect("the emulated AWS does not do its part", error)
}
