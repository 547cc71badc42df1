//! The calls.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, vec};

use futures_util::stream::{self, BoxStream, StreamExt};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::backoff::Backoff;
use crate::v1::ListBackendsRequest;
use crate::v1::job_status_service_client::JobStatusServiceClient;
use crate::{
    Backend, BackoffSettings, ClientBuilder, Error, GetStatusRequest, JobStatus, ListStatusesRequest, Watch,
    WatchOptions, service_config,
};

pub(crate) type Stub = JobStatusServiceClient<Channel>;

/// More than gRPC's 4 MiB: one status alone may be long.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

pub(crate) struct Settings {
    pub(crate) metadata: MetadataMap,
    pub(crate) timeout: Duration,
    pub(crate) backoff: BackoffSettings,
    pub(crate) silence_limit: Duration,
}

impl Settings {
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }
}

/// One connection to one service. Sends nothing yet: the connection is made by the first call, and again when it was lost. Clones
/// share it; all calls may run side by side. A call whose future or stream is dropped is cancelled.
#[derive(Clone)]
pub struct Client {
    stub: Stub,
    settings: Arc<Settings>,
}

impl Client {
    /// A client without encryption. `target` is "host", "host:port", "\[::1\]:port" or "unix:/path"; without a port: 50051.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(target: impl Into<String>) -> Result<Self, Error> {
        Client::builder(target).build()
    }

    /// For a client with other options: TLS, a token and more.
    pub fn builder(target: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(target.into())
    }

    pub(crate) fn over(channel: Channel, settings: Arc<Settings>) -> Self {
        Client { stub: Stub::new(channel).max_decoding_message_size(MAX_MESSAGE), settings }
    }

    /// The newest known status of one job: of its id, or of a [`GetStatusRequest`] that also names the backend.
    pub async fn get_status(&self, request: impl Into<GetStatusRequest>) -> Result<JobStatus, Error> {
        let answer =
            self.call(request.into(), |mut stub, request| async move { stub.get_status(request).await }).await?;
        answer.status.ok_or_else(|| Error::new(Code::Internal, "the service answered without a status"))
    }

    /// The statuses the service remembers, newest change first: all of them, page after page as they are needed.
    pub fn list_statuses(&self, request: ListStatusesRequest) -> BoxStream<'static, Result<JobStatus, Error>> {
        let none: vec::IntoIter<JobStatus> = Vec::new().into_iter();
        stream::try_unfold((self.clone(), Some(request), none), |(client, mut next, mut page)| async move {
            loop {
                if let Some(status) = page.next() {
                    return Ok(Some((status, (client, next, page))));
                }
                let Some(request) = next.take() else {
                    return Ok::<_, Error>(None);
                };
                let answer = client
                    .call(request.clone(), |mut stub, request| async move { stub.list_statuses(request).await })
                    .await?;
                page = answer.statuses.into_iter();
                if !answer.next_page_token.is_empty() {
                    next = Some(ListStatusesRequest { page_token: answer.next_page_token, ..request });
                }
            }
        })
        .boxed()
    }

    /// The ComfyUI servers the service watches.
    pub async fn list_backends(&self) -> Result<Vec<Backend>, Error> {
        let method = |mut stub: Stub, request| async move { stub.list_backends(request).await };
        Ok(self.call(ListBackendsRequest {}, method).await?.backends)
    }

    /// Follows jobs until they end: of an id, of several, or of [`WatchOptions`], which can say more.
    pub fn watch(&self, what: impl Into<WatchOptions>) -> Watch {
        Watch::new(self.stub.clone(), self.settings.clone(), what.into())
    }

    /// The status a job ends with. Survives the service going down meanwhile. After [`WatchOptions::timeout`], that included, fails
    /// with [`ErrorKind::DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded) and the last known status in
    /// [`Error::last_status`].
    pub async fn wait_for_completion(&self, what: impl Into<WatchOptions>) -> Result<JobStatus, Error> {
        let what = what.into();
        if what.request.job_ids.len() != 1 {
            return Err(Error::invalid_argument("a wait is for one job"));
        }
        let mut watch = self.watch(what);
        while let Some(status) = watch.try_next().await? {
            if status.is_terminal() {
                return Ok(status);
            }
        }
        Err(Error::new(Code::Internal, "the service ended the watch before the job ended"))
    }

    /// A unary call, with the limits and retries of service_config.json. The service hears of the limit only by being left: tonic
    /// would call it CANCELLED.
    async fn call<Q: Clone, A, F>(&self, request: Q, method: impl Fn(Stub, tonic::Request<Q>) -> F) -> Result<A, Error>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let attempts = async {
            let mut backoff = Backoff::new(service_config::BACKOFF, random);
            for _ in 1..service_config::MAX_ATTEMPTS {
                match method(self.stub.clone(), self.settings.request(request.clone())).await.map_err(Error::from) {
                    Err(error) if service_config::RETRYABLE.contains(&error.code()) => {
                        tokio::time::sleep(backoff.next(None)).await;
                    }
                    ended => return ended,
                }
            }
            method(self.stub.clone(), self.settings.request(request.clone())).await.map_err(Error::from)
        };
        match tokio::time::timeout(self.settings.timeout, attempts).await {
            Ok(ended) => ended.map(Response::into_inner),
            Err(_) => Err(Error::new(Code::DeadlineExceeded, "not answered within the time given")),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("metadata", &self.settings.metadata).finish_non_exhaustive()
    }
}

/// In [0, 1). std has no random numbers, but hashes with random keys.
pub(crate) fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(()) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn chance_gives_different_numbers_between_0_and_1() {
        let numbers: Vec<f64> = (0..1000).map(|_| super::random()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < 0.1) && numbers.iter().any(|number| *number > 0.9));
    }
}
