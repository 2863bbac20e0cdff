package io.flowloop.agentloop.bench;

import com.google.gson.Gson;
import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.SdeWindows;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Noise;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.SafetensorsDtype;
import io.flowloop.engine.SafetensorsWriter;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.TorchRuntime;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphTokenizer;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.RolloutRows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * All that a program in another framework needs to draw the images of training step 0, and to check
 * that they are ours: one safetensors file.
 *
 * <p>It has the model's weights by their names, float32, and of B prompts with n rows each, N = B·n
 * in row order:
 *
 * <pre>
 * rollout.token_ids        (B, L)        int64; the negative prompt's are all 0
 * rollout.seeds            (N)           int64
 * rollout.sigmas           (T + 1)
 * rollout.initial_latents  (N, S, C)
 * rollout.step_noise       (W, N, S, C)  of the denoising steps of the SDE window
 * rollout.final_latents    (N, S, C)
 * rollout.log_probs        (N, W)
 * rollout.images           (N, H, W, 3)  uint8
 * </pre>
 *
 * Metadata: {@code schemaVersion}; the architecture; the settings of model, rollout and sampler by
 * their keys; {@code prompts}, a JSON list; {@code sdeWindowStart} and {@code sdeWindowEnd}; {@code
 * libtorch}, its release, and {@code threads}.
 */
public final class PeerFile {

  /** Rises when a reader of the file has to change. */
  static final int SCHEMA_VERSION = 1;

  private static final int STEP = 0;
  private static final List<String> SECTIONS = List.of("model.", "rollout.", "sampler.");

  private final SafetensorsWriter writer = new SafetensorsWriter();

  private PeerFile() {}

  /**
   * Draws {@code rollout.n} rows of each prompt, batched, on this thread, and writes the file.
   *
   * @param target replaced if it is there
   * @param prompts B texts, 1 or more
   * @throws io.flowloop.engine.EngineException if the model cannot be loaded or is not the glyph
   *     model
   * @throws IllegalArgumentException if the model cannot draw a prompt
   * @throws UncheckedIOException if the file cannot be written
   */
  public static void write(Path target, FlowLoopConfig config, List<String> prompts) {
    EngineFactory engines = Engines.of(config.model(), config.rollout().maxRowsPerForward());
    GlyphWeights weights = GlyphWeights.of(config.model());
    Sampling sampling = SdeWindows.sampling(config.sampler(), config.rollout().seed(), STEP);
    PeerFile file = new PeerFile();
    weights.addTo(file.writer, SafetensorsDtype.F32);
    file.addRows(prompts, draw(engines, config, prompts, sampling), sampling, weights.config());
    file.addMetadata(config, prompts, sampling);
    try {
      file.writer.write(target);
    } catch (IOException e) {
      throw new UncheckedIOException(target + ": the peer file cannot be written", e);
    }
  }

  private static List<Sample> draw(
      EngineFactory engines, FlowLoopConfig config, List<String> prompts, Sampling sampling) {
    List<RolloutRequest> requests =
        RolloutRows.requests(
                RolloutRows.repeatInterleaved(
                    prompts, config.rollout().n(), config.rollout().seed(), STEP),
                true,
                sampling)
            .requests();
    List<Sample> samples = new ArrayList<>();
    try (DiffusionEngine engine = engines.create(0)) {
      requests.forEach(request -> samples.addAll(engine.generate(request)));
    }
    return samples;
  }

  private void addRows(
      List<String> prompts, List<Sample> samples, Sampling sampling, GlyphConfig model) {
    Sample first = samples.getFirst();
    int size = first.trajectory().finalLatents().length;
    int channels = model.patch() * model.patch();
    long rows = samples.size();
    List<Long> latents = List.of(rows, (long) size / channels, (long) channels);
    writer
        .longs(
            "rollout.token_ids",
            List.of((long) prompts.size(), (long) GlyphConfig.TEXT_TOKENS),
            prompts.stream().map(GlyphTokenizer::ids).flatMapToLong(LongStream::of).toArray())
        .longs(
            "rollout.seeds",
            List.of(rows),
            samples.stream().mapToLong(sample -> sample.row().seed()).toArray())
        .floats(
            "rollout.sigmas",
            List.of(sampling.numInferenceSteps() + 1L),
            first.trajectory().sigmas())
        .floats(
            "rollout.initial_latents",
            latents,
            joined(samples, sample -> Noise.initialLatents(sample.row().seed(), size)))
        .floats(
            "rollout.step_noise",
            Stream.concat(Stream.of((long) sampling.sdeWindow().size()), latents.stream()).toList(),
            stepNoise(samples, sampling, size))
        .floats(
            "rollout.final_latents",
            latents,
            joined(samples, sample -> sample.trajectory().finalLatents()))
        .floats(
            "rollout.log_probs",
            List.of(rows, (long) sampling.sdeWindow().size()),
            joined(samples, sample -> sample.trajectory().logProbs()));
    addImages(samples.stream().map(Sample::image).toList());
  }

  private void addImages(List<RgbImage> images) {
    RgbImage first = images.getFirst();
    byte[] rgb = new byte[images.size() * first.rgb().length];
    for (int row = 0; row < images.size(); row++) {
      System.arraycopy(images.get(row).rgb(), 0, rgb, row * first.rgb().length, first.rgb().length);
    }
    writer.bytes(
        "rollout.images",
        List.of((long) images.size(), (long) first.height(), (long) first.width(), 3L),
        rgb);
  }

  private void addMetadata(FlowLoopConfig config, List<String> prompts, Sampling sampling) {
    ResolvedConfig.of(config).settings().stream()
        .filter(setting -> SECTIONS.stream().anyMatch(setting.key()::startsWith))
        .forEach(setting -> writer.metadata(setting.key(), setting.value()));
    writer
        .metadata("schemaVersion", Integer.toString(SCHEMA_VERSION))
        .metadata("prompts", new Gson().toJson(prompts))
        .metadata("sdeWindowStart", Integer.toString(sampling.sdeWindow().start()))
        .metadata("sdeWindowEnd", Integer.toString(sampling.sdeWindow().end()))
        .metadata("libtorch", TorchRuntime.version())
        .metadata("threads", Integer.toString(TorchRuntime.threads()));
  }

  private static float[] stepNoise(List<Sample> samples, Sampling sampling, int size) {
    return joined(
        IntStream.range(sampling.sdeWindow().start(), sampling.sdeWindow().end()).boxed().toList(),
        step -> joined(samples, sample -> Noise.stepNoise(sample.row().seed(), step, size)));
  }

  /** The numbers of each part, one part behind the other. */
  private static <T> float[] joined(List<T> parts, Function<T, float[]> numbers) {
    List<float[]> all = parts.stream().map(numbers).toList();
    float[] joined = new float[all.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (float[] part : all) {
      System.arraycopy(part, 0, joined, at, part.length);
      at += part.length;
    }
    return joined;
  }
}
