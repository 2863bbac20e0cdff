package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SampleTimingsTest {

  /** The samples of one sub-batch. */
  private static List<SampleTimings> subBatch(int rows, int forwards) {
    return Collections.nCopies(
        rows, new SampleTimings(rows, forwards, 0, Duration.ZERO, Duration.ZERO, Duration.ZERO));
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
  void forwardsBySize_noSample_isEmpty() {
    assertThat(SampleTimings.forwardsBySize(List.of())).isEmpty();
  }
}
