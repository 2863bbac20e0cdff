package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.LearningRateDecay;
import io.flowloop.config.OptimizerConfig;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LearningRateTest {

  private static final double PEAK = 0.4;
  private static final Offset<Double> TIGHT = within(1e-9);

  @ParameterizedTest
  @CsvSource({"0, .1", "1, .2", "2, .3", "3, .4", "4, .4", "1000, .4"})
  void at_warmUp_risesByOptimizerSteps(int optimizerStep, double expected) {
    OptimizerConfig optimizer = optimizer(4, LearningRateDecay.CONSTANT);

    assertThat(LearningRate.at(optimizer, optimizerStep, 0, 100)).isCloseTo(expected, TIGHT);
  }

  @ParameterizedTest
  @CsvSource({
    "CONSTANT, 0, .4",
    "CONSTANT, 99, .4",
    "LINEAR, 0, .4",
    "LINEAR, 25, .3",
    "LINEAR, 75, .1",
    "LINEAR, 100, 0",
    "LINEAR, 200, 0",
    "COSINE, 0, .4",
    "COSINE, 25, .341421356",
    "COSINE, 50, .2",
    "COSINE, 100, 0",
    "COSINE, 200, 0"
  })
  void at_decay_fallsByTrainingSteps(LearningRateDecay decay, int trainingStep, double expected) {
    assertThat(LearningRate.at(optimizer(0, decay), 7, trainingStep, 100))
        .isCloseTo(expected, TIGHT);
  }

  @Test
  void at_warmUpAndDecay_multiply() {
    OptimizerConfig optimizer = optimizer(4, LearningRateDecay.LINEAR);

    assertThat(LearningRate.at(optimizer, 1, 50, 100)).isCloseTo(PEAK / 2 / 2, TIGHT);
  }

  private static OptimizerConfig optimizer(int warmupSteps, LearningRateDecay decay) {
    return new OptimizerConfig(PEAK, warmupSteps, decay, 0, 1);
  }
}
