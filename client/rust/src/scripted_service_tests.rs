//! What the real service does too seldom to wait for: a service in this process that does as each test says. Nothing here takes
//! time: when all that is left to do is to wait, tokio moves the clock.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::v1::job_status_service_server::{JobStatusService, JobStatusServiceServer};
use crate::v1::*;
use crate::{Client, ClientBuilder, Error, ErrorKind, WatchOptions, service_config};

/// What came in with a call, by any method.
#[derive(Debug)]
struct Call {
    after_revision: u64,
    job_ids: Vec<String>,
    page_token: String,
    authorization: String,
    request_id: String,
}

enum Answer {
    Status(Box<JobStatus>),
    Error(Status),
    Page(ListStatusesResponse),
    Messages(Vec<Result<WatchStatusResponse, Status>>),
    /// Each after so long.
    Slow(Duration, Vec<Result<WatchStatusResponse, Status>>),
    /// These messages, and then nothing until the caller leaves, which the sender tells by being dropped.
    Silence(Vec<WatchStatusResponse>, oneshot::Sender<()>),
    /// No answer at all, until the caller leaves.
    Never(oneshot::Sender<()>),
}

struct Scripted {
    calls: mpsc::UnboundedSender<Call>,
    answers: Mutex<VecDeque<Answer>>,
}

impl Scripted {
    fn answer<T>(&self, request: &Request<T>, call: Call) -> Answer {
        let metadata = |key| request.metadata().get(key).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (authorization, request_id) = (metadata("authorization"), metadata("x-request-id"));
        self.calls.send(Call { authorization, request_id, ..call }).unwrap();
        self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Error(Status::aborted("not in the script")))
    }
}

fn call() -> Call {
    Call {
        after_revision: 0,
        job_ids: vec![],
        page_token: String::new(),
        authorization: String::new(),
        request_id: String::new(),
    }
}

#[tonic::async_trait]
impl JobStatusService for Scripted {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        match self.answer(&request, Call { job_ids: vec![request.get_ref().job_id.clone()], ..call() }) {
            Answer::Status(status) => Ok(Response::new(GetStatusResponse { status: Some(*status) })),
            Answer::Error(status) => Err(status),
            Answer::Never(_left) => std::future::pending().await,
            _ => panic!("the script has no answer to GetStatus"),
        }
    }

    type WatchStatusStream = BoxStream<'static, Result<WatchStatusResponse, Status>>;

    async fn watch_status(
        &self,
        request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let asked = request.get_ref();
        let call = Call { after_revision: asked.after_revision, job_ids: asked.job_ids.clone(), ..call() };
        Ok(Response::new(match self.answer(&request, call) {
            Answer::Error(status) => return Err(status),
            Answer::Messages(messages) => stream::iter(messages).boxed(),
            Answer::Slow(pause, messages) => stream::iter(messages)
                .then(move |message| async move {
                    tokio::time::sleep(pause).await;
                    message
                })
                .boxed(),
            Answer::Silence(messages, left) => stream::iter(messages.into_iter().map(Ok))
                .chain(stream::once(async move {
                    let _left = left;
                    std::future::pending().await
                }))
                .boxed(),
            Answer::Never(_left) => std::future::pending().await,
            _ => panic!("the script has no answer to WatchStatus"),
        }))
    }

    async fn list_statuses(
        &self,
        request: Request<ListStatusesRequest>,
    ) -> Result<Response<ListStatusesResponse>, Status> {
        match self.answer(&request, Call { page_token: request.get_ref().page_token.clone(), ..call() }) {
            Answer::Page(page) => Ok(Response::new(page)),
            _ => panic!("the script has no answer to ListStatuses"),
        }
    }

    async fn list_backends(&self, _: Request<ListBackendsRequest>) -> Result<Response<ListBackendsResponse>, Status> {
        unreachable!("no test lists backends")
    }
}

/// The scripted service: a client of it, and the calls it gets.
struct Service {
    calls: mpsc::UnboundedReceiver<Call>,
    client: Client,
}

impl Service {
    fn start(answers: Vec<Answer>) -> Self {
        Service::start_with(answers, |builder| builder)
    }

    fn start_with(answers: Vec<Answer>, options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let (called, calls) = mpsc::unbounded_channel();
        let scripted = Scripted { calls: called, answers: Mutex::new(answers.into()) };
        Service {
            calls,
            client: client_of(JobStatusServiceServer::new(scripted), options(Client::builder("scripted"))),
        }
    }

    async fn next_call(&mut self) -> Call {
        self.calls.recv().await.expect("the service is there")
    }

    fn calls_left(&mut self) -> usize {
        std::iter::from_fn(|| self.calls.try_recv().ok()).count()
    }
}

/// Connected without a network.
fn client_of<S>(service: S, options: ClientBuilder) -> Client
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let (dialed, mut accepted) = mpsc::unbounded_channel();
    let incoming = stream::poll_fn(move |context| accepted.poll_recv(context)).map(Ok::<_, Infallible>);
    tokio::spawn(Server::builder().serve_with_incoming(service, incoming));
    let connector = tower::service_fn(move |_: http::Uri| {
        let (near, far) = tokio::io::duplex(4096);
        let connected = dialed.send(far).map(|()| TokioIo::new(near));
        async { connected }
    });
    let channel = options.endpoint().unwrap().connect_with_connector_lazy(connector);
    options.build_over(channel).unwrap()
}

fn told(job_id: &str, state: JobState, revision: u64) -> WatchStatusResponse {
    let status = JobStatus { job_id: job_id.to_owned(), state: state.into(), revision, ..Default::default() };
    WatchStatusResponse { status: Some(status), revision }
}

fn processing() -> WatchStatusResponse {
    told("a", JobState::Processing, 7)
}

fn completed() -> WatchStatusResponse {
    told("a", JobState::Completed, 8)
}

fn tells(message: WatchStatusResponse) -> Answer {
    Answer::Messages(vec![Ok(message)])
}

/// Tells one status, and then nothing until the caller leaves; that comes from the receiver.
fn silence() -> (Answer, oneshot::Receiver<()>) {
    let (left, gone) = oneshot::channel();
    (Answer::Silence(vec![processing()], left), gone)
}

fn unavailable() -> Answer {
    Answer::Error(Status::unavailable("as scripted"))
}

fn shutting_down(retry_after: Duration) -> Answer {
    let mut details = ErrorDetails::with_error_info("SHUTTING_DOWN", "jobstatus.comfyui", HashMap::new());
    details.set_retry_info(Some(retry_after));
    Answer::Error(Status::with_error_details(Code::Unavailable, "as scripted", details))
}

/// The states a watch of "a" tells, and the errors and waits of its retries.
async fn follow(client: &Client) -> (Vec<JobState>, Vec<(Error, Duration)>) {
    let (tell, mut retries) = mpsc::unbounded_channel();
    let what = WatchOptions::new(["a"]).on_retry(move |error, wait| tell.send((error.clone(), wait)).unwrap());
    let states = client.watch(what).map_ok(|status| status.state()).try_collect().await.unwrap();
    (states, std::iter::from_fn(|| retries.try_recv().ok()).collect())
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_attached_again_from_the_last_revision() {
    let broken = Answer::Messages(vec![Ok(processing()), Err(Status::unavailable("broke"))]);
    let mut service = Service::start(vec![broken, tells(completed())]);
    let (states, retries) = follow(&service.client).await;
    assert_eq!(states, [JobState::Processing, JobState::Completed]);
    assert_eq!(retries.len(), 1);
    assert_eq!(service.next_call().await.after_revision, 0);
    assert_eq!(service.next_call().await.after_revision, 7);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_goes_silent_is_left_and_called_again_from_the_last_revision() {
    let (silent, gone) = silence();
    let mut service = Service::start(vec![silent, tells(completed())]);
    let (states, retries) = follow(&service.client).await;
    assert_eq!(states, [JobState::Processing, JobState::Completed]);
    let words: Vec<_> = retries.iter().map(|(error, _)| (error.kind(), error.message())).collect();
    assert_eq!(words, [(ErrorKind::ServiceUnavailable, "the service went silent")]);
    assert_eq!(service.next_call().await.after_revision, 0);
    assert_eq!(service.next_call().await.after_revision, 7);
    gone.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_breaks_the_silence() {
    let heartbeats = (1..10).map(|revision| Ok(WatchStatusResponse { status: None, revision }));
    let service =
        Service::start(vec![Answer::Slow(Duration::from_secs(40), heartbeats.chain([Ok(completed())]).collect())]);
    let (states, retries) = follow(&service.client).await;
    assert_eq!((states, retries.len()), (vec![JobState::Completed], 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_off_without_a_status_is_attached_again() {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = attempts.clone();
    let cuts_off = tower::service_fn(move |_| {
        let response = match counted.fetch_add(1, Ordering::Relaxed) {
            0 => http::Response::builder().header("content-type", "application/grpc").body(Body::empty()).unwrap(),
            _ => Status::permission_denied("enough").into_http(),
        };
        async { Ok(response) }
    });
    let error = client_of(cuts_off, Client::builder("scripted")).watch("a").try_next().await.unwrap_err();
    assert_eq!((error.code(), attempts.load(Ordering::Relaxed)), (Code::PermissionDenied, 2));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_at_all_is_silent_too() {
    let (left, gone) = oneshot::channel();
    let service = Service::start(vec![Answer::Never(left), tells(completed())]);
    let (states, _) = follow(&service.client).await;
    assert_eq!(states, [JobState::Completed]);
    gone.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn jobs_that_have_ended_are_not_named_again() {
    let first = Answer::Messages(vec![Ok(told("a", JobState::Failed, 5)), Err(Status::unavailable("broke"))]);
    let mut service = Service::start(vec![first, tells(told("b", JobState::Completed, 6))]);
    let statuses: Vec<JobStatus> = service.client.watch(["a", "b"]).try_collect().await.unwrap();
    assert_eq!(statuses.iter().map(|status| status.job_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(service.next_call().await.job_ids, ["a", "b"]);
    assert_eq!(service.next_call().await.job_ids, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_comes_back_not_earlier_than_the_service_says() {
    let least = Duration::from_millis(400);
    let service = Service::start(vec![shutting_down(least), tells(completed())]);
    let began = Instant::now();
    let (_, retries) = follow(&service.client).await;
    assert!(began.elapsed() >= least);
    let [(error, wait)] = &retries[..] else { panic!("{retries:?}") };
    assert_eq!(error.kind(), ErrorKind::ShuttingDown);
    assert!((least..=least.mul_f64(1.25)).contains(wait), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn token_and_metadata_go_with_each_attempt() {
    let options = |builder: ClientBuilder| builder.token("sesame").metadata("x-request-id", "mine");
    let mut service = Service::start_with(vec![unavailable(), tells(completed())], options);
    follow(&service.client).await;
    for _ in 0..2 {
        let call = service.next_call().await;
        assert_eq!((call.authorization.as_str(), call.request_id.as_str()), ("Bearer sesame", "mine"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_says_how_far_it_is() {
    let heartbeat = WatchStatusResponse { status: None, revision: 9 };
    let messages = vec![Ok(processing()), Ok(heartbeat), Ok(told("a", JobState::Completed, 11))];
    let service = Service::start(vec![Answer::Messages(messages)]);
    let mut watch = service.client.watch(WatchOptions::new(["a"]).after_revision(3));
    assert_eq!(watch.revision(), 3);
    watch.try_next().await.unwrap();
    assert_eq!(watch.revision(), 7);
    watch.try_next().await.unwrap();
    assert_eq!(watch.revision(), 11);
    assert_eq!(watch.try_next().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn time_that_is_over_ends_a_watch_and_frees_the_call() {
    let (silent, gone) = silence();
    let service = Service::start(vec![silent]);
    let mut watch = service.client.watch(WatchOptions::new(["a"]).timeout(Duration::from_secs(10)));
    watch.try_next().await.unwrap();
    let error = watch.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(error.last_status().unwrap().revision, 7);
    gone.await.unwrap_err();
    assert_eq!(watch.try_next().await.unwrap(), None, "an error is the last item");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_watch_cancels_its_call() {
    let (silent, gone) = silence();
    let service = Service::start(vec![unavailable(), silent]); // nor does an error of before keep it
    let client = service.client.clone();
    let mut watch = client.watch("a");
    watch.try_next().await.unwrap();
    drop(watch);
    gone.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn ending_the_task_of_a_watch_cancels_its_call() {
    let (silent, gone) = silence();
    let service = Service::start(vec![silent]);
    let client = service.client.clone();
    let (tell, running) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut watch = client.watch("a");
        tell.send(watch.try_next().await).unwrap();
        watch.try_next().await
    });
    running.await.unwrap().unwrap();
    task.abort();
    gone.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_of_a_call_cancels_it() {
    let (left, gone) = oneshot::channel();
    let mut service = Service::start(vec![Answer::Never(left)]);
    let client = service.client.clone();
    tokio::select! {
        answer = client.get_status("a") => panic!("{answer:?}"),
        _ = service.next_call() => (),
    }
    gone.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_of_the_next_status_loses_nothing() {
    let service = Service::start(vec![tells(completed())]);
    let mut watch = service.client.watch("a");
    assert!(watch.try_next().now_or_never().is_none(), "nothing can have come yet");
    assert_eq!(watch.try_next().await.unwrap().unwrap().revision, 8);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_service_ends_too_early_is_an_error() {
    let service = Service::start(vec![tells(processing())]);
    let error = service.client.wait_for_completion("a").await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_for_one_job() {
    let mut service = Service::start(vec![]);
    let error = service.client.wait_for_completion(["a", "b"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(service.calls_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_status_may_be_longer_than_the_usual_4_mib() {
    let mut long = completed();
    long.status.as_mut().unwrap().message = "x".repeat(5 * 1024 * 1024);
    let service = Service::start(vec![tells(long.clone())]);
    assert_eq!(service.client.watch("a").try_next().await.unwrap(), long.status);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_unavailable_is_made_again_as_the_service_config_says() {
    let found = Answer::Status(Box::new(JobStatus { job_id: "a".to_owned(), ..Default::default() }));
    let mut service = Service::start(vec![unavailable(), unavailable(), found]);
    assert_eq!(service.client.get_status("a").await.unwrap().job_id, "a");
    assert_eq!(service.calls_left(), 3);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_the_error_is_told() {
    let mut service = Service::start(vec![unavailable(), unavailable(), unavailable()]);
    let error = service.client.get_status("a").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::ServiceUnavailable, "as scripted"));
    assert_eq!(service.calls_left(), 3);
}

#[tokio::test(start_paused = true)]
async fn any_other_error_is_told_at_once() {
    let mut service = Service::start(vec![Answer::Error(Status::not_found("as scripted"))]);
    assert_eq!(service.client.get_status("a").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(service.calls_left(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_ends_and_is_freed() {
    let (left, gone) = oneshot::channel();
    let service = Service::start(vec![Answer::Never(left)]);
    let began = Instant::now();
    let error = service.client.get_status("a").await.unwrap_err();
    assert!(began.elapsed() >= service_config::TIMEOUT);
    assert_eq!((error.kind(), error.reason()), (ErrorKind::DeadlineExceeded, ""));
    gone.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn statuses_are_listed_page_after_page_as_they_are_needed() {
    let page = |ids: &[&str], next: &str| {
        let statuses = ids.iter().map(|&id| JobStatus { job_id: id.to_owned(), ..Default::default() }).collect();
        Answer::Page(ListStatusesResponse { statuses, next_page_token: next.to_owned() })
    };
    let mut service = Service::start(vec![page(&["a", "b"], "2"), page(&[], "3"), page(&["c"], "")]);
    let mut listed = service.client.list_statuses(ListStatusesRequest::default()).map_ok(|status| status.job_id);
    assert_eq!(listed.try_next().await.unwrap().unwrap(), "a");
    assert_eq!(service.next_call().await.page_token, "");
    assert_eq!(service.calls_left(), 0);
    assert_eq!(listed.try_collect::<Vec<_>>().await.unwrap(), ["b", "c"]);
    assert_eq!(service.next_call().await.page_token, "2");
    assert_eq!(service.next_call().await.page_token, "3");
}

#[test]
fn the_service_config_is_for_every_call_but_the_watch() {
    let config: serde_json::Value = serde_json::from_str(include_str!("../service_config.json")).unwrap();
    let limited: Vec<Vec<&str>> = config["methodConfig"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|calls| calls["timeout"].is_string() || calls["retryPolicy"].is_object())
        .map(|calls| calls["name"].as_array().unwrap().iter().map(|name| name["method"].as_str().unwrap()).collect())
        .collect();
    assert_eq!(limited, [["GetStatus", "ListStatuses", "ListBackends"]]);
}
