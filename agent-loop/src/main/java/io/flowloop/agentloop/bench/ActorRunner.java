package io.flowloop.agentloop.bench;

import io.flowloop.agentloop.FlowLoop;
import io.flowloop.agentloop.RolloutListener;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.Sample;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.RewardedSample;
import java.util.List;

/** {@link Way#ACTORS}, with rewards or without: whole rollouts of a loop of its own. */
final class ActorRunner implements CellRunner {

  /** A reward that costs nothing. */
  private static final class NoReward implements RewardFunction {

    @Override
    public String name() {
      return "none";
    }

    @Override
    public double score(String prompt, RgbImage image) {
      return 0;
    }
  }

  private final List<String> prompts;
  private final FlowLoop loop;

  ActorRunner(BenchSpec spec, Cell cell, EnginePool pool) {
    this.prompts = spec.prompts();
    FlowLoop.Builder builder = FlowLoop.builder(spec.config(cell)).engines(pool.lent());
    if (cell.way() == Way.ACTORS) {
      builder.ownRewardsOnly().rewardFunction(new NoReward(), 1);
    }
    this.loop = builder.build();
  }

  @Override
  public List<Sample> draw() {
    return loop.rollout(prompts, STEP, RolloutListener.NONE).samples().stream()
        .map(RewardedSample::sample)
        .toList();
  }

  @Override
  public void close() {
    loop.close();
  }
}
