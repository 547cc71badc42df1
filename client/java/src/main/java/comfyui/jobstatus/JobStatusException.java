package comfyui.jobstatus;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import comfyui.jobstatus.v1.JobStatus;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.Serial;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * A call that did not succeed. A job that failed is none: it is a JobStatus. The kinds are the
 * classes within.
 */
public class JobStatusException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;
  private static final String DOMAIN = "jobstatus.comfyui";
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private final Status.Code code;
  private final String reason;
  private final HashMap<String, String> metadata;
  private final LinkedHashMap<String, String> invalidFields;
  private final Duration retryAfter;
  private final String requestId;
  private JobStatus lastStatus;

  private JobStatusException(Found found) {
    super(found.message, found.cause);
    code = found.code;
    reason = found.reason;
    metadata = found.metadata;
    invalidFields = found.invalidFields;
    retryAfter = found.retryAfter;
    requestId = found.requestId;
  }

  /** gRPC's code. */
  public Status.Code code() {
    return code;
  }

  /**
   * The service's own reason, such as "JOB_NOT_FOUND". Empty when the service did not make the
   * error: the connection failed, the deadline passed.
   */
  public String reason() {
    return reason;
  }

  /** {@code backend}, {@code job_id}, {@code http_status}, {@code limit}, where they apply. */
  public Map<String, String> metadata() {
    return Map.copyOf(metadata);
  }

  /** Of InvalidArgument: what is wrong, by the name of the request's field. */
  public Map<String, String> invalidFields() {
    return new LinkedHashMap<>(invalidFields);
  }

  /** Trying again helps, but not earlier than after this. Empty: the service did not say so. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }

  /**
   * Under which the service has the call in its log. Empty when the service did not make the error.
   */
  public String requestId() {
    return requestId;
  }

  /** Of a watch or a wait: the last status received before it ended. */
  public Optional<JobStatus> lastStatus() {
    return Optional.ofNullable(lastStatus);
  }

  @Override
  public String toString() {
    return getClass().getName()
        + ": "
        + (reason.isEmpty() ? code.name() : reason)
        + ": "
        + getMessage();
  }

  JobStatusException withLastStatus(JobStatus status) {
    lastStatus = status;
    return this;
  }

  /** The typed error for what a call ended with; {@code trailers} may be null. */
  static JobStatusException of(Status status, Metadata trailers) {
    Found found = new Found(status);
    byte[] details = trailers == null ? null : trailers.get(DETAILS);
    if (details != null) {
      try {
        for (Any detail : com.google.rpc.Status.parseFrom(details).getDetailsList()) {
          found.add(detail);
        }
      } catch (InvalidProtocolBufferException e) {
        // Not ours: a proxy's, perhaps. The code tells enough.
      }
    }
    Function<Found, JobStatusException> kind =
        found.reason.isEmpty() ? BY_CODE.get(found.code) : BY_REASON.get(found.reason);
    return kind == null ? new JobStatusException(found) : kind.apply(found);
  }

  /** What is known of an error. */
  private static final class Found {
    final Status.Code code;
    final String message;
    final Throwable cause;
    String reason = "";
    final HashMap<String, String> metadata = new HashMap<>();
    final LinkedHashMap<String, String> invalidFields = new LinkedHashMap<>();
    Duration retryAfter;
    String requestId = "";

    Found(Status status) {
      code = status.getCode();
      cause = status.getCause();
      String words = status.getDescription() == null ? "no further words" : status.getDescription();
      // Of a connection that failed gRPC says "io exception"; what happened is in the cause.
      message =
          cause == null || cause.getMessage() == null ? words : words + ": " + cause.getMessage();
    }

    void add(Any detail) throws InvalidProtocolBufferException {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        if (info.getDomain().equals(DOMAIN)) {
          reason = info.getReason();
          metadata.putAll(info.getMetadataMap());
        }
      } else if (detail.is(RetryInfo.class)) {
        retryAfter = Times.fromProto(detail.unpack(RetryInfo.class).getRetryDelay());
      } else if (detail.is(RequestInfo.class)) {
        requestId = detail.unpack(RequestInfo.class).getRequestId();
      } else if (detail.is(BadRequest.class)) {
        detail
            .unpack(BadRequest.class)
            .getFieldViolationsList()
            .forEach(each -> invalidFields.put(each.getField(), each.getDescription()));
      }
    }
  }

  /** Every ComfyUI server was asked, and none has the job. */
  public static final class JobNotFound extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private JobNotFound(Found found) {
      super(found);
    }
  }

  /** No ComfyUI server is configured under that name. */
  public static final class BackendNotFound extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private BackendNotFound(Found found) {
      super(found);
    }
  }

  /** The request is wrong; {@link #invalidFields} says what. */
  public static final class InvalidArgument extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private InvalidArgument(Found found) {
      super(found);
    }
  }

  /** The token is missing or wrong. */
  public static final class Unauthenticated extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private Unauthenticated(Found found) {
      super(found);
    }
  }

  /** The job is not known, and a ComfyUI server did not answer in time. */
  public static final class BackendTimeout extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private BackendTimeout(Found found) {
      super(found);
    }
  }

  /** The job is not known, and a ComfyUI server could not be reached. */
  public static final class BackendUnreachable extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private BackendUnreachable(Found found) {
      super(found);
    }
  }

  /** A ComfyUI server answered with an error; metadata {@code http_status} says which. */
  public static final class BackendHttpError extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private BackendHttpError(Found found) {
      super(found);
    }
  }

  /** A ComfyUI server answered with what ComfyUI does not send. */
  public static final class BackendBadResponse extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private BackendBadResponse(Found found) {
      super(found);
    }
  }

  /** The job is not known, and the service cannot read its archive. */
  public static final class ArchiveUnavailable extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private ArchiveUnavailable(Found found) {
      super(found);
    }
  }

  /** The job is not known, and this address had too many such jobs looked up of late. */
  public static final class TooManyLookups extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private TooManyLookups(Found found) {
      super(found);
    }
  }

  /** The service has as many streams as it takes. */
  public static final class TooManyWatches extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private TooManyWatches(Found found) {
      super(found);
    }
  }

  /** The service is going down. Watches come back by themselves. */
  public static final class ShuttingDown extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private ShuttingDown(Found found) {
      super(found);
    }
  }

  /** The reader of a watch took nothing for too long. Watches come back by themselves. */
  public static final class WriteStalled extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private WriteStalled(Found found) {
      super(found);
    }
  }

  /** The service itself cannot be reached. */
  public static final class ServiceUnavailable extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private ServiceUnavailable(Found found) {
      super(found);
    }

    ServiceUnavailable(String message) {
      super(new Found(Status.UNAVAILABLE.withDescription(message)));
    }
  }

  /** The time given is over; of a watch or a wait, {@link #lastStatus} says how far the job was. */
  public static final class DeadlineExceeded extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private DeadlineExceeded(Found found) {
      super(found);
    }

    DeadlineExceeded(String message) {
      super(new Found(Status.DEADLINE_EXCEEDED.withDescription(message)));
    }
  }

  /** The caller cancelled the call, or its thread was interrupted. */
  public static final class Cancelled extends JobStatusException {
    @Serial private static final long serialVersionUID = 1;

    private Cancelled(Found found) {
      super(found);
    }

    Cancelled(String message) {
      this(message, null);
    }

    Cancelled(String message, Throwable cause) {
      super(new Found(Status.CANCELLED.withDescription(message).withCause(cause)));
    }
  }

  private static final Map<String, Function<Found, JobStatusException>> BY_REASON =
      Map.ofEntries(
          Map.entry("JOB_NOT_FOUND", JobNotFound::new),
          Map.entry("BACKEND_NOT_FOUND", BackendNotFound::new),
          Map.entry("INVALID_ARGUMENT", InvalidArgument::new),
          Map.entry("UNAUTHENTICATED", Unauthenticated::new),
          Map.entry("BACKEND_TIMEOUT", BackendTimeout::new),
          Map.entry("BACKEND_UNREACHABLE", BackendUnreachable::new),
          Map.entry("BACKEND_HTTP_ERROR", BackendHttpError::new),
          Map.entry("BACKEND_BAD_RESPONSE", BackendBadResponse::new),
          Map.entry("ARCHIVE_UNAVAILABLE", ArchiveUnavailable::new),
          Map.entry("TOO_MANY_LOOKUPS", TooManyLookups::new),
          Map.entry("TOO_MANY_WATCHES", TooManyWatches::new),
          Map.entry("SHUTTING_DOWN", ShuttingDown::new),
          Map.entry("WRITE_STALLED", WriteStalled::new));

  /** Errors without a reason are gRPC's own, or a proxy's. */
  private static final Map<Status.Code, Function<Found, JobStatusException>> BY_CODE =
      Map.of(
          Status.Code.UNAVAILABLE, ServiceUnavailable::new,
          Status.Code.DEADLINE_EXCEEDED, DeadlineExceeded::new,
          Status.Code.CANCELLED, Cancelled::new,
          Status.Code.INVALID_ARGUMENT, InvalidArgument::new,
          Status.Code.UNAUTHENTICATED, Unauthenticated::new);
}
