package io.flowloop.example;

import io.flowloop.agentloop.AgentLoops;
import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.RolloutListener;
import io.flowloop.agentloop.RolloutRunner;
import io.flowloop.agentloop.Trackers;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.KnownNames;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import java.util.List;

/** The README's example of embedding, whole. */
public final class EmbeddedRollout {

  private EmbeddedRollout() {}

  public static void main(String[] settings) {
    FlowLoopConfig config =
        ConfigLoader.load(
                ConfigSources.of(settings), // such as "rollout.n=4"
                new KnownNames(RewardFunctions.names(), AgentLoops.names(), Trackers.names()))
            .config();
    EngineFactory engines = Engines.of(config.model(), config.rollout().maxRowsPerForward());
    try (RolloutRunner runner =
        RolloutRunner.start(config.rollout(), config.sampler(), config.reward(), engines)) {
      List<String> prompts = List.of("a sign that says \"7382\"", "a house number \"0412\"");
      RolloutBatch batch = runner.run(prompts, 0, RolloutListener.NONE);
      for (RewardedSample sample : batch.samples()) {
        System.out.printf(
            "%s  row %d  reward %.2f  log-prob %.4f%n",
            sample.row().prompt(),
            sample.row().index(),
            sample.reward().total(),
            sample.sample().trajectory().logProbMean());
      }
    }
  }
}
