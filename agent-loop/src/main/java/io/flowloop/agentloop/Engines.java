package io.flowloop.agentloop;

import io.flowloop.config.Device;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.LoraConfig;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.FullPolicy;
import io.flowloop.engine.LoraFile;
import io.flowloop.engine.LoraPolicy;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.Policy;
import io.flowloop.engine.PolicyLearner;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.TorchRuntime;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.LearnerFactory;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** From the model that a configuration names to engines that draw with it. */
public final class Engines {

  private Engines() {}

  /**
   * Engines of a model. With {@code model.device = auto} they are spread over the GPUs, if there
   * are any.
   *
   * @param maxRowsPerForward most samples of one forward, 1 or more
   * @throws EngineException if there is no such model
   */
  public static EngineFactory of(ModelConfig model, int maxRowsPerForward) {
    Model kind = Model.of(model);
    return index -> {
      Pipeline pipeline = kind.load(model.on(device(model, index)));
      PipelineEngine engine = new PipelineEngine(pipeline, maxRowsPerForward);
      try {
        model
            .adapter()
            .map(path -> LoraFile.read(path, pipeline.layers()))
            .ifPresent(adapter -> engine.load(PolicyWeights.of(0, adapter)));
        return engine;
      } catch (RuntimeException e) {
        engine.close();
        throw e;
      }
    };
  }

  /**
   * The learner of a model: it trains the policy given, or what {@code update.lora} says. It cannot
   * be created if there is no such model.
   */
  public static LearnerFactory learner(FlowLoopConfig config, Optional<Policy.Factory> policy) {
    return () -> {
      ModelConfig model = config.model();
      // It encodes nothing but the negative prompt, and draws nothing.
      return new PolicyLearner(
          Model.of(model).load(model.on(device(model, 0)).offloaded()),
          policy.orElseGet(() -> policy(config)),
          config.sampler(),
          config.update(),
          config.trainer().steps());
    };
  }

  private static Policy.Factory policy(FlowLoopConfig config) {
    LoraConfig lora = config.update().lora();
    return lora.rank() == 0
        ? FullPolicy::new
        : pipeline ->
            new LoraPolicy(
                pipeline,
                lora,
                config.rollout().seed(),
                config
                    .model()
                    .adapter()
                    .map(path -> LoraFile.read(path, pipeline.layers()))
                    .orElseGet(Collections::emptySortedMap));
  }

  /**
   * All that samples of a model depend on beside requests and synced weights, in one line for
   * people: engines of two nodes are of one model if they say the same. Reads the weights; of a
   * model that does not come with flowloop the name is all that can be said.
   *
   * @param maxRowsPerForward most samples of one forward, 1 or more; other forwards round otherwise
   * @throws EngineException if the weights cannot be read
   */
  public static String identity(ModelConfig model, int maxRowsPerForward) {
    if (!Model.exists(model.name())) {
      return model.name();
    }
    String adapter =
        model
            .adapter()
            .map(path -> ", adapter %08x".formatted(PolicyWeights.checksum(LoraFile.read(path))))
            .orElse("");
    String negative = model.negativePrompt().map(", negative prompt '%s'"::formatted).orElse("");
    return "%s %d x %d, %s, weights %08x%s%s, up to %d rows a forward"
        .formatted(
            model.name(),
            model.imageHeight(),
            model.imageWidth(),
            model.dtype().toString().toLowerCase(Locale.ROOT),
            Model.of(model).checksum(model),
            adapter,
            negative,
            maxRowsPerForward);
  }

  /** A small request that an engine of the model must be able to draw. */
  public static RolloutRequest canary(ModelConfig model) {
    return Model.of(model).canary();
  }

  /**
   * Checks that a model can draw a prompt.
   *
   * @throws IllegalArgumentException naming what is wrong with the prompt
   * @throws EngineException if there is no such model
   */
  public static void checkPrompt(ModelConfig model, String prompt) {
    Model.of(model).checkPrompt(model, prompt);
  }

  /**
   * Where one of several engines of a model runs; loads libtorch.
   *
   * @param engineIndex 0-based
   */
  public static Device device(ModelConfig model, int engineIndex) {
    TorchRuntime.load(model.threads());
    int gpus = TorchRuntime.gpus();
    return switch (model.device()) {
      case Device.Auto() -> gpus > 0 ? new Device.Gpu(engineIndex % gpus) : new Device.Cpu();
      case Device.Cpu cpu -> cpu;
      case Device.Gpu gpu -> gpu;
    };
  }

  /** The devices that the engines of a process run on; loads libtorch. */
  public static List<Device> devices(FlowLoopConfig config) {
    return IntStream.range(0, config.rollout().engines())
        .mapToObj(index -> device(config.model(), index))
        .distinct()
        .toList();
  }

  /**
   * What computes dense layers ({@code linear}) and attention ({@code attention}) of a model, for
   * reports. Loads the model on this thread and closes it again.
   *
   * @throws EngineException if it cannot be loaded
   */
  public static Map<String, String> kernels(ModelConfig model) {
    try (Pipeline pipeline = Model.of(model).load(model.on(device(model, 0)))) {
      return Map.of(
          "linear", pipeline.kernels().linear(), "attention", pipeline.attentionKernel(1));
    }
  }

  /** C·h·w, numbers of an image's latents. */
  public static long latentNumbers(ModelConfig model) {
    return Model.of(model).latentNumbers(model);
  }
}
