package comfyui.jobstatus;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Durations of Java, of protobuf, and in nanoseconds. */
final class Times {
  private Times() {}

  /** What takes longer than 292 years takes 292 years. */
  static long nanos(Duration duration) {
    return TimeUnit.NANOSECONDS.convert(duration);
  }

  static com.google.protobuf.Duration toProto(Duration duration) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(duration.getSeconds())
        .setNanos(duration.getNano())
        .build();
  }

  static Duration fromProto(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }
}
