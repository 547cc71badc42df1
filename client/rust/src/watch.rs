//! Following jobs as they change.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use tonic::{Code, Status, Streaming};

use crate::backoff::Backoff;
use crate::client::{Settings, Stub, random};
use crate::v1::WatchStatusResponse;
use crate::watch_flow::{WatchFlow, to_proto};
use crate::{Error, JobStatus, WatchStatusRequest};

type OnRetry = Box<dyn FnMut(&Error, Duration) + Send>;

/// What to watch, and how. Made from one job id, from several, or from a [`WatchStatusRequest`].
pub struct WatchOptions {
    pub(crate) request: WatchStatusRequest,
    timeout: Option<Duration>,
    fail_fast: bool,
    on_retry: OnRetry,
}

impl WatchOptions {
    /// Some jobs, by ComfyUI's prompt_id. None: all jobs, until the caller leaves.
    pub fn new(job_ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let job_ids = job_ids.into_iter().map(Into::into).collect();
        WatchStatusRequest { job_ids, ..Default::default() }.into()
    }

    /// All jobs, until the caller leaves.
    pub fn all_jobs() -> Self {
        WatchStatusRequest::default().into()
    }

    /// Only jobs of this ComfyUI server, by configured name.
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.request.backend = name.into();
        self
    }

    /// Only what is newer: to go on where an earlier watch was, [`Watch::revision`] of that.
    pub fn after_revision(mut self, revision: u64) -> Self {
        self.request.after_revision = revision;
        self
    }

    /// Thins updates of progress to one in this time. A change of state is told at once.
    pub fn min_interval(mut self, interval: Duration) -> Self {
        self.request.min_interval = Some(to_proto(interval));
        self
    }

    /// How long a job may stay unknown before the watch ends with [`ErrorKind::JobNotFound`](crate::ErrorKind::JobNotFound).
    /// Counted from the start of the watch, over lost connections too. Lets a caller watch first and submit after.
    pub fn wait_for_job(mut self, patience: Duration) -> Self {
        self.request.wait_for_job = Some(to_proto(patience));
        self
    }

    /// Limit of the whole watch, attaching again included; then it ends with
    /// [`ErrorKind::DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded). None unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// An attempt that fails before the first message ends the watch, even if trying again might help.
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Is told why an attempt failed, and how long it is until the next one.
    pub fn on_retry(mut self, told: impl FnMut(&Error, Duration) + Send + 'static) -> Self {
        self.on_retry = Box::new(told);
        self
    }
}

impl fmt::Debug for WatchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchOptions").field("request", &self.request).finish_non_exhaustive()
    }
}

impl From<WatchStatusRequest> for WatchOptions {
    fn from(request: WatchStatusRequest) -> Self {
        WatchOptions { request, timeout: None, fail_fast: false, on_retry: Box::new(|_, _| ()) }
    }
}

impl From<&str> for WatchOptions {
    fn from(job_id: &str) -> Self {
        WatchOptions::new([job_id])
    }
}

impl From<&String> for WatchOptions {
    fn from(job_id: &String) -> Self {
        WatchOptions::new([job_id])
    }
}

impl From<String> for WatchOptions {
    fn from(job_id: String) -> Self {
        WatchOptions::new([job_id])
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for WatchOptions {
    fn from(job_ids: [T; N]) -> Self {
        WatchOptions::new(job_ids)
    }
}

impl<T: Into<String>> From<Vec<T>> for WatchOptions {
    fn from(job_ids: Vec<T>) -> Self {
        WatchOptions::new(job_ids)
    }
}

/// The statuses of jobs as they change: a stream. Survives the service going down: it attaches again from the last revision
/// received, with growing waits. Ends when all named jobs have; an error, the last item then, when trying again cannot help.
/// Asks nothing until it is polled; dropping it cancels it.
pub struct Watch {
    statuses: BoxStream<'static, Result<JobStatus, Error>>,
    revision: Arc<AtomicU64>, // the stream writes it
}

impl Watch {
    pub(crate) fn new(stub: Stub, settings: Arc<Settings>, options: WatchOptions) -> Self {
        let revision = Arc::new(AtomicU64::new(options.request.after_revision));
        let running = Running::new(stub, settings, options, revision.clone());
        let statuses = stream::try_unfold(running, |mut running| async move {
            let next = running.next().await?;
            Ok::<_, Error>(next.map(|status| (status, running)))
        });
        Watch { statuses: statuses.boxed(), revision }
    }

    /// The next status; None when all named jobs have ended. The same as `try_next` of futures' `TryStreamExt`, without the need
    /// for it. Nothing is lost when its future is dropped.
    pub async fn try_next(&mut self) -> Result<Option<JobStatus>, Error> {
        self.statuses.try_next().await
    }

    /// Everything up to it has been received; give it as [`WatchOptions::after_revision`] to go on in a later watch.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("revision", &self.revision()).finish_non_exhaustive()
    }
}

impl Stream for Watch {
    type Item = Result<JobStatus, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.statuses.poll_next_unpin(context)
    }
}

struct Running {
    stub: Stub,
    settings: Arc<Settings>,
    flow: WatchFlow,
    on_retry: OnRetry,
    revision: Arc<AtomicU64>,
    call: Option<Streaming<WatchStatusResponse>>, // the attempt under way
}

impl Running {
    fn new(stub: Stub, settings: Arc<Settings>, options: WatchOptions, revision: Arc<AtomicU64>) -> Self {
        let backoff = Backoff::new(settings.backoff, random);
        let flow = WatchFlow::new(options.request, options.timeout, options.fail_fast, backoff, now());
        Running { stub, settings, flow, on_retry: options.on_retry, revision, call: None }
    }

    /// The next status; None: the watch is over.
    async fn next(&mut self) -> Result<Option<JobStatus>, Error> {
        loop {
            let error = match self.read().await {
                Ok(Some(message)) => {
                    self.flow.on_message(&message);
                    self.revision.store(self.flow.revision(), Ordering::Relaxed);
                    match message.status {
                        Some(status) => return Ok(Some(status)),
                        None => continue, // a heartbeat
                    }
                }
                Ok(None) => None,
                Err(error) => Some(error),
            };
            self.call = None;
            let Some(retry) = self.flow.on_end(error, now())? else {
                return Ok(None);
            };
            (self.on_retry)(&retry.why, retry.wait);
            tokio::time::sleep(retry.wait).await;
            self.flow.check_time(now())?;
        }
    }

    /// The next message, or None: the stream ended with OK. Takes no longer than silence or the whole watch may.
    async fn read(&mut self) -> Result<Option<WatchStatusResponse>, Error> {
        let now = now();
        let limit = self.settings.silence_limit;
        let limit = self.flow.time_left(now).map_or(limit, |left| limit.min(left));
        let reading = async {
            let call = match &mut self.call {
                Some(call) => call,
                None => {
                    let request = self.settings.request(self.flow.attach(now));
                    self.call.insert(self.stub.watch_status(request).await?.into_inner())
                }
            };
            call.message().await
        };
        match tokio::time::timeout(limit, reading).await {
            Ok(came) => came.map_err(|status: Status| status.into()),
            Err(_) => Err(Error::new(Code::Unavailable, "the service went silent")),
        }
    }
}

/// Of tokio's clock, which tests can move.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
