package comfyui.jobstatus;

import java.time.Duration;

/**
 * Waits between the attempts of a watch to attach again. Each is {@code multiplier} times the one
 * before, until {@code max}.
 */
public record BackoffSettings(Duration initial, Duration max, double multiplier) {
  /** From a quarter of a second, doubled each time, to ten seconds. */
  public static final BackoffSettings DEFAULT =
      new BackoffSettings(Duration.ofMillis(250), Duration.ofSeconds(10), 2);

  public BackoffSettings {
    if (initial.isNegative()
        || initial.isZero()
        || initial.compareTo(max) > 0
        || !(multiplier >= 1)) {
      throw new IllegalArgumentException(
          "back-off needs 0 < initial <= max and a multiplier of at least 1");
    }
  }
}
