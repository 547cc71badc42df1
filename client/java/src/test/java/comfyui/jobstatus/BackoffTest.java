package comfyui.jobstatus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackoffTest {
  private static List<Double> waits(int count, double chance, Double retryAfter) {
    var settings = new BackoffSettings(seconds(1), seconds(5), 2);
    var backoff = new Backoff(settings, () -> chance);
    return Stream.generate(
            () -> backoff.next(Optional.ofNullable(retryAfter).map(BackoffTest::seconds)))
        .map(wait -> wait.toMillis() / 1000.0)
        .limit(count)
        .toList();
  }

  private static Duration seconds(double number) {
    return Duration.ofMillis(Math.round(number * 1000));
  }

  @Test
  void waitsGrowUpToALimit() {
    assertEquals(List.of(1.0, 2.0, 4.0, 5.0, 5.0), waits(5, 1, null));
  }

  @Test
  void chanceTakesUpToHalfOfAWait() {
    assertEquals(List.of(0.5, 1.0, 2.0, 2.5), waits(4, 0, null));
  }

  @Test
  void whatTheServiceAsksForIsTheLeast() {
    assertEquals(List.of(3.0, 3.0, 3.0), waits(3, 0, 3.0));
    assertEquals(List.of(5.0), waits(1, 1, 4.0));
    assertEquals(5.0, waits(4, 1, 1.0).get(3));
  }

  @Test
  void successStartsOver() {
    var backoff = new Backoff(new BackoffSettings(seconds(1), seconds(9), 2), () -> 1);
    backoff.next(Optional.empty());
    backoff.reset();
    assertEquals(seconds(1), backoff.next(Optional.empty()));
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 2", "-1, 1, 2", "2, 1, 2", "1, 2, 0.5", "1, 2, NaN"})
  void settingsThatMakeNoSenseAreRefused(double initial, double max, double multiplier) {
    assertThrows(
        IllegalArgumentException.class,
        () -> new BackoffSettings(seconds(initial), seconds(max), multiplier));
  }
}
