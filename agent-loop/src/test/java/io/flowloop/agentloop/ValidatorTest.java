package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.config.SdeWindowStrategy;
import io.flowloop.config.ValidationConfig;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ValidatorTest {

  private static final SamplerConfig SAMPLER =
      new SamplerConfig(
          10,
          2.5,
          SdeType.SDE,
          0.7,
          OptionalInt.of(2),
          Optional.empty(),
          SdeWindowStrategy.RANDOM,
          25);

  private static Validator validator(int prompts, int heldOut) {
    return new Validator(
        new ValidationConfig(prompts, 2, 20, 42),
        SAMPLER,
        IntStream.range(0, heldOut).mapToObj(i -> "p" + i).toList());
  }

  @Test
  void spec_anyValidation_asksForTheSameRowsWithoutNoise() {
    RolloutSpec spec = validator(3, 7).spec();

    assertThat(spec).isEqualTo(validator(3, 7).spec());
    assertThat(spec.rows()).isEqualTo(validator(3, 7).spec().rows()).hasSize(6);
    assertThat(spec.runSeed()).isEqualTo(42);
    assertThat(spec.sampling()).isEqualTo(new Sampling(20, 2.5, SdeType.ODE, 0, SdeWindow.NONE));
  }

  @ParameterizedTest
  @CsvSource({"1, 8, p0", "2, 8, p0 p4", "3, 8, p0 p2 p5", "4, 4, p0 p1 p2 p3"})
  void spec_fewerPromptsThanThereAre_areSpreadOverThem(int prompts, int heldOut, String expected) {
    assertThat(String.join(" ", validator(prompts, heldOut).spec().prompts())).isEqualTo(expected);
  }

  @Test
  void spec_morePromptsThanThereAre_drawsSomeAgainFromOtherSeeds() {
    RolloutSpec spec = validator(5, 4).spec();

    assertThat(spec.prompts()).containsExactly("p0", "p0", "p1", "p2", "p3");
    assertThat(spec.rows()).extracting(RolloutRow::seed).doesNotHaveDuplicates().hasSize(10);
  }

  @Test
  void judge_first_isTheBest() {
    Tracker.Validation verdict = judge(OptionalDouble.empty(), 0.25, 0.75);

    assertThat(verdict.step()).isEqualTo(30);
    assertThat(verdict.best()).isTrue();
    assertThat(verdict.values())
        .containsEntry("val/reward_mean", 0.5)
        .containsEntry("val/reward_std", 0.25)
        .containsEntry("val/reward_min", 0.25)
        .containsEntry("val/reward_max", 0.75)
        .containsEntry("val/images", 2.0)
        .containsEntry("val/images_missing", 0.0)
        .containsEntry("timing_s/validation", 1.5);
    assertThat(verdict.images())
        .extracting(Tracker.ScoredImage::prompt, Tracker.ScoredImage::reward)
        .containsExactly(tuple("p0", 0.25), tuple("p0", 0.75));
  }

  @ParameterizedTest
  @CsvSource({"0.49, true", "0.5, false", "0.51, false"})
  void judge_later_isTheBestIfItIsBetter(double best, boolean expected) {
    assertThat(judge(OptionalDouble.of(best), 0.25, 0.75).best()).isEqualTo(expected);
  }

  @Test
  void judge_droppedGroup_isCountedAsMissing() {
    Validator validator = validator(2, 2);
    List<RolloutRow> rows = validator.spec().rows();
    List<RewardedSample> samples = Samples.of(rows.subList(0, 2), true, 0.2, 0.4);
    RolloutBatch batch =
        new RolloutBatch(
            0,
            List.of(new RolloutGroup(0, "p0", samples)),
            List.of(new DroppedGroup(1, "p1", List.of(2, 3), new RolloutException("rows 2 to 3"))),
            new Batching(4, 4, 2, List.of()),
            Duration.ofSeconds(1));

    Tracker.Validation verdict = validator.judge(1, batch, OptionalDouble.empty());

    assertThat(verdict.values()).containsEntry("val/images_missing", 2.0);
    assertThat(verdict.values().getOrDefault("val/reward_mean", Double.NaN))
        .isCloseTo(0.3, within(1e-12));
  }

  private static Tracker.Validation judge(OptionalDouble best, double... rewards) {
    Validator validator = validator(1, 1);
    List<RewardedSample> samples = Samples.of(validator.spec().rows(), true, rewards);
    RolloutBatch batch =
        new RolloutBatch(
            0,
            List.of(new RolloutGroup(0, "p0", samples)),
            List.of(),
            new Batching(2, 2, 1, List.of()),
            Duration.ofMillis(1500));
    return validator.judge(30, batch, best);
  }
}
