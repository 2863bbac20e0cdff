package io.flowloop.agentloop;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.ToyEngines;
import io.flowloop.rollout.ToyLearner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiFunction;

/** Loops of milliseconds: over a small glyph model, or over toys; two prompts, four rows each. */
final class TinyLoop {

  static final List<String> PROMPTS = List.of("a \"12\"", "b \"7\"");
  static final int N = 4;
  static final int ROWS = 8;

  final Path dir;
  final ToyEngines engines = new ToyEngines();
  final ToyLearner learner = new ToyLearner();

  /** What the loop warned of. */
  final ConcurrentLinkedQueue<String> warnings = new ConcurrentLinkedQueue<>();

  TinyLoop(Path dir) {
    this.dir = dir;
  }

  /** A reward function of this name. */
  record Measure(String name, BiFunction<String, RgbImage, Double> score)
      implements RewardFunction {

    @Override
    public double score(String prompt, RgbImage image) {
      return score.apply(prompt, image);
    }
  }

  /** The mean of all numbers of an image, 0 to 1. */
  static Measure brightness() {
    return new Measure("brightness", (prompt, i) -> ToyEngines.brightness(prompt, i).total());
  }

  /** Settings of a training of two steps in {@code dir/run}. */
  FlowLoopConfig config(String... settings) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "data.prompts=" + prompts("train.txt", PROMPTS),
                "data.validationPrompts=" + prompts("heldout.txt", List.of("c \"3\"", "d \"45\"")),
                "data.promptsPerStep=2",
                "model.weights=" + weights(),
                "model.device=cpu",
                "model.threads=1",
                "rollout.engines=1",
                "model.imageHeight=16",
                "model.imageWidth=24",
                "rollout.n=" + N,
                "sampler.numInferenceSteps=4",
                "update.miniBatch=4",
                "update.ema.decay=0",
                "update.optimizer.warmupSteps=0",
                "update.optimizer.decay=constant",
                "update.optimizer.learningRate=0.001",
                "trainer.steps=2",
                "trainer.validateEvery=2",
                "trainer.saveEvery=1",
                "trainer.trackers=[]",
                "trainer.dir=" + run(),
                "validation.prompts=2",
                "validation.n=1",
                "validation.numInferenceSteps=2"));
    all.addAll(List.of(settings));
    return ConfigLoader.load(ConfigSources.of(all.toArray(String[]::new)), FlowLoop.knownNames())
        .config();
  }

  Path run() {
    return dir.resolve("run");
  }

  /** The model in a file, written once. */
  Path weights() {
    Path file = dir.resolve("tiny.safetensors");
    if (!Files.exists(file)) {
      GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 7).write(file);
    }
    return file;
  }

  /** A file of prompts. */
  Path prompts(String name, List<String> prompts) {
    try {
      return Files.write(dir.resolve(name), prompts);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The model's weights as a trainer elsewhere would have them. */
  SortedMap<String, HostTensor> tensors() {
    try (SafetensorsFile file = SafetensorsFile.open(weights())) {
      SortedMap<String, HostTensor> tensors = new TreeMap<>();
      file.tensors()
          .forEach(
              (name, tensor) -> {
                if (!name.startsWith("text_embed.")) {
                  tensors.put(name, new HostTensor(tensor.shape(), file.floats(name)));
                }
              });
      return tensors;
    }
  }

  /** A loop over the small model whose only reward is brightness. */
  FlowLoop.Builder glyph(String... settings) {
    return FlowLoop.builder(config(settings))
        .ownRewardsOnly()
        .rewardFunction(brightness(), 1)
        .warnings(warnings::add);
  }

  /** A loop over toys whose only reward is brightness. */
  FlowLoop.Builder toy(String... settings) {
    return toy(Map.of(brightness(), 1.0), settings);
  }

  /** A loop over toys with these rewards. */
  FlowLoop.Builder toy(Map<? extends RewardFunction, Double> rewards, String... settings) {
    FlowLoop.Builder builder =
        FlowLoop.builder(config(settings))
            .engines(engines)
            .learner(learner)
            .ownRewardsOnly()
            .warnings(warnings::add);
    rewards.forEach(builder::rewardFunction);
    return builder;
  }

  /** The settings of a program for a model of this name. */
  static FlowLoopConfig ofModel(FlowLoopConfig config, String name) {
    return with(config, config.sampler(), config.model().named(name));
  }

  /** The settings of a program that has others of the model and the sampler. */
  static FlowLoopConfig with(FlowLoopConfig config, SamplerConfig sampler, ModelConfig model) {
    return new FlowLoopConfig(
        config.data(),
        model,
        config.rollout(),
        sampler,
        config.reward(),
        config.advantage(),
        config.update(),
        config.trainer(),
        config.validation(),
        config.output(),
        config.http(),
        config.cluster(),
        config.pretrain());
  }

  /** These prompts as the first epoch of a training draws them. */
  static List<String> order(List<String> prompts) {
    return PromptDataset.of(prompts, 0).promptsAt(0, prompts.size()).stream()
        .map(Prompt::text)
        .toList();
  }

  /** The prompts of all requests that toy engines have begun, in that order. */
  List<String> drawnPrompts() {
    return engines.drawn().stream().map(drawn -> drawn.request().prompt()).toList();
  }

  /** The newest checkpoint of the run. */
  Checkpoint newest() {
    return Checkpoints.load(Checkpoints.latestWhole(run(), warnings::add).orElseThrow());
  }

  /** Weights and optimiser of the newest checkpoint of a new training with these settings. */
  static Checkpoint trained(Path dir, String... settings) {
    TinyLoop tiny = new TinyLoop(dir);
    try (FlowLoop loop = tiny.glyph(settings).build()) {
      var _ = loop.train();
    }
    return tiny.newest();
  }

  /** Checksum of all that the next update depends on. */
  static List<Long> bits(Checkpoint checkpoint) {
    return List.of(
        checkpoint.kept().checksum(),
        PolicyWeights.checksum(checkpoint.learner().parameters()),
        PolicyWeights.checksum(checkpoint.learner().firstMoments()),
        PolicyWeights.checksum(checkpoint.learner().secondMoments()));
  }
}
