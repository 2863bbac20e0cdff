package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.ReferenceWalk;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsTensor;
import io.flowloop.engine.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model folder against what the reference implementation made of it: its {@code
 * golden.safetensors}, stage by stage. A stage that the file has nothing of is left out.
 */
public final class QwenImageVerification implements AutoCloseable {

  /** The file beside {@code model_index.json}. */
  public static final String GOLDEN = "golden.safetensors";

  private static final Pattern SCHEDULE = Pattern.compile("sigmas\\.steps(\\d+)\\.len(\\d+)");
  private static final Pattern PICTURE = Pattern.compile("pipeline\\..*\\.image|vae\\.decoded");
  private static final Pattern WALK = Pattern.compile("pipeline\\.(nocfg|cfg([0-9.]+))\\.sigmas");

  /**
   * How far a stage is from the reference.
   *
   * @param name of the reference's tensor
   * @param error ‖ours − reference‖ / ‖reference‖; infinite for token ids that differ at all
   */
  public record Stage(String name, double error) {}

  private final SafetensorsFile golden;
  private final ModelConfig model;
  private final QwenImagePipeline pipeline;
  private final List<String> prompts;

  private QwenImageVerification(
      SafetensorsFile golden, ModelConfig model, QwenImagePipeline pipeline, List<String> prompts) {
    this.golden = golden;
    this.model = model;
    this.pipeline = pipeline;
    this.prompts = prompts;
  }

  /**
   * Loads the model, in the size of the reference's images and with its negative prompt.
   *
   * @param model whose path has the file
   * @throws EngineException if there is no such file, it lacks what tells of it, or the model
   *     cannot be loaded
   */
  public static QwenImageVerification open(ModelConfig model) {
    Path path = model.path().orElseThrow().resolve(GOLDEN);
    SafetensorsFile golden = SafetensorsFile.open(path);
    try {
      List<String> prompts = prompts(path, golden.metadata());
      List<Long> image = picture(path, golden);
      ModelConfig sized =
          model
              .awayFrom(Optional.ofNullable(golden.metadata().get("negative")))
              .sized(Math.toIntExact(image.get(0)), Math.toIntExact(image.get(1)));
      return new QwenImageVerification(golden, sized, QwenImagePipeline.load(sized), prompts);
    } catch (RuntimeException e) {
      golden.close();
      throw e;
    }
  }

  /** Height and width of the pictures: those of walks, or else of the VAE. */
  private static List<Long> picture(Path path, SafetensorsFile golden) {
    return golden.tensors().values().stream()
        .filter(tensor -> PICTURE.matcher(tensor.name()).matches())
        .map(SafetensorsTensor::shape)
        .findFirst()
        .map(shape -> shape.subList(shape.size() - 2, shape.size()))
        .orElseThrow(
            () ->
                new EngineException(
                    "%s: no picture (expected: pipeline.nocfg.image or vae.decoded, to know its size)"
                        .formatted(path)));
  }

  private static List<String> prompts(Path path, SortedMap<String, String> metadata) {
    try {
      JsonArray prompts =
          JsonParser.parseString(metadata.getOrDefault("prompts", "")).getAsJsonArray();
      return prompts.asList().stream().map(prompt -> prompt.getAsString()).toList();
    } catch (JsonParseException | IllegalStateException e) {
      throw new EngineException(
          "%s: metadata 'prompts' is %s (expected: a JSON list of texts)"
              .formatted(path, metadata.get("prompts")),
          e);
    }
  }

  /** Runs every stage that the file has numbers for, in the order of a rollout. */
  public List<Stage> stages() {
    List<Stage> stages = new ArrayList<>();
    for (int i = 0; i <= prompts.size(); i++) {
      addTokens(stages, i);
    }
    for (int i = 0; i <= prompts.size(); i++) {
      addEmbedding(stages, i);
    }
    addVelocity(stages);
    golden.tensors().keySet().forEach(name -> addSchedule(stages, name));
    golden.tensors().keySet().forEach(name -> addWalk(stages, name));
    addVae(stages);
    addGradients(stages);
    return stages;
  }

  private boolean has(String name) {
    return golden.tensors().containsKey(name);
  }

  /** The prompts, and behind them the negative one. */
  private String prompt(int index) {
    return index < prompts.size() ? prompts.get(index) : pipeline.textEncoder().negativePrompt();
  }

  private void addTokens(List<Stage> stages, int index) {
    String name = "text.%d.input_ids".formatted(index);
    if (has(name)) {
      long[] ids = QwenImagePipeline.ids(model, prompt(index));
      stages.add(
          new Stage(name, Arrays.equals(ids, golden.longs(name)) ? 0 : Double.POSITIVE_INFINITY));
    }
  }

  private void addEmbedding(List<Stage> stages, int index) {
    String name = "text.%d.prompt_embeds".formatted(index);
    if (has(name)) {
      try (TensorScope _ = new TensorScope()) {
        float[] values = pipeline.textEncoder().encode(prompt(index)).embedding().values();
        stages.add(new Stage(name, error(values, golden.floats(name))));
      }
    }
  }

  private void addVelocity(List<Stage> stages) {
    String name = "transformer.velocity";
    if (has(name)) {
      requireTokens();
      try (TensorScope _ = new TensorScope()) {
        NDArray levels = tensor("transformer.timestep");
        Pipeline.Denoiser denoiser = pipeline.denoiser();
        List<float[]> rows = new ArrayList<>();
        for (int row = 0; row < rows(name); row++) {
          NDArray conditioning = denoiser.conditioning(levels).get(row);
          rows.add(
              denoiser
                  .velocity(row("transformer.hidden_states", row), conditioning, text(row))
                  .toFloatArray());
        }
        stages.add(new Stage(name, error(joined(rows), golden.floats(name))));
      }
    }
  }

  /** Places depend on how a picture's tokens lie, which the file tells of its pictures alone. */
  private void requireTokens() {
    long tokens = golden.tensor("transformer.hidden_states").shape().get(1);
    int expected = pipeline.latentShape().tokens();
    if (tokens != expected) {
      throw new EngineException(
          "transformer.hidden_states: %d tokens (expected: %d, those of the file's pictures)"
              .formatted(tokens, expected));
    }
  }

  private int rows(String name) {
    return Math.toIntExact(golden.tensor(name).shape().getFirst());
  }

  /** The tokens of a row that its mask does not hide. */
  private Pipeline.Text text(int row) {
    String name = "transformer.encoder_hidden_states";
    List<Long> shape = golden.tensor(name).shape();
    int longest = Math.toIntExact(shape.get(1));
    int width = Math.toIntExact(shape.get(2));
    long[] mask = golden.longs("transformer.encoder_hidden_states_mask");
    int tokens = 0;
    while (tokens < longest && mask[row * longest + tokens] != 0) {
      tokens++;
    }
    float[] all = golden.floats(name);
    int from = row * longest * width;
    return Pipeline.Text.of(
        pipeline
            .manager()
            .create(
                Arrays.copyOfRange(all, from, from + tokens * width), new Shape(1, tokens, width)));
  }

  private void addSchedule(List<Stage> stages, String name) {
    Matcher matcher = SCHEDULE.matcher(name);
    if (matcher.matches()) {
      float[] sigmas =
          pipeline.sigmas(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
      stages.add(new Stage(name, error(sigmas, golden.floats(name))));
    }
  }

  private void addWalk(List<Stage> stages, String sigmas) {
    Matcher matcher = WALK.matcher(sigmas);
    if (!matcher.matches()) {
      return;
    }
    String walk = "pipeline.%s.".formatted(matcher.group(1));
    double scale = matcher.group(2) == null ? 1 : Double.parseDouble(matcher.group(2));
    int steps = Math.toIntExact(golden.tensor(sigmas).elements()) - 1;
    stages.add(new Stage(sigmas, error(pipeline.sigmas(steps), golden.floats(sigmas))));
    try (TensorScope _ = new TensorScope()) {
      List<float[]> latents = new ArrayList<>();
      List<float[]> images = new ArrayList<>();
      for (int row = 0; row < rows(walk + "latents_out"); row++) {
        NDArray last =
            ReferenceWalk.walk(
                pipeline, prompts.get(row), row("pipeline.latents_in", row), steps, scale);
        latents.add(last.toFloatArray());
        images.add(pipeline.pixels(last).toFloatArray());
      }
      stages.add(
          new Stage(
              walk + "latents_out", error(joined(latents), golden.floats(walk + "latents_out"))));
      stages.add(new Stage(walk + "image", error(joined(images), golden.floats(walk + "image"))));
    }
  }

  private void addVae(List<Stage> stages) {
    try (TensorScope _ = new TensorScope()) {
      if (has("vae.decoded")) {
        float[] decoded = pipeline.vae().decode(frame("vae.latents")).toFloatArray();
        stages.add(new Stage("vae.decoded", error(decoded, golden.floats("vae.decoded"))));
      }
      if (has("vae.encoded_mean")) {
        float[] mean = pipeline.vae().encode(frame("vae.pixels")).toFloatArray();
        stages.add(new Stage("vae.encoded_mean", error(mean, golden.floats("vae.encoded_mean"))));
      }
    }
  }

  /** (k, C, h, w) of the reference's (k, C, 1, h, w). */
  private NDArray frame(String name) {
    List<Long> shape = golden.tensor(name).shape();
    return pipeline
        .manager()
        .create(
            golden.floats(name), new Shape(shape.get(0), shape.get(1), shape.get(3), shape.get(4)));
  }

  private void addGradients(List<Stage> stages) {
    if (has("grad.loss")) {
      stages.addAll(new QwenImageGradients(golden, pipeline, this::text, this::row).stages());
    }
  }

  /** (1, …) of a reference's (k, …). */
  private NDArray row(String name, int row) {
    SafetensorsTensor tensor = golden.tensor(name);
    int size = Math.toIntExact(tensor.elements() / tensor.shape().getFirst());
    long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
    shape[0] = 1;
    return pipeline
        .manager()
        .create(
            Arrays.copyOfRange(golden.floats(name), row * size, (row + 1) * size),
            new Shape(shape));
  }

  private NDArray tensor(String name) {
    long[] shape = golden.tensor(name).shape().stream().mapToLong(Long::longValue).toArray();
    return pipeline.manager().create(golden.floats(name), new Shape(shape));
  }

  private static float[] joined(List<float[]> rows) {
    int size = rows.getFirst().length;
    float[] all = new float[rows.size() * size];
    for (int row = 0; row < rows.size(); row++) {
      System.arraycopy(rows.get(row), 0, all, row * size, size);
    }
    return all;
  }

  /** ‖ours − reference‖ / ‖reference‖. */
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
    double error = Math.sqrt(difference) / Math.sqrt(size);
    return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
  }

  @Override
  public void close() {
    pipeline.close();
    golden.close();
  }
}
