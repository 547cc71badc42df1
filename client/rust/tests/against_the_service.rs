//! What is promised of the client, with the real service and a fake ComfyUI.

mod setting;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use comfyui_jobstatus::JobState::{self, Cancelled, Completed, Processing};
use comfyui_jobstatus::{BackoffSettings, Client, ErrorKind, GetStatusRequest, ListStatusesRequest, WatchOptions};
use futures_util::{StreamExt, TryStreamExt};
use setting::Setting;
use tokio::sync::mpsc;

const LONG: Duration = Duration::from_secs(60);

fn client(setting: &Setting) -> Client {
    Client::new(&setting.address).unwrap()
}

async fn await_processing(client: &Client, job_id: &str) {
    let mut watch = client.watch(job_id);
    while watch.try_next().await.unwrap().expect("it does not end").state() != Processing {}
}

#[tokio::test]
async fn a_wait_returns_the_status_the_job_ends_with() {
    let setting = Setting::start();
    setting.submit("a");
    let client = client(&setting);
    let status = client.wait_for_completion(WatchOptions::from("a").timeout(LONG)).await.unwrap();
    assert_eq!(status.state(), Completed);
    assert_eq!(status.outputs.iter().map(|output| output.filename.as_str()).collect::<Vec<_>>(), ["cat_00001_.png"]);
    assert_eq!(client.get_status("a").await.unwrap(), status);
    let listed: Vec<_> = client.list_statuses(ListStatusesRequest::default()).try_collect().await.unwrap();
    assert_eq!(listed, [status]);
    let backends = client.list_backends().await.unwrap();
    assert_eq!(backends.iter().map(|backend| backend.name.as_str()).collect::<Vec<_>>(), ["gpu"]);
}

#[tokio::test]
async fn a_watch_is_a_stream_that_ends_with_the_job() {
    let setting = Setting::start();
    setting.submit_endless("a");
    let mut states: Vec<JobState> = vec![];
    let mut watch = client(&setting).watch("a");
    while let Some(status) = watch.next().await {
        let state = status.unwrap().state();
        if state == Processing && !states.contains(&Processing) {
            setting.interrupt();
        }
        states.push(state);
    }
    assert!(states.contains(&Processing));
    assert_eq!(states.last(), Some(&Cancelled));
}

#[tokio::test]
async fn time_that_is_over_says_how_far_the_job_was() {
    let setting = Setting::start();
    setting.submit_endless("a");
    let client = client(&setting);
    await_processing(&client, "a").await;
    let what = WatchOptions::from("a").timeout(Duration::from_millis(500));
    let error = client.wait_for_completion(what).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(error.last_status().unwrap().state(), Processing);
}

#[tokio::test]
async fn a_wait_survives_the_service() {
    let mut setting = Setting::start();
    setting.submit_endless("a");
    let client = client(&setting);
    let (tell, mut retries) = mpsc::unbounded_channel();
    let mut watch = client.watch(WatchOptions::from("a").on_retry(move |error, _| tell.send(error.kind()).unwrap()));
    watch.try_next().await.unwrap();
    setting.kill_service();
    let waiting = tokio::spawn(watch.map_ok(|status| status.state()).try_collect::<Vec<_>>());
    assert_eq!(retries.recv().await, Some(ErrorKind::ServiceUnavailable));
    setting.interrupt();
    setting.start_service();
    assert_eq!(waiting.await.unwrap().unwrap().last(), Some(&Cancelled));
}

#[tokio::test]
async fn a_client_is_shared_by_many_that_wait() {
    let setting = Setting::start();
    let client = client(&setting);
    let jobs: Vec<String> = (0..100).map(|number| format!("job-{number}")).collect();
    jobs.iter().for_each(|job| setting.submit(job));
    let waits = jobs.iter().map(|job| client.wait_for_completion(WatchOptions::from(job).timeout(LONG)));
    let ended = futures_util::future::try_join_all(waits).await.unwrap();
    assert!(ended.iter().all(|status| status.state() == Completed));
    assert_eq!(ended.iter().map(|status| &status.job_id).collect::<Vec<_>>(), jobs.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_watch_that_fails_fast_says_why() {
    let mut setting = Setting::start();
    setting.kill_service();
    let error = client(&setting).watch(WatchOptions::from("a").fail_fast()).try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServiceUnavailable);
    assert!(error.message().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn a_watch_of_a_service_that_is_away_ends_when_it_is_dropped() {
    let mut setting = Setting::start();
    setting.kill_service();
    let hour = Duration::from_secs(3600);
    let backoff = BackoffSettings { initial: hour, max: hour, multiplier: 1.0 };
    let client = Client::builder(&setting.address).backoff(backoff).build().unwrap();
    let (tell, mut retries) = mpsc::unbounded_channel();
    let mut watch = client.watch(WatchOptions::from("a").on_retry(move |_, wait| tell.send(wait).unwrap()));
    tokio::select! {
        came = watch.try_next() => panic!("{came:?}"),
        wait = retries.recv() => assert!(wait.unwrap() >= hour / 2),
    }
    drop(watch);
    assert_eq!(retries.recv().await, None, "nothing of the watch is left");
}

#[tokio::test]
async fn errors_are_typed() {
    let setting = Setting::start();
    let client = client(&setting);
    let error = client.wait_for_completion(WatchOptions::from("nobody").timeout(LONG)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobNotFound);
    assert_eq!(error.metadata().iter().collect::<Vec<_>>(), [(&"job_id".to_owned(), &"nobody".to_owned())]);
    assert!(!error.request_id().is_empty());
    let nowhere = GetStatusRequest { job_id: "a".to_owned(), backend: "nowhere".to_owned() };
    assert_eq!(client.get_status(nowhere).await.unwrap_err().kind(), ErrorKind::BackendNotFound);
    let error = client.get_status("").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.invalid_fields().keys().collect::<Vec<_>>(), ["job_id"]);
}

#[tokio::test]
async fn the_request_id_of_the_caller_is_the_one_in_the_error() {
    let setting = Setting::start();
    let client = Client::builder(&setting.address).metadata("x-request-id", "mine-1").build().unwrap();
    assert_eq!(client.get_status("nobody").await.unwrap_err().request_id(), "mine-1");
}

#[test]
fn the_example_tells_of_a_job_to_its_outputs() {
    let setting = Setting::start();
    setting.submit("a");
    // cargo builds the examples before it runs tests, beside them.
    let mut example = PathBuf::from(std::env::current_exe().unwrap().parent().unwrap().parent().unwrap());
    example.push("examples/watch_job");
    let ran = Command::new(example).args([&setting.address, "a"]).output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr).unwrap()), (Some(0), String::new()));
    let said = String::from_utf8(ran.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let url = format!("{}/view?filename=cat_00001_.png&type=output", setting.comfy_url());
    assert_eq!(lines[lines.len() - 2..], ["completed with 1 output", &url]);
}
