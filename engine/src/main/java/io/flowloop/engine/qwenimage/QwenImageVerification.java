package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.ReferenceWalk;
import io.flowloop.engine.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A model folder against what the reference implementation made of it: its {@code
 * golden.safetensors}, stage by stage. A stage that the file has nothing of is left out.
 */
public final class QwenImageVerification implements AutoCloseable {

  /** The file beside {@code model_index.json}. */
  public static final String GOLDEN = "golden.safetensors";

  private static final Pattern SCHEDULE =
      Pattern.compile("sigmas\\.steps([1-9]\\d{0,5})\\.len([1-9]\\d{0,8})");

  /**
   * How far a stage is from the reference.
   *
   * @param name of the reference's tensor
   * @param error ‖ours − reference‖ / ‖reference‖; infinite for token ids that differ at all
   */
  public record Stage(String name, double error) {}

  private final GoldenFile golden;
  private final ModelConfig model;
  private final QwenImagePipeline pipeline;

  private QwenImageVerification(GoldenFile golden, ModelConfig model, QwenImagePipeline pipeline) {
    this.golden = golden;
    this.model = model;
    this.pipeline = pipeline;
  }

  /**
   * Loads the model, in the size of the reference's images and with its negative prompt.
   *
   * @param model whose path has the file
   * @throws EngineException if there is no such file, it lacks what tells of it or what goes into
   *     one of its stages, or the model cannot be loaded
   */
  public static QwenImageVerification open(ModelConfig model) {
    Path path = model.path().orElseThrow();
    GoldenFile golden = GoldenFile.open(path.resolve(GOLDEN));
    try {
      List<Integer> image = golden.picture();
      ModelConfig sized =
          model.awayFrom(golden.negativePrompt()).sized(image.getFirst(), image.getLast());
      return new QwenImageVerification(golden, sized, load(path, golden, sized));
    } catch (RuntimeException e) {
      golden.close();
      throw e;
    }
  }

  /** What does not fit is told before the weights are read. */
  private static QwenImagePipeline load(Path path, GoldenFile golden, ModelConfig model) {
    QwenImageFolder folder = QwenImageFolder.open(path);
    try {
      golden.check(folder.transformer(), folder.vae());
      golden.prompts().forEach(folder.tokenizer()::ids);
    } catch (IllegalArgumentException e) {
      folder.close();
      throw new EngineException("%s: %s".formatted(path.resolve(GOLDEN), e.getMessage()), e);
    } catch (RuntimeException e) {
      folder.close();
      throw e;
    }
    return QwenImagePipeline.load(folder, model);
  }

  /** Runs every stage that the file has numbers for, in the order of a rollout. */
  public List<Stage> stages() {
    List<Stage> stages = new ArrayList<>();
    int texts = golden.prompts().size() + 1;
    for (int i = 0; i < texts; i++) {
      addTokens(stages, i);
    }
    for (int i = 0; i < texts; i++) {
      addEmbedding(stages, i);
    }
    addBatch(stages);
    addVelocity(stages);
    golden.names().forEach(name -> addSchedule(stages, name));
    golden.walks().forEach(walk -> addWalk(stages, walk));
    addVae(stages);
    stages.addAll(new QwenImageGradients(golden, pipeline).stages());
    return stages;
  }

  /** Tensors of the file that {@link #stages} did not look at, as no stage has their names. */
  public List<String> unread() {
    return golden.unread();
  }

  private NDManager manager() {
    return pipeline.manager();
  }

  /** Compares numbers with those of the file, if it has them. */
  private void add(List<Stage> stages, String name, List<float[]> rows) {
    if (golden.has(name)) {
      stages.add(new Stage(name, error(joined(rows), golden.floats(name))));
    }
  }

  /** The prompts, and behind them the negative one. */
  private String prompt(int index) {
    return index < golden.prompts().size()
        ? golden.prompts().get(index)
        : pipeline.textEncoder().negativePrompt();
  }

  private void addTokens(List<Stage> stages, int index) {
    String name = "text.%d.input_ids".formatted(index);
    if (golden.has(name)) {
      stages.add(exact(name, QwenImagePipeline.ids(model, prompt(index))));
    }
  }

  private Stage exact(String name, long[] ours) {
    return new Stage(name, Arrays.equals(ours, golden.longs(name)) ? 0 : Double.POSITIVE_INFINITY);
  }

  private void addEmbedding(List<Stage> stages, int index) {
    String name = "text.%d.prompt_embeds".formatted(index);
    if (golden.has(name)) {
      add(stages, name, List.of(embedding(index).values()));
    }
  }

  private PromptEmbedding embedding(int index) {
    try (TensorScope _ = new TensorScope()) {
      return pipeline.textEncoder().encode(prompt(index)).embedding();
    }
  }

  /** The prompts side by side, zeros behind the shorter ones. */
  private void addBatch(List<Stage> stages) {
    String name = "text.batch.prompt_embeds";
    if (golden.has(name)) {
      List<PromptEmbedding> rows =
          IntStream.range(0, golden.prompts().size()).mapToObj(this::embedding).toList();
      int longest = rows.stream().mapToInt(PromptEmbedding::tokens).max().orElse(0);
      add(
          stages,
          name,
          rows.stream().map(row -> Arrays.copyOf(row.values(), longest * row.width())).toList());
      addMask(stages, rows, longest);
    }
  }

  private void addMask(List<Stage> stages, List<PromptEmbedding> rows, int longest) {
    String name = "text.batch.mask";
    if (golden.has(name)) {
      long[] mask = new long[rows.size() * longest];
      for (int row = 0; row < rows.size(); row++) {
        Arrays.fill(mask, row * longest, row * longest + rows.get(row).tokens(), 1);
      }
      stages.add(exact(name, mask));
    }
  }

  private void addVelocity(List<Stage> stages) {
    if (golden.has(GoldenFile.VELOCITY)) {
      try (TensorScope _ = new TensorScope()) {
        float[] sigmas = golden.floats(GoldenFile.LEVELS);
        Pipeline.Denoiser denoiser = pipeline.denoiser();
        List<NDArray> levels =
            denoiser.conditioning(manager().create(sigmas, new Shape(sigmas.length)));
        List<float[]> rows = new ArrayList<>();
        for (int row = 0; row < sigmas.length; row++) {
          rows.add(
              denoiser
                  .velocity(
                      golden.row(manager(), GoldenFile.TOKENS, row),
                      levels.get(row),
                      golden.text(manager(), row))
                  .toFloatArray());
        }
        add(stages, GoldenFile.VELOCITY, rows);
      }
    }
  }

  private void addSchedule(List<Stage> stages, String name) {
    Matcher matcher = SCHEDULE.matcher(name);
    if (matcher.matches()) {
      int steps = Integer.parseInt(matcher.group(1));
      add(stages, name, List.of(pipeline.sigmas(steps, Integer.parseInt(matcher.group(2)))));
    }
  }

  private void addWalk(List<Stage> stages, GoldenFile.Walk walk) {
    int steps = golden.elements(walk.sigmas()) - 1;
    add(stages, walk.sigmas(), List.of(pipeline.sigmas(steps)));
    if (golden.has(walk.latents()) || golden.has(walk.image())) {
      addEnd(stages, walk, steps);
    }
  }

  private void addEnd(List<Stage> stages, GoldenFile.Walk walk, int steps) {
    List<float[]> latents = new ArrayList<>();
    List<float[]> images = new ArrayList<>();
    for (int row = 0; row < golden.prompts().size(); row++) {
      try (TensorScope _ = new TensorScope()) {
        NDArray begin = golden.row(manager(), GoldenFile.LATENTS, row);
        NDArray end = ReferenceWalk.walk(pipeline, prompt(row), begin, steps, walk.guidanceScale());
        latents.add(end.toFloatArray());
        images.add(pipeline.pixels(end).toFloatArray());
      }
    }
    add(stages, walk.latents(), latents);
    add(stages, walk.image(), images);
  }

  private void addVae(List<Stage> stages) {
    try (TensorScope _ = new TensorScope()) {
      if (golden.has(GoldenFile.DECODED)) {
        NDArray latents = golden.frame(manager(), "vae.latents");
        add(stages, GoldenFile.DECODED, List.of(pipeline.vae().decode(latents).toFloatArray()));
      }
      if (golden.has(GoldenFile.ENCODED)) {
        NDArray pixels = golden.frame(manager(), "vae.pixels");
        add(stages, GoldenFile.ENCODED, List.of(pipeline.vae().encode(pixels).toFloatArray()));
      }
    }
  }

  private static float[] joined(List<float[]> rows) {
    float[] all = new float[rows.stream().mapToInt(row -> row.length).sum()];
    int at = 0;
    for (float[] row : rows) {
      System.arraycopy(row, 0, all, at, row.length);
      at += row.length;
    }
    return all;
  }

  /** ‖ours − reference‖ / ‖reference‖; 0 where both are nothing but zeros. */
  static double error(float[] ours, float[] reference) {
    if (ours.length != reference.length) {
      return Double.POSITIVE_INFINITY;
    }
    double difference = 0;
    double size = 0;
    for (int i = 0; i < ours.length; i++) {
      difference += ((double) ours[i] - reference[i]) * ((double) ours[i] - reference[i]);
      size += (double) reference[i] * reference[i];
    }
    if (difference == 0) {
      return 0;
    }
    double error = Math.sqrt(difference) / Math.sqrt(size);
    return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
  }

  @Override
  public void close() {
    pipeline.close();
    golden.close();
  }
}
