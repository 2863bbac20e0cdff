package io.flowloop.agentloop;

import io.flowloop.engine.UpdateMetrics;
import io.flowloop.rollout.PolicySnapshot;
import io.flowloop.rollout.RolloutBatch;
import java.time.Duration;

/**
 * A training step that is done: every engine draws with what it brought.
 *
 * @param batch what was drawn and rewarded, refills included
 * @param journaled groups of the batch that an earlier process had drawn
 * @param advantages one for each sample of the batch, in its order
 * @param metrics what the update measured
 * @param policy the policy behind the update
 * @param times what it spent its time on
 */
record TrainedStep(
    RolloutBatch batch,
    int journaled,
    double[] advantages,
    UpdateMetrics metrics,
    PolicySnapshot policy,
    Times times) {

  /**
   * Wall time of the stages, one after the other.
   *
   * @param generate from the first request to the last image, refills included
   * @param reward from the last image to the last reward: what drawing did not hide
   * @param update advantages and update
   * @param sync until every engine had acknowledged the weights
   */
  record Times(Duration generate, Duration reward, Duration update, Duration sync) {

    static final Times NONE = new Times(Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO);

    /** With one more rollout. */
    Times plusRollout(Duration generated, Duration rewarded) {
      return new Times(generate.plus(generated), reward.plus(rewarded), update, sync);
    }

    Times withUpdate(Duration spent) {
      return new Times(generate, reward, spent, sync);
    }
  }

  /** The same with the time that its weights took to reach every engine. */
  TrainedStep withSync(Duration spent) {
    Times all = new Times(times.generate, times.reward, times.update, spent);
    return new TrainedStep(batch, journaled, advantages, metrics, policy, all);
  }

  /** The training step, 0-based. */
  int step() {
    return batch.step();
  }
}
