package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class MeasurementTest {

  private static final double PRECISION = 1e-9;

  /** 8 images in 0.5 s of wall time and 1 s of CPU time, 20 forwards in 0.4 s. */
  private final Measurement measured = Results.measurement(16);

  @Test
  void rates_ofKnownTimes_areInTheirUnits() {
    assertThat(measured.imagesPerSecond()).isCloseTo(16, within(PRECISION));
    assertThat(measured.millisPerImage()).isCloseTo(62.5, within(PRECISION));
    assertThat(measured.cpuMillisPerImage()).isCloseTo(125, within(PRECISION));
    assertThat(measured.millisPerDenoisingStep()).isCloseTo(20, within(PRECISION));
  }
}
