package io.flowloop.agentloop;

import io.flowloop.config.SamplerConfig;
import io.flowloop.config.ValidationConfig;
import io.flowloop.rollout.RolloutBatch;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SequencedMap;
import java.util.stream.IntStream;

/**
 * How a policy is judged: the same images of held-out prompts at every validation, drawn without
 * noise on the path of every other rollout.
 */
final class Validator {

  private final ValidationConfig config;
  private final RolloutSpec spec;

  /**
   * @param heldOut prompts to choose from; those taken are spread over them
   */
  Validator(ValidationConfig config, SamplerConfig sampler, List<String> heldOut) {
    this.config = config;
    this.spec =
        new RolloutSpec(
            0,
            IntStream.range(0, config.prompts())
                .mapToObj(i -> heldOut.get((int) ((long) i * heldOut.size() / config.prompts())))
                .toList(),
            config.n(),
            config.seed(),
            SdeWindows.validation(config, sampler),
            0,
            0);
  }

  /** What is to be drawn. */
  RolloutSpec spec() {
    return spec;
  }

  /** The verdict on what was drawn after so many training steps. */
  Tracker.Validation judge(int step, RolloutBatch batch, OptionalDouble best) {
    RewardStats reward = RewardStats.of(batch.samples());
    SequencedMap<String, Double> values = new LinkedHashMap<>();
    values.put("val/reward_mean", reward.mean());
    values.put("val/reward_std", reward.std());
    values.put("val/reward_min", reward.min());
    values.put("val/reward_max", reward.max());
    values.put("val/images", (double) batch.samples().size());
    values.put(
        "val/images_missing", (double) config.prompts() * config.n() - batch.samples().size());
    values.put("timing_s/validation", batch.elapsed().toNanos() / 1e9);
    return new Tracker.Validation(
        step,
        values,
        batch.samples().stream()
            .map(
                sample ->
                    new Tracker.ScoredImage(
                        sample.row().prompt(), sample.sample().image(), sample.reward().total()))
            .toList(),
        best.isEmpty() || reward.mean() > best.getAsDouble());
  }
}
