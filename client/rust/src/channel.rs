//! How a client reaches the service.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::client::Settings;
use crate::{BackoffSettings, Client, Error, service_config};

const DEFAULT_PORT: u16 = 50051;
const MAX_CONNECTION_ATTEMPT: Duration = Duration::from_secs(10);

/// The options of a [`Client`]; made by [`Client::builder`].
#[derive(Clone)]
pub struct ClientBuilder {
    target: String,
    tls: bool,
    ca_file: Option<PathBuf>,
    cert_files: Option<(PathBuf, PathBuf)>,
    metadata: Vec<(String, String)>,
    token: Option<String>,
    timeout: Duration,
    backoff: BackoffSettings,
    silence_limit: Duration,
}

impl ClientBuilder {
    pub(crate) fn new(target: String) -> Self {
        ClientBuilder {
            target,
            tls: false,
            ca_file: None,
            cert_files: None,
            metadata: Vec::new(),
            token: None,
            timeout: service_config::TIMEOUT,
            backoff: BackoffSettings::default(),
            silence_limit: Duration::from_secs(45),
        }
    }

    /// Encrypts the connection and checks who is at the other end. Implied by the next two.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// PEM file of the authorities to trust instead of the system's.
    pub fn ca_file(mut self, ca_file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(ca_file.into());
        self
    }

    /// PEM files of the client's own certificate and its key, for a service that asks for one.
    pub fn cert_files(mut self, cert_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        self.cert_files = Some((cert_file.into(), key_file.into()));
        self
    }

    /// Sent with each call as `authorization: Bearer TOKEN`. Printable ASCII. Without TLS everybody on the way can read it.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// More that is sent with each call: ASCII, such as an `x-request-id`.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Limit of each single call, its retries included; 15 s unless set. Of [`Client::list_statuses`], of each page. A watch has
    /// none but its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Waits between the attempts of a watch to attach again.
    pub fn backoff(mut self, backoff: BackoffSettings) -> Self {
        self.backoff = backoff;
        self
    }

    /// A watch that has heard nothing for so long takes the connection for dead and attaches again; 45 s unless set. The service
    /// breaks silence every 15 s or so.
    pub fn silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = limit;
        self
    }

    /// Makes the client. Sends nothing yet: the connection is made by the first call. Fails with
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) when a file cannot be read or an option makes no sense.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn build(self) -> Result<Client, Error> {
        let channel = self.endpoint()?.connect_lazy();
        self.build_over(channel)
    }

    pub(crate) fn build_over(self, channel: Channel) -> Result<Client, Error> {
        if !self.backoff.make_sense() {
            return Err(Error::invalid_argument("back-off needs 0 < initial <= max and a multiplier of at least 1"));
        }
        let settings = Settings {
            metadata: self.call_metadata()?,
            timeout: self.timeout,
            backoff: self.backoff,
            silence_limit: self.silence_limit,
        };
        Ok(Client::over(channel, Arc::new(settings)))
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        let tls = self.tls || self.ca_file.is_some() || self.cert_files.is_some();
        let endpoint = Endpoint::from_shared(complete_target(&self.target, tls)?)
            .map_err(|error| wrong("the address of the service", error))?
            .user_agent("comfyui-jobstatus-rust")
            .expect("it is printable")
            .connect_timeout(MAX_CONNECTION_ATTEMPT)
            // A watch is quiet for long; pings find out that the other end is gone. None without calls: servers count those as
            // abuse.
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(false);
        if !tls {
            return Ok(endpoint);
        }
        let config = match &self.ca_file {
            Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(file)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        let config = match &self.cert_files {
            Some((cert, key)) => config.identity(Identity::from_pem(read(cert)?, read(key)?)),
            None => config,
        };
        endpoint.tls_config(config).map_err(|error| wrong("TLS", error))
    }

    fn call_metadata(&self) -> Result<MetadataMap, Error> {
        let mut metadata = MetadataMap::new();
        if let Some(token) = &self.token {
            let mut value = ascii("the token", &format!("Bearer {token}"))?;
            value.set_sensitive(true); // so that it is not shown
            metadata.append("authorization", value);
        }
        for (key, value) in &self.metadata {
            let name: MetadataKey<Ascii> = key.parse().map_err(|error| wrong(key, error))?;
            metadata.append(name, ascii(key, value)?);
        }
        Ok(metadata)
    }
}

fn ascii(what: &str, text: &str) -> Result<MetadataValue<Ascii>, Error> {
    if !text.bytes().all(|letter| (b' '..=b'~').contains(&letter)) {
        return Err(Error::invalid_argument(format!("{what} has characters other than printable ASCII")));
    }
    text.parse().map_err(|error| wrong(what, error))
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("target", &self.target).finish_non_exhaustive() // the token is not shown
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| wrong(file.display(), error))
}

fn wrong(what: impl Display, error: impl std::error::Error) -> Error {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Error::invalid_argument(format!("{what}: {error}{cause}"))
}

/// As a URI, with the port where there is none.
fn complete_target(target: &str, tls: bool) -> Result<String, Error> {
    if target.is_empty() {
        return Err(Error::invalid_argument("the address of the service is empty"));
    }
    if target.starts_with("unix:") {
        return Ok(target.to_owned());
    }
    let address = target.strip_prefix("dns:///").unwrap_or(target);
    if address.contains('/') {
        return Err(Error::invalid_argument(format!("no HOST[:PORT] nor unix:PATH: {target}")));
    }
    let address = match address.matches(':').count() {
        0 => format!("{address}:{DEFAULT_PORT}"),
        1 => address.to_owned(),
        _ if !address.starts_with('[') => format!("[{address}]:{DEFAULT_PORT}"),
        _ if address.ends_with(']') => format!("{address}:{DEFAULT_PORT}"),
        _ => address.to_owned(),
    };
    let (_, port) = address.rsplit_once(':').expect("there is one now");
    port.parse::<u16>().map_err(|error| wrong(target, error))?;
    Ok(format!("{}://{address}", if tls { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn refused(builder: ClientBuilder) -> Error {
        let error = builder.build().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        error
    }

    #[test]
    fn a_port_is_added_where_there_is_none() {
        for (given, target) in [
            ("gpu-box", "http://gpu-box:50051"),
            ("gpu-box:1", "http://gpu-box:1"),
            ("::1", "http://[::1]:50051"),
            ("[::1]", "http://[::1]:50051"),
            ("[::1]:1", "http://[::1]:1"),
            ("unix:/run/jobstatus", "unix:/run/jobstatus"),
            ("dns:///gpu-box:1", "http://gpu-box:1"),
        ] {
            assert_eq!(complete_target(given, false).unwrap(), target);
        }
        assert_eq!(complete_target("gpu-box", true).unwrap(), "https://gpu-box:50051");
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused() {
        for wrong in ["", "two words", "http://gpu-box:1", "gpu-box:port"] {
            refused(Client::builder(wrong));
        }
    }

    #[tokio::test]
    async fn options_that_make_no_sense_are_refused() {
        refused(Client::builder("localhost").token("two\nlines"));
        refused(Client::builder("localhost").token("ü"));
        refused(Client::builder("localhost").metadata("no key", ""));
        refused(Client::builder("localhost").backoff(BackoffSettings { multiplier: 0.5, ..Default::default() }));
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let error = refused(Client::builder("localhost").ca_file("/no/such.pem"));
        assert!(error.message().starts_with("/no/such.pem: "), "{error}");
    }

    #[tokio::test]
    async fn a_token_is_not_shown() {
        let builder = Client::builder("localhost").token("sesame");
        assert!(!format!("{builder:?}").contains("sesame"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("sesame"));
    }
}
