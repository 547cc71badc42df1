//! What a watch does next: pure decisions, without gRPC, tasks or clocks.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tonic::Code;

use crate::backoff::Backoff;
use crate::v1::{WatchStatusRequest, WatchStatusResponse};
use crate::{Error, JobStatus};

/// After a restart the service needs a moment to learn again of jobs it had been telling about.
const PATIENCE_AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// An attempt has failed, and another will be made after the wait.
pub(crate) struct Retry {
    pub(crate) why: Error,
    pub(crate) wait: Duration,
}

/// One watch, over any number of attempts. The caller reports what happened and does what it is told.
pub(crate) struct WatchFlow {
    request: WatchStatusRequest,
    fail_fast: bool,
    backoff: Backoff,
    started: Instant,
    deadline: Option<Instant>,
    ended: HashSet<String>, // named jobs whose newest status is terminal
    heard: bool,            // any message in any attempt
    attached_before: bool,
    revision: u64,
    last_status: Option<JobStatus>,
}

impl WatchFlow {
    pub(crate) fn new(
        request: WatchStatusRequest,
        timeout: Option<Duration>,
        fail_fast: bool,
        backoff: Backoff,
        now: Instant,
    ) -> Self {
        WatchFlow {
            fail_fast,
            backoff,
            started: now,
            deadline: timeout.and_then(|timeout| now.checked_add(timeout)), // one that no clock can tell is none
            ended: HashSet::new(),
            heard: false,
            attached_before: false,
            revision: request.after_revision,
            last_status: None,
            request,
        }
    }

    /// Everything up to it has been received.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// An attempt begins: what to ask the service for.
    pub(crate) fn attach(&mut self, now: Instant) -> WatchStatusRequest {
        let mut request = self.request.clone();
        // A restarted service may have forgotten a job that has ended; naming it again would end the watch of the others.
        request.job_ids.retain(|job_id| !self.ended.contains(job_id));
        request.after_revision = self.revision;
        if self.attached_before && !self.request.job_ids.is_empty() {
            let given: Duration = self.request.wait_for_job.unwrap_or_default().try_into().unwrap_or_default();
            let left = given.saturating_sub(now - self.started);
            request.wait_for_job = Some(to_proto(left.max(PATIENCE_AFTER_OUTAGE)));
        }
        self.attached_before = true;
        request
    }

    /// How long until the watch must be over; None: no limit.
    pub(crate) fn time_left(&self, now: Instant) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(now))
    }

    pub(crate) fn on_message(&mut self, message: &WatchStatusResponse) {
        self.revision = self.revision.max(message.revision);
        if let Some(status) = &message.status {
            self.last_status = Some(status.clone());
            if !self.request.job_ids.is_empty() {
                if status.is_terminal() {
                    self.ended.insert(status.job_id.clone());
                } else {
                    self.ended.remove(&status.job_id); // a lost job may be seen again
                }
            }
        }
        self.heard = true;
        self.backoff.reset();
    }

    /// The stream ended; `error` None: with OK. None when the watch is over; an error when it ends badly.
    pub(crate) fn on_end(&mut self, error: Option<Error>, now: Instant) -> Result<Option<Retry>, Error> {
        let Some(why) = error.filter(|_| !self.all_named_jobs_ended()) else {
            return Ok(None);
        };
        self.check_time(now)?;
        if !trying_again_helps(&why) || (self.fail_fast && !self.heard) {
            return Err(why.with_last_status(self.last_status.clone()));
        }
        let wait = self.backoff.next(why.retry_after());
        Ok(Some(Retry { why, wait: self.time_left(now).map_or(wait, |left| wait.min(left)) }))
    }

    /// An error when there is no time left for another attempt.
    pub(crate) fn check_time(&self, now: Instant) -> Result<(), Error> {
        match self.time_left(now) {
            Some(Duration::ZERO) => Err(Error::new(Code::DeadlineExceeded, "not finished within the time given")
                .with_last_status(self.last_status.clone())),
            _ => Ok(()),
        }
    }

    fn all_named_jobs_ended(&self) -> bool {
        let named = &self.request.job_ids;
        !named.is_empty() && named.iter().all(|job_id| self.ended.contains(job_id))
    }
}

fn trying_again_helps(error: &Error) -> bool {
    match error.code() {
        Code::Unavailable => true,
        // Without details: this reader was stopped for a while (WRITE_STALLED), and is back. Details would have had to pass the
        // write that was stuck.
        Code::ResourceExhausted => error.retry_after().is_some() || matches!(error.reason(), "WRITE_STALLED" | ""),
        // That we did not ask for: it comes from a server that was shutting down when the call reached it.
        Code::Cancelled => error.reason().is_empty(),
        _ => false,
    }
}

/// At most the longest that protobuf's Duration may be.
pub(crate) fn to_proto(duration: Duration) -> prost_types::Duration {
    let duration = duration.min(Duration::from_secs(315_576_000_000));
    prost_types::Duration { seconds: duration.as_secs() as i64, nanos: duration.subsec_nanos() as i32 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Status;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;
    use crate::JobState::{self, Completed, Failed, Lost, Processing, Queued};
    use crate::{BackoffSettings, ErrorKind};

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A flow, and a clock: seconds since it began.
    fn flow_with(
        request: WatchStatusRequest,
        timeout: Option<u64>,
        fail_fast: bool,
    ) -> (WatchFlow, impl Fn(u64) -> Instant) {
        let settings = BackoffSettings { initial: seconds(1), max: seconds(8), multiplier: 2.0 };
        let start = Instant::now();
        let flow = WatchFlow::new(request, timeout.map(seconds), fail_fast, Backoff::new(settings, || 1.0), start);
        (flow, move |after| start + seconds(after))
    }

    fn named(job_ids: &[&str]) -> WatchStatusRequest {
        WatchStatusRequest { job_ids: job_ids.iter().map(|&id| id.to_owned()).collect(), ..Default::default() }
    }

    fn flow(job_ids: &[&str]) -> (WatchFlow, impl Fn(u64) -> Instant) {
        flow_with(named(job_ids), None, false)
    }

    fn told(job_id: &str, state: JobState, revision: u64) -> WatchStatusResponse {
        let status = JobStatus { job_id: job_id.to_owned(), state: state.into(), revision, ..Default::default() };
        WatchStatusResponse { status: Some(status), revision }
    }

    fn heartbeat(revision: u64) -> WatchStatusResponse {
        WatchStatusResponse { status: None, revision }
    }

    fn error(code: Code, reason: &str, retry_after: Option<u64>) -> Error {
        let mut details = ErrorDetails::new();
        if !reason.is_empty() {
            details.set_error_info(reason, "jobstatus.comfyui", HashMap::new());
        }
        if let Some(after) = retry_after {
            details.set_retry_info(Some(seconds(after)));
        }
        Status::with_error_details(code, "words", details).into()
    }

    fn away() -> Option<Error> {
        Some(error(Code::Unavailable, "", None))
    }

    #[track_caller]
    fn wait(next: Result<Option<Retry>, Error>) -> Duration {
        next.expect("no error").expect("another attempt").wait
    }

    #[test]
    fn a_watch_that_was_lost_goes_on_from_the_last_revision() {
        let (mut watch, at) = flow_with(WatchStatusRequest { after_revision: 3, ..named(&["a"]) }, None, false);
        assert_eq!(watch.attach(at(0)).after_revision, 3);
        watch.on_message(&told("a", Queued, 5));
        watch.on_message(&heartbeat(9));
        assert_eq!(wait(watch.on_end(away(), at(1))), seconds(1));
        assert_eq!(watch.attach(at(2)).after_revision, 9);
    }

    #[test]
    fn jobs_that_have_ended_are_not_asked_for_again() {
        let (mut watch, at) = flow(&["a", "b"]);
        watch.attach(at(0));
        watch.on_message(&told("a", Completed, 5));
        assert_eq!(watch.attach(at(1)).job_ids, ["b"]);
    }

    #[test]
    fn a_lost_job_that_is_seen_again_is_asked_for_again() {
        let (mut watch, at) = flow(&["a", "b"]);
        watch.on_message(&told("a", Lost, 5));
        watch.on_message(&told("a", Processing, 6));
        assert_eq!(watch.attach(at(1)).job_ids, ["a", "b"]);
    }

    #[test]
    fn a_stream_that_breaks_after_the_last_job_ended_is_over() {
        let (mut watch, at) = flow(&["a"]);
        watch.on_message(&told("a", Failed, 5));
        assert!(watch.on_end(away(), at(1)).unwrap().is_none());
    }

    #[test]
    fn waits_grow_until_something_is_heard() {
        let (mut watch, at) = flow(&["a"]);
        let waits: Vec<_> = (0..3).map(|_| wait(watch.on_end(away(), at(1)))).collect();
        assert_eq!(waits, [1, 2, 4].map(seconds));
        watch.on_message(&heartbeat(1));
        assert_eq!(wait(watch.on_end(away(), at(1))), seconds(1));
    }

    #[test]
    fn the_service_says_when_to_come_back() {
        let (mut watch, at) = flow(&["a"]);
        assert_eq!(wait(watch.on_end(Some(error(Code::Unavailable, "", Some(4))), at(1))), seconds(5));
    }

    #[test]
    fn trying_again_helps_against_what_passes() {
        for error in [
            error(Code::Unavailable, "SHUTTING_DOWN", None),
            error(Code::ResourceExhausted, "WRITE_STALLED", None),
            error(Code::ResourceExhausted, "", None),
            error(Code::ResourceExhausted, "TOO_MANY_WATCHES", Some(1)),
            error(Code::Cancelled, "", None),
        ] {
            let (mut watch, at) = flow(&["a"]);
            assert!(watch.on_end(Some(error), at(1)).unwrap().is_some());
        }
    }

    #[test]
    fn other_errors_end_a_watch_with_what_was_known() {
        for code in [Code::NotFound, Code::InvalidArgument, Code::Unauthenticated, Code::Internal, Code::Unimplemented]
        {
            let (mut watch, at) = flow(&["a"]);
            watch.on_message(&told("a", Queued, 5));
            let Err(ended) = watch.on_end(Some(error(code, "", None)), at(1)) else { panic!("{code:?}") };
            assert_eq!((ended.code(), ended.last_status().unwrap().revision), (code, 5));
        }
    }

    #[test]
    fn who_fails_fast_does_so_until_something_is_heard() {
        let (mut watch, at) = flow_with(named(&["a"]), None, true);
        assert!(watch.on_end(away(), at(1)).is_err());
        watch.on_message(&heartbeat(1));
        assert_eq!(wait(watch.on_end(away(), at(1))), seconds(1));
    }

    #[test]
    fn no_wait_is_longer_than_the_time_left() {
        let (mut watch, at) = flow_with(named(&["a"]), Some(10), false);
        assert_eq!(watch.time_left(at(4)), Some(seconds(6)));
        assert_eq!(wait(watch.on_end(Some(error(Code::Unavailable, "", Some(60))), at(4))), seconds(6));
        watch.on_message(&told("a", Processing, 5));
        let late = watch.check_time(at(10)).unwrap_err();
        assert_eq!((late.kind(), late.last_status().unwrap().revision), (ErrorKind::DeadlineExceeded, 5));
    }

    #[test]
    fn a_stream_that_ends_after_the_time_is_over_ends_the_watch() {
        let (mut watch, at) = flow_with(named(&["a"]), Some(10), false);
        let Err(late) = watch.on_end(away(), at(11)) else { panic!("there was time") };
        assert_eq!(late.kind(), ErrorKind::DeadlineExceeded);
    }

    #[test]
    fn a_limit_that_no_clock_can_tell_is_none() {
        let (watch, at) = flow_with(named(&["a"]), Some(u64::MAX), false);
        assert_eq!(watch.time_left(at(1)), None);
    }

    #[test]
    fn a_job_may_stay_unknown_for_as_long_as_said_counted_from_the_start() {
        let (mut watch, at) =
            flow_with(WatchStatusRequest { wait_for_job: Some(to_proto(seconds(30))), ..named(&["a"]) }, None, false);
        assert_eq!(watch.attach(at(0)).wait_for_job.unwrap().seconds, 30);
        assert_eq!(watch.attach(at(10)).wait_for_job.unwrap().seconds, 20);
    }

    #[test]
    fn a_service_that_was_away_is_given_a_moment_to_learn_of_the_job() {
        let (mut watch, at) = flow(&["a"]);
        assert_eq!(watch.attach(at(0)).wait_for_job, None);
        assert_eq!(watch.attach(at(10)).wait_for_job.unwrap().seconds, 5);
    }

    #[test]
    fn a_watch_of_all_jobs_names_none_and_has_no_patience() {
        let (mut watch, at) = flow(&[]);
        watch.attach(at(0));
        watch.on_message(&told("a", Completed, 5));
        let request = watch.attach(at(1));
        assert_eq!((request.job_ids.len(), request.wait_for_job), (0, None));
        assert_eq!(wait(watch.on_end(away(), at(1))), seconds(1));
    }
}
