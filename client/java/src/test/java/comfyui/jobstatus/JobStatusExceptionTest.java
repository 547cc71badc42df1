package comfyui.jobstatus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import comfyui.jobstatus.v1.JobStatus;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JobStatusExceptionTest {
  @Test
  void detailsBecomeMembers() {
    var violation =
        BadRequest.FieldViolation.newBuilder()
            .setField("job_id")
            .setDescription("must not be empty");
    var info = Errors.info("BACKEND_UNREACHABLE").toBuilder().putMetadata("backend", "gpu");
    var error =
        Errors.of(
            Status.Code.UNAVAILABLE,
            "words",
            info.build(),
            Errors.retry(Duration.ofMillis(1500)),
            BadRequest.newBuilder().addFieldViolations(violation).build(),
            RequestInfo.newBuilder().setRequestId("abc").build());
    assertSame(JobStatusException.BackendUnreachable.class, error.getClass());
    assertEquals(Status.Code.UNAVAILABLE, error.code());
    assertEquals("BACKEND_UNREACHABLE", error.reason());
    assertEquals("words", error.getMessage());
    assertEquals(Map.of("backend", "gpu"), error.metadata());
    assertEquals(Optional.of(Duration.ofMillis(1500)), error.retryAfter());
    assertEquals("abc", error.requestId());
    assertEquals(Map.of("job_id", "must not be empty"), error.invalidFields());
  }

  @ParameterizedTest
  @CsvSource({
    "JOB_NOT_FOUND, JobNotFound",
    "BACKEND_NOT_FOUND, BackendNotFound",
    "INVALID_ARGUMENT, InvalidArgument",
    "UNAUTHENTICATED, Unauthenticated",
    "BACKEND_TIMEOUT, BackendTimeout",
    "BACKEND_UNREACHABLE, BackendUnreachable",
    "BACKEND_HTTP_ERROR, BackendHttpError",
    "BACKEND_BAD_RESPONSE, BackendBadResponse",
    "ARCHIVE_UNAVAILABLE, ArchiveUnavailable",
    "TOO_MANY_LOOKUPS, TooManyLookups",
    "TOO_MANY_WATCHES, TooManyWatches",
    "SHUTTING_DOWN, ShuttingDown",
    "WRITE_STALLED, WriteStalled",
    "A_REASON_OF_TOMORROW, JobStatusException"
  })
  void eachReasonIsAKindOfError(String reason, String kind) {
    var error = Errors.of(Status.Code.UNAVAILABLE, "", Errors.info(reason));
    assertEquals(kind, error.getClass().getSimpleName());
    assertEquals(reason, error.reason());
  }

  @Test
  void aReasonOfSomebodyElseIsNotTakenForOurs() {
    var theirs = ErrorInfo.newBuilder().setDomain("proxy.example").setReason("JOB_NOT_FOUND");
    var error = Errors.of(Status.Code.NOT_FOUND, "", theirs.build());
    assertSame(JobStatusException.class, error.getClass());
    assertEquals("", error.reason());
  }

  @ParameterizedTest
  @CsvSource({
    "UNAVAILABLE, ServiceUnavailable",
    "DEADLINE_EXCEEDED, DeadlineExceeded",
    "CANCELLED, Cancelled",
    "INVALID_ARGUMENT, InvalidArgument",
    "UNAUTHENTICATED, Unauthenticated",
    "INTERNAL, JobStatusException"
  })
  void withoutDetailsTheCodeSaysTheKind(Status.Code code, String kind) {
    var broken = new Metadata();
    broken.put(Errors.DETAILS, new byte[] {-1, 0});
    for (Metadata trailers : new Metadata[] {null, new Metadata(), broken}) {
      var error = JobStatusException.of(code.toStatus().withDescription("words"), trailers);
      assertEquals(kind, error.getClass().getSimpleName());
      assertEquals("words", error.getMessage());
      assertEquals("", error.reason());
    }
  }

  @Test
  void aDetailThatCannotBeReadIsLeftOut() {
    var detail =
        Any.pack(Errors.info("JOB_NOT_FOUND")).toBuilder()
            .setValue(ByteString.copyFrom(new byte[] {-1}));
    var status = com.google.rpc.Status.newBuilder().addDetails(detail).build();
    var trailers = new Metadata();
    trailers.put(Errors.DETAILS, status.toByteArray());
    assertEquals("", JobStatusException.of(Status.NOT_FOUND, trailers).reason());
  }

  @Test
  void whatBrokeAConnectionIsSaid() {
    var cause = new IOException("Connection refused");
    var status = Status.UNAVAILABLE.withDescription("io exception").withCause(cause);
    var error = JobStatusException.of(status, null);
    assertEquals("io exception: Connection refused", error.getMessage());
    assertSame(cause, error.getCause());
  }

  @Test
  void aStackTraceShowsTheReason() {
    var error = Errors.of(Status.Code.NOT_FOUND, "words", Errors.info("JOB_NOT_FOUND"));
    assertEquals(
        "comfyui.jobstatus.JobStatusException$JobNotFound: JOB_NOT_FOUND: words", error.toString());
  }

  @Test
  void anErrorCanBeSentToAnotherProcess() throws IOException, ClassNotFoundException {
    var error = Errors.of(Status.Code.NOT_FOUND, "words", Errors.info("JOB_NOT_FOUND"));
    var last = JobStatus.newBuilder().setJobId("x").build();
    var bytes = new ByteArrayOutputStream();
    new ObjectOutputStream(bytes).writeObject(error.withLastStatus(last));
    var input = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()));
    var copy = (JobStatusException.JobNotFound) input.readObject();
    assertEquals(error.toString(), copy.toString());
    assertEquals(Optional.of(last), copy.lastStatus());
  }
}
