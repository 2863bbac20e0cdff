package io.flowloop.agentloop;

import io.flowloop.config.Device;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.KnownNames;
import io.flowloop.config.RewardConfig;
import io.flowloop.config.RewardFunctionConfig;
import io.flowloop.config.RolloutConfig;
import io.flowloop.engine.Policy;
import io.flowloop.reward.RewardFunction;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.LearnerFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/** The parts of a {@link FlowLoop} that a program brings, and what the settings are with them. */
final class OwnParts {

  private final Map<RewardFunction, Double> rewardFunctions = new LinkedHashMap<>();
  boolean ownRewardsOnly;
  Optional<AgentLoop> agentLoop = Optional.empty();
  Optional<EngineFactory> engines = Optional.empty();
  Optional<LearnerFactory> learner = Optional.empty();
  Optional<Policy.Factory> policy = Optional.empty();
  Optional<Consumer<String>> promptCheck = Optional.empty();

  /**
   * Adds a reward function.
   *
   * @throws IllegalArgumentException if it was added before
   */
  void add(RewardFunction function, double weight) {
    if (rewardFunctions.putIfAbsent(function, weight) != null) {
      throw new IllegalArgumentException(
          "reward function %s: added twice (expected: once)".formatted(function.name()));
    }
  }

  /** Those added and, unless they are left out, those of the settings. */
  RewardFunctions rewards(RewardConfig settings) {
    return RewardFunctions.of(counted(settings), rewardFunctions);
  }

  private RewardConfig counted(RewardConfig settings) {
    return ownRewardsOnly ? settings.withFunctions(Map.of()) : settings;
  }

  /** The settings with the names of these parts, for checks, checkpoints and trackers. */
  FlowLoopConfig in(FlowLoopConfig settings) {
    Map<String, RewardFunctionConfig> functions =
        new TreeMap<>(counted(settings.reward()).functions());
    rewardFunctions.forEach(
        (function, weight) -> functions.put(function.name(), RewardFunctionConfig.of(weight)));
    RolloutConfig rollout =
        agentLoop
            .map(loop -> settings.rollout().withAgentLoop(loop.name()))
            .orElse(settings.rollout());
    return settings.with(rollout, settings.reward().withFunctions(functions));
  }

  /**
   * The names that settings may use beside these parts.
   *
   * @param settings with the parts in them; their reward functions and agent loop are there
   */
  KnownNames names(FlowLoopConfig settings) {
    KnownNames known =
        new KnownNames(
            settings.reward().functions().keySet(),
            Set.of(settings.rollout().agentLoop()),
            Trackers.names());
    return engines.isPresent() && learner.isPresent()
        ? known.withModels(Set.of(settings.model().name()))
        : known;
  }

  /** Whether the engines can draw a prompt. */
  Consumer<String> promptCheck(FlowLoopConfig settings) {
    Consumer<String> ofModel =
        engines.isPresent() ? _ -> {} : prompt -> Engines.checkPrompt(settings.model(), prompt);
    return promptCheck.orElse(ofModel);
  }

  /** What rollouts and training steps are made with. */
  TrainerActor.Means means(FlowLoopConfig settings, RewardFunctions rewards) {
    return new TrainerActor.Means(
        settings.rollout(),
        settings.sampler(),
        settings.reward(),
        agentLoop.orElseGet(() -> AgentLoops.byName(settings.rollout().agentLoop())),
        engines.orElseGet(
            () -> Engines.of(settings.model(), settings.rollout().maxRowsPerForward())),
        rewards::score,
        Optional.of(learner.orElseGet(() -> Engines.learner(settings, policy))),
        cluster(settings, rewards));
  }

  /** What the engines of this process run on, if that is known. */
  List<Device> devices(FlowLoopConfig settings) {
    return engines.isPresent() ? List.of() : Engines.devices(settings);
  }

  private static Optional<TrainerCluster> cluster(
      FlowLoopConfig settings, RewardFunctions rewards) {
    return settings.cluster().enabled()
        ? Optional.of(
            new TrainerCluster(
                settings.cluster(),
                Engines.identity(settings.model(), settings.rollout().maxRowsPerForward()),
                rewards.identity()))
        : Optional.empty();
  }
}
