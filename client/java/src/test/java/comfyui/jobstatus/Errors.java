package comfyui.jobstatus;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;

/** Errors as the service makes them. */
final class Errors {
  static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private Errors() {}

  static JobStatusException of(Status.Code code, String words, Message... details) {
    return JobStatusException.of(code.toStatus().withDescription(words), trailers(details));
  }

  static Metadata trailers(Message... details) {
    var status = com.google.rpc.Status.newBuilder();
    for (Message detail : details) {
      status.addDetails(Any.pack(detail));
    }
    var trailers = new Metadata();
    trailers.put(DETAILS, status.build().toByteArray());
    return trailers;
  }

  static ErrorInfo info(String reason) {
    return ErrorInfo.newBuilder().setDomain("jobstatus.comfyui").setReason(reason).build();
  }

  static RetryInfo retry(Duration after) {
    return RetryInfo.newBuilder().setRetryDelay(Times.toProto(after)).build();
  }
}
