package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.PromptFile;
import io.flowloop.rollout.RolloutBatch;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class EmbeddedModelTest {

  /** Good enough to be read now and then, bad enough to be improved by training. */
  @Test
  void run_heldOutPrompts_areReadInPart() throws IOException {
    FlowLoopConfig config =
        ConfigLoader.load(
                // The sampler that the shipped weights were judged with.
                ConfigSources.of(
                    "rollout.n=4",
                    "sampler.noiseLevel=0.7",
                    "sampler.sdeWindowSize=null",
                    "sampler.sdeWindowRange=null"),
                FlowLoop.knownNames())
            .config();
    List<String> heldOut = PromptFile.read("classpath:glyph/heldout.txt").prompts().subList(0, 32);
    try (RolloutRunner runner =
        RolloutRunner.start(
            config.rollout(),
            config.sampler(),
            config.reward(),
            Engines.of(config.model(), config.rollout().maxRowsPerForward()))) {
      RolloutBatch batch = runner.run(heldOut, 0, RolloutListener.NONE);

      assertThat(RewardStats.of(batch.samples()).mean()).isBetween(0.35, 0.6);
    }
  }
}
