//! Secrets, with the labels of their versions as AWS moves them.

use crate::{EmulatorError, Emulators, refused};

const PREVIOUS: &str = "AWSPREVIOUS";

impl Emulators {
    /// Makes a secret, or gives it a new current value; the old value stays as the previous one.
    ///
    /// # Errors
    /// [`EmulatorError::Refused`].
    pub async fn put_secret(&self, name: &str, value: &str) -> Result<(), EmulatorError> {
        let client = aws_sdk_secretsmanager::Client::new(&self.config);
        let created = client.create_secret().name(name).secret_string(value).send().await;
        match created.map_err(aws_sdk_secretsmanager::error::SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(error) if error.is_resource_exists_exception() => {
                self.retire_previous(&client, name).await?;
                let put = client.put_secret_value().secret_id(name).secret_string(value).send().await;
                put.map(drop).map_err(|error| refused("PutSecretValue", &error))
            }
            Err(error) => Err(refused("CreateSecret", &error)),
        }
    }

    /// Takes the label of the previous version from whatever bears it, as AWS does by itself on every put; the
    /// emulator leaves it there, and then gives out any one of several previous versions.
    async fn retire_previous(
        &self,
        client: &aws_sdk_secretsmanager::Client,
        name: &str,
    ) -> Result<(), EmulatorError> {
        let listed = client.list_secret_version_ids().secret_id(name).include_deprecated(true).send().await;
        let listed = listed.map_err(|error| refused("ListSecretVersionIds", &error))?;
        for version in listed.versions() {
            if version.version_stages().iter().any(|stage| stage == PREVIOUS) {
                let request = client.update_secret_version_stage().secret_id(name).version_stage(PREVIOUS);
                let moved =
                    request.set_remove_from_version_id(version.version_id().map(str::to_owned)).send().await;
                moved.map_err(|error| refused("UpdateSecretVersionStage", &error))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_keeps_its_previous_value() {
        let aws = Emulators::start().await.unwrap();
        aws.put_secret("cuadre/accounts/shop", "one").await.unwrap();
        for number in 1..20 {
            aws.put_secret("cuadre/accounts/shop", &format!("between {number}")).await.unwrap();
        }
        aws.put_secret("cuadre/accounts/shop", "two").await.unwrap();
        let client = aws_sdk_secretsmanager::Client::new(&aws.sdk_config());
        let value = async |stage: &str| {
            let asked = client.get_secret_value().secret_id("cuadre/accounts/shop").version_stage(stage);
            asked.send().await.unwrap().secret_string().unwrap().to_owned()
        };
        assert_eq!(value("AWSCURRENT").await, "two");
        assert_eq!(value(PREVIOUS).await, "between 19");
    }
}
