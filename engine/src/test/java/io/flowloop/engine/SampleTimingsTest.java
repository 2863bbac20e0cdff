package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SampleTimingsTest {

  /** The samples of one sub-batch. */
  private static List<SampleTimings> subBatch(int rows, int forwards) {
    return subBatch(rows, forwards, 0);
  }

  private static List<SampleTimings> subBatch(int rows, int forwards, int oomSplits) {
    return IntStream.range(0, rows)
        .mapToObj(row -> timings(row, rows, forwards, oomSplits, Duration.ZERO))
        .toList();
  }

  private static SampleTimings timings(
      int row, int rows, int forwards, int oomSplits, Duration denoise) {
    return new SampleTimings(
        0, row, rows, forwards, oomSplits, Duration.ZERO, denoise, Duration.ZERO);
  }

  @Test
  void forwardsBySize_severalSubBatches_countsEachOnce() {
    List<SampleTimings> samples =
        Stream.of(subBatch(3, 10), subBatch(1, 10), subBatch(3, 10), subBatch(3, 4))
            .flatMap(List::stream)
            .toList();

    assertThat(SampleTimings.forwardsBySize(samples)).hasToString("{1=10, 3=24}");
  }

  @Test
  void create_impossibleNumbers_areRefused() {
    assertThatThrownBy(() -> subBatch(1, -1)).hasMessageContaining("-1 forwards of 1 rows");
    assertThatThrownBy(() -> timings(0, 0, 1, 0, Duration.ZERO))
        .hasMessageContaining("1 forwards of 0 rows");
    assertThatThrownBy(() -> timings(0, 1, 1, -1, Duration.ZERO)).hasMessageContaining("-1 halved");
    assertThatThrownBy(() -> timings(2, 2, 1, 0, Duration.ZERO))
        .hasMessage("timings: row 2 of a forward (expected: 0 to 1, of 2 rows)");
    assertThatThrownBy(() -> timings(0, 1, 1, 0, Duration.ofNanos(-1)))
        .hasMessageContaining("denoise PT-0.000000001S");
  }

  @Test
  void forwardsBySize_noSample_isEmpty() {
    assertThat(SampleTimings.forwardsBySize(List.of())).isEmpty();
  }

  @Test
  void oomSplits_severalSubBatches_countsEachOnce() {
    List<SampleTimings> samples =
        Stream.of(subBatch(3, 10, 2), subBatch(3, 10, 0), subBatch(3, 10, 2), subBatch(7, 10, 1))
            .flatMap(List::stream)
            .toList();

    assertThat(SampleTimings.oomSplits(samples)).isEqualTo(5);
    assertThat(SampleTimings.oomSplits(List.of())).isZero();
  }
}
