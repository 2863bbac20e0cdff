package io.flowloop.engine.glyph;

import io.flowloop.config.PretrainConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LoadedDevice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Flow-matching pretraining of the embedded model on rendered numbers. A run that was stopped goes
 * on from its checkpoint; examples and steps are pure functions of the seed, so it ends the same.
 */
public final class GlyphPretraining {

  private final PretrainConfig settings;
  private final GlyphConfig config;
  private final int imageHeight;
  private final int imageWidth;

  /**
   * @param settings steps, batch, rates and the folder that gets {@code checkpoint.safetensors} and
   *     {@code model.safetensors}
   * @param config the architecture
   * @param imageHeight pixels, a multiple of the patch
   * @param imageWidth pixels, a multiple of the patch
   */
  public GlyphPretraining(
      PretrainConfig settings, GlyphConfig config, int imageHeight, int imageWidth) {
    this.settings = settings;
    this.config = config;
    this.imageHeight = imageHeight;
    this.imageWidth = imageWidth;
  }

  /** Who follows a run, on the thread that trains. */
  public interface Listener {

    /** The run goes on from a checkpoint of {@code step} steps. */
    void onResumed(int step);

    /** A step was taken. */
    void onStep(Progress progress);

    /** Every {@code sampleEvery} steps and at the end: the model as it would be kept. */
    void onModel(int step, GlyphWeights model);

    /** True to save and stop after the current step. */
    boolean stopRequested();
  }

  /**
   * One step's measurements.
   *
   * @param step steps done
   * @param steps steps in all
   * @param loss mean squared error of the velocity
   * @param gradientNorm before clipping; not finite if the update was skipped
   * @param learningRate of this step
   */
  public record Progress(
      int step, int steps, double loss, double gradientNorm, double learningRate) {}

  /**
   * Trains on the calling thread until the last step or a stop.
   *
   * @return steps done
   * @throws EngineException if a checkpoint in the folder belongs to another run
   */
  public int run(LoadedDevice device, Listener listener) {
    try {
      Files.createDirectories(settings.dir());
    } catch (IOException e) {
      throw new UncheckedIOException(
          "pretrain.dir: %s cannot be made".formatted(settings.dir()), e);
    }
    GlyphWeights start = GlyphWeights.random(config, settings.seed());
    try (GlyphTrainer trainer = new GlyphTrainer(device, settings, start, imageHeight, imageWidth);
        ExecutorService painter = Executors.newSingleThreadExecutor()) {
      return run(trainer, resume(trainer, listener), painter, listener);
    }
  }

  private int resume(GlyphTrainer trainer, Listener listener) {
    if (!Files.exists(checkpointFile())) {
      return 0;
    }
    GlyphCheckpoint checkpoint = GlyphCheckpoint.read(checkpointFile(), fingerprint());
    trainer.restore(checkpoint);
    listener.onResumed(checkpoint.step());
    return checkpoint.step();
  }

  /** The painter draws the next batch while the device learns from this one. */
  private int run(GlyphTrainer trainer, int from, ExecutorService painter, Listener listener) {
    GlyphRenderer renderer = new GlyphRenderer();
    CompletableFuture<GlyphBatch> next = paint(trainer, renderer, from, painter);
    int step = from;
    while (step < settings.steps() && !listener.stopRequested()) {
      GlyphBatch batch = next.join();
      next = paint(trainer, renderer, step + 1, painter);
      GlyphTrainer.Outcome outcome = trainer.learn(step, batch);
      step++;
      listener.onStep(
          new Progress(
              step,
              settings.steps(),
              outcome.loss(),
              outcome.gradientNorm(),
              outcome.learningRate()));
      if (step % settings.saveEvery() == 0 && step < settings.steps()) {
        save(trainer, step);
      }
      if (step % settings.sampleEvery() == 0 && step < settings.steps()) {
        listener.onModel(step, trainer.mean());
      }
    }
    save(trainer, step);
    listener.onModel(step, trainer.mean());
    return step;
  }

  private CompletableFuture<GlyphBatch> paint(
      GlyphTrainer trainer, GlyphRenderer renderer, int step, ExecutorService painter) {
    return CompletableFuture.supplyAsync(
        () ->
            GlyphBatch.of(
                settings,
                step,
                renderer,
                imageHeight,
                imageWidth,
                config.patch(),
                trainer.latentShape()),
        painter);
  }

  private void save(GlyphTrainer trainer, int step) {
    trainer.checkpoint(step).write(checkpointFile(), fingerprint());
    trainer.mean().write(modelFile());
  }

  /** The model so far, ready for {@code model.weights}. */
  public Path modelFile() {
    return settings.dir().resolve("model.safetensors");
  }

  private Path checkpointFile() {
    return settings.dir().resolve("checkpoint.safetensors");
  }

  /** What two halves of one run must agree on; how often it is saved or shown is not part of it. */
  private String fingerprint() {
    return "steps %d, batch %d, lr %s, warm-up %d, decay %s, ema %s, dropout %s, seed %d, %dx%d, %s"
        .formatted(
            settings.steps(),
            settings.batchSize(),
            settings.learningRate(),
            settings.warmupSteps(),
            settings.weightDecay(),
            settings.emaDecay(),
            settings.promptDropout(),
            settings.seed(),
            imageHeight,
            imageWidth,
            config);
  }
}
