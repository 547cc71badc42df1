//! What a call that did not succeed returns.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::JobStatus;

const DOMAIN: &str = "jobstatus.comfyui";

/// What a call that did not succeed returns. A job that failed is no error: it is a [`JobStatus`].
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>); // an error is large, and most results are none

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    reason: String,
    message: String,
    metadata: BTreeMap<String, String>,
    invalid_fields: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    request_id: String,
    last_status: Option<JobStatus>,
}

/// What kind of error it is: by the service's own reason, or by gRPC's code where the service did not make the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Every ComfyUI server was asked, and none has the job.
    JobNotFound,
    /// No ComfyUI server is configured under that name.
    BackendNotFound,
    /// The request or an option is wrong; [`Error::invalid_fields`] says what.
    InvalidArgument,
    /// The token is missing or wrong.
    Unauthenticated,
    /// The job is not known, and a ComfyUI server did not answer in time.
    BackendTimeout,
    /// The job is not known, and a ComfyUI server could not be reached.
    BackendUnreachable,
    /// A ComfyUI server answered with an error; `http_status` of [`Error::metadata`] says which.
    BackendHttpError,
    /// A ComfyUI server answered with what ComfyUI does not send.
    BackendBadResponse,
    /// The job is not known, and the service cannot read its archive.
    ArchiveUnavailable,
    /// The job is not known, and this address had too many such jobs looked up of late.
    TooManyLookups,
    /// The service has as many streams as it takes.
    TooManyWatches,
    /// The connection is old enough for the service. Watches come back by themselves.
    ConnectionAge,
    /// The service is going down. Watches come back by themselves.
    ShuttingDown,
    /// The reader of a watch took nothing for too long. Watches come back by themselves.
    WriteStalled,
    /// The service itself cannot be reached.
    ServiceUnavailable,
    /// The time given is over; of a watch or a wait, [`Error::last_status`] says how far the job was.
    DeadlineExceeded,
    /// The call was cancelled, though not by its caller: who drops a call hears nothing of it any more.
    Cancelled,
    /// Any other; [`Error::code`] and [`Error::reason`] say more.
    Other,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            code,
            reason: String::new(),
            message: message.into(),
            metadata: BTreeMap::new(),
            invalid_fields: BTreeMap::new(),
            retry_after: None,
            request_id: String::new(),
            last_status: None,
        }))
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Error::new(Code::InvalidArgument, message)
    }

    pub(crate) fn with_last_status(mut self, status: Option<JobStatus>) -> Self {
        self.0.last_status = status;
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match (self.reason(), self.code()) {
            ("JOB_NOT_FOUND", _) => ErrorKind::JobNotFound,
            ("BACKEND_NOT_FOUND", _) => ErrorKind::BackendNotFound,
            ("INVALID_ARGUMENT", _) | ("", Code::InvalidArgument) => ErrorKind::InvalidArgument,
            ("UNAUTHENTICATED", _) | ("", Code::Unauthenticated) => ErrorKind::Unauthenticated,
            ("BACKEND_TIMEOUT", _) => ErrorKind::BackendTimeout,
            ("BACKEND_UNREACHABLE", _) => ErrorKind::BackendUnreachable,
            ("BACKEND_HTTP_ERROR", _) => ErrorKind::BackendHttpError,
            ("BACKEND_BAD_RESPONSE", _) => ErrorKind::BackendBadResponse,
            ("ARCHIVE_UNAVAILABLE", _) => ErrorKind::ArchiveUnavailable,
            ("TOO_MANY_LOOKUPS", _) => ErrorKind::TooManyLookups,
            ("TOO_MANY_WATCHES", _) => ErrorKind::TooManyWatches,
            ("CONNECTION_AGE", _) => ErrorKind::ConnectionAge,
            ("SHUTTING_DOWN", _) => ErrorKind::ShuttingDown,
            ("WRITE_STALLED", _) => ErrorKind::WriteStalled,
            ("", Code::Unavailable) => ErrorKind::ServiceUnavailable,
            ("", Code::DeadlineExceeded) => ErrorKind::DeadlineExceeded,
            ("", Code::Cancelled) => ErrorKind::Cancelled,
            _ => ErrorKind::Other,
        }
    }

    /// gRPC's code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The service's own reason, such as "JOB_NOT_FOUND". Empty when the service did not make the error: the connection failed,
    /// the time was over.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// For a person; its wording may change.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// `backend`, `job_id`, `http_status`, `limit`, where they apply.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Of [`ErrorKind::InvalidArgument`]: what is wrong, by the name of the request's field.
    pub fn invalid_fields(&self) -> &BTreeMap<String, String> {
        &self.0.invalid_fields
    }

    /// Trying again helps, but not earlier than in this time. None: the service did not say so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Under which the service has the call in its log. Empty when the service did not make the error.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Of a watch or a wait: the last status received before it ended.
    pub fn last_status(&self) -> Option<&JobStatus> {
        self.0.last_status.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.message().is_empty() { "no further words" } else { self.message() };
        match self.reason() {
            "" => write!(f, "{:?}: {message}", self.code()),
            reason => write!(f, "{reason}: {message}"),
        }
    }
}

impl std::error::Error for Error {}

/// A connection that failed or broke, in words; None: the service answered. tonic makes up various codes for that, by how it is
/// built; gRPC's is UNAVAILABLE.
fn broken_connection(status: &Status) -> Option<String> {
    let mut cause = std::error::Error::source(status);
    if cause.is_none() {
        // The stream ended where the status should come.
        let cut_off = ["protocol error: missing grpc-status trailer", "Unexpected EOF decoding stream"];
        return cut_off.iter().any(|words| status.message().starts_with(words)).then(|| status.message().to_owned());
    }
    let mut words = Vec::new();
    while let Some(error) = cause {
        let text = error.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        cause = error.source();
    }
    Some(words.join(": "))
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        if let Some(words) = broken_connection(&status) {
            return Error::new(Code::Unavailable, words);
        }
        let mut error = Error::new(status.code(), status.message());
        let found = &mut error.0;
        let details = status.get_error_details(); // of what is no google.rpc.Status, a proxy's perhaps, it makes none
        if let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) {
            found.reason = info.reason.clone();
            found.metadata = info.metadata.clone().into_iter().collect();
        }
        found.retry_after = details.retry_info().and_then(|retry| retry.retry_delay);
        if let Some(request) = details.request_info() {
            found.request_id = request.request_id.clone();
        }
        if let Some(bad) = details.bad_request() {
            let fields = bad.field_violations.iter();
            found.invalid_fields = fields.map(|each| (each.field.clone(), each.description.clone())).collect();
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use tonic_types::ErrorDetails;

    use super::*;

    fn info(reason: &str, domain: &str) -> ErrorDetails {
        ErrorDetails::with_error_info(reason, domain, HashMap::from([("job_id".to_owned(), "x".to_owned())]))
    }

    fn error(code: Code, details: ErrorDetails) -> Error {
        Status::with_error_details(code, "words", details).into()
    }

    #[test]
    fn details_become_members() {
        let mut details = info("BACKEND_UNREACHABLE", DOMAIN);
        details.set_retry_info(Some(Duration::from_millis(1500)));
        details.add_bad_request_violation("job_id", "must not be empty");
        details.set_request_info("abc", "");
        let error = error(Code::Unavailable, details);
        assert_eq!(error.kind(), ErrorKind::BackendUnreachable);
        assert_eq!(
            (error.code(), error.reason(), error.message()),
            (Code::Unavailable, "BACKEND_UNREACHABLE", "words")
        );
        assert_eq!(error.metadata()["job_id"], "x");
        assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
        assert_eq!(error.request_id(), "abc");
        assert_eq!(error.invalid_fields()["job_id"], "must not be empty");
        assert_eq!(error.to_string(), "BACKEND_UNREACHABLE: words");
    }

    #[test]
    fn each_reason_of_the_contract_is_a_kind_of_its_own() {
        let reasons = [
            "JOB_NOT_FOUND",
            "BACKEND_NOT_FOUND",
            "INVALID_ARGUMENT",
            "UNAUTHENTICATED",
            "BACKEND_TIMEOUT",
            "BACKEND_UNREACHABLE",
            "BACKEND_HTTP_ERROR",
            "BACKEND_BAD_RESPONSE",
            "ARCHIVE_UNAVAILABLE",
            "TOO_MANY_LOOKUPS",
            "TOO_MANY_WATCHES",
            "CONNECTION_AGE",
            "SHUTTING_DOWN",
            "WRITE_STALLED",
        ];
        let contract = include_str!("../proto/comfyui/jobstatus/v1/job_status.proto");
        let mut kinds = HashSet::from([ErrorKind::Other]);
        for reason in reasons {
            assert!(contract.contains(reason), "{reason}");
            assert!(kinds.insert(error(Code::Unknown, info(reason, DOMAIN)).kind()), "{reason}");
        }
    }

    #[test]
    fn a_reason_of_tomorrow_is_an_error_with_that_reason() {
        let error = error(Code::Unavailable, info("NEW", DOMAIN));
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Other, "NEW"));
    }

    #[test]
    fn a_reason_of_somebody_else_is_not_taken_for_ours() {
        let error = error(Code::NotFound, info("JOB_NOT_FOUND", "proxy.example"));
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Other, ""));
        assert!(error.metadata().is_empty());
    }

    #[test]
    fn without_details_the_code_says_the_kind() {
        for (code, kind) in [
            (Code::Unavailable, ErrorKind::ServiceUnavailable),
            (Code::DeadlineExceeded, ErrorKind::DeadlineExceeded),
            (Code::Cancelled, ErrorKind::Cancelled),
            (Code::InvalidArgument, ErrorKind::InvalidArgument),
            (Code::Internal, ErrorKind::Other),
        ] {
            for details in [&b""[..], b"\xff not protobuf"] {
                let error = Error::from(Status::with_details(code, "words", details.into()));
                assert_eq!((error.kind(), error.message(), error.reason()), (kind, "words", ""));
            }
        }
    }

    #[test]
    fn a_connection_that_broke_is_unavailable_whatever_tonic_calls_it() {
        let cause = std::io::Error::other("reset by peer");
        let error = Error::from(Status::from_error(Box::new(cause)));
        assert_eq!((error.kind(), error.message()), (ErrorKind::ServiceUnavailable, "reset by peer"));
    }
}
