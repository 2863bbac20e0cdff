package io.flowloop.agentloop;

import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.LearningRateDecay;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.config.Setting;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;

/** The settings that two halves of one run must share for the second to give the same bits. */
final class RunIdentity {

  private static final List<String> SECTIONS =
      List.of("data.", "model.", "rollout.", "sampler.", "reward.", "advantage.", "update.");

  /** Where and how fast things run; what they give is the same, up to rounding on other devices. */
  private static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "data.validationPrompts",
          "model.weights", // the checksum of the weights tells
          "model.path", // likewise
          "model.adapter", // a checkpoint has what became of it
          "model.offload",
          "model.promptCache",
          "model.device",
          "model.threads",
          "rollout.engines",
          "rollout.workers",
          "rollout.requestTimeout",
          "reward.concurrency",
          "reward.timeout",
          "reward.functions.vlmOcr.url",
          "reward.functions.vlmOcr.apiKeyEnv",
          "reward.functions.vlmOcr.maxTokens",
          "reward.functions.vlmOcr.timeout",
          "reward.functions.vlmOcr.retries",
          "reward.functions.vlmOcr.concurrency",
          "reward.functions.vlmOcr.breaker.failures",
          "reward.functions.vlmOcr.breaker.pause",
          "update.activationCheckpointing");

  private RunIdentity() {}

  /** Key and value of each of them. */
  static SequencedMap<String, String> of(FlowLoopConfig config) {
    SequencedMap<String, String> identity = new LinkedHashMap<>();
    for (Setting setting : ResolvedConfig.of(config).settings()) {
      if (decides(setting.key(), config)) {
        identity.put(setting.key(), setting.value());
      }
    }
    return identity;
  }

  private static boolean decides(String key, FlowLoopConfig config) {
    return (SECTIONS.stream().anyMatch(key::startsWith) && !WITHOUT_EFFECT.contains(key))
        || key.equals("trainer.refillGroups")
        || (key.equals("trainer.steps")
            && config.update().optimizer().decay() != LearningRateDecay.CONSTANT);
  }
}
