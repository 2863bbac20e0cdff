package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.ModelProblems;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsTensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the reference implementation made of a model: {@code golden.safetensors}. A stage has a
 * tensor of what comes out, and of what goes in; of both it may lack any, but none that a stage
 * there needs.
 */
final class GoldenFile implements AutoCloseable {

  static final String VELOCITY = "transformer.velocity";
  static final String TOKENS = "transformer.hidden_states";
  static final String LEVELS = "transformer.timestep";
  static final String LATENTS = "pipeline.latents_in";
  static final String DECODED = "vae.decoded";
  static final String ENCODED = "vae.encoded_mean";
  static final String GRADIENT = "grad.";

  private static final String TEXT = "transformer.encoder_hidden_states";
  private static final String MASK = "transformer.encoder_hidden_states_mask";
  private static final String PROMPTS = "prompts";

  private static final Pattern PICTURE = Pattern.compile("pipeline\\..*\\.image|vae\\.decoded");

  /** The noise levels of a walk: without guidance, or with a scale. */
  private static final Pattern WALK =
      Pattern.compile("pipeline\\.(nocfg|cfg(\\d+(?:\\.\\d+)?))\\.sigmas");

  /** A side that may have any length. */
  private static final long ANY = -1;

  private final Path path;
  private final SafetensorsFile file;
  private final List<String> prompts;
  private final SortedSet<String> read = new TreeSet<>();

  private GoldenFile(Path path, SafetensorsFile file, List<String> prompts) {
    this.path = path;
    this.file = file;
    this.prompts = prompts;
  }

  /**
   * Opens a file.
   *
   * @throws EngineException if there is none, it is damaged, or its metadata does not name prompts
   */
  static GoldenFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new EngineException(
          "%s: missing (expected: what the reference made of the model, as".formatted(path)
              + " bench/qwen_image_reference.py writes it)");
    }
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      return new GoldenFile(path, file, prompts(path, file.metadata()));
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static List<String> prompts(Path path, Map<String, String> metadata) {
    String text = metadata.getOrDefault(PROMPTS, "not there");
    try {
      List<JsonElement> prompts = JsonParser.parseString(text).getAsJsonArray().asList();
      if (prompts.stream().allMatch(GoldenFile::isText)) {
        return prompts.stream().map(JsonElement::getAsString).toList();
      }
    } catch (JsonParseException | IllegalStateException e) {
      // No JSON, or no list: said below.
    }
    throw new EngineException(
        "%s: metadata '%s' is %s (expected: a JSON list of texts)".formatted(path, PROMPTS, text));
  }

  private static boolean isText(JsonElement element) {
    return element instanceof JsonPrimitive primitive && primitive.isString();
  }

  List<String> prompts() {
    return prompts;
  }

  /** What guidance leads away from; empty for the model's own. */
  Optional<String> negativePrompt() {
    return Optional.ofNullable(file.metadata().get("negative"));
  }

  /**
   * Height and width of the pictures: those of walks, or else of the VAE.
   *
   * @throws EngineException if there is none
   */
  List<Integer> picture() {
    List<Long> shape =
        file.tensors().values().stream()
            .filter(tensor -> PICTURE.matcher(tensor.name()).matches())
            .map(SafetensorsTensor::shape)
            .filter(sides -> sides.size() > 1)
            .findFirst()
            .orElseThrow(
                () ->
                    new EngineException(
                        "%s: no picture (expected: pipeline.nocfg.image or vae.decoded, to know its"
                                .formatted(path)
                            + " size)"));
    return shape.subList(shape.size() - 2, shape.size()).stream().map(Math::toIntExact).toList();
  }

  /**
   * Checks that what goes into the stages is there and fits a model.
   *
   * @throws EngineException if not; names every tensor that is missing or of another shape
   */
  void check(TransformerConfig transformer, VaeConfig vae) {
    ModelProblems problems = new ModelProblems();
    long token = (long) vae.scaleFactor() * PackedLatents.PATCH;
    long tokens = (picture().getFirst() / token) * (picture().getLast() / token);
    if (has(VELOCITY) || names().stream().anyMatch(name -> name.startsWith(GRADIENT))) {
      checkForward(transformer, tokens, problems);
    }
    if (walks().stream().anyMatch(walk -> has(walk.latents()) || has(walk.image()))) {
      require(problems, LATENTS, prompts.size(), tokens, transformer.channels());
    }
    if (has(DECODED)) {
      require(problems, "vae.latents", ANY, vae.zDim(), 1, ANY, ANY);
    }
    if (has(ENCODED)) {
      require(problems, "vae.pixels", ANY, VaeConfig.IMAGE_CHANNELS, 1, ANY, ANY);
    }
    problems.throwIfAny(path);
  }

  private void checkForward(TransformerConfig config, long tokens, ModelProblems problems) {
    require(problems, TOKENS, ANY, tokens, config.channels());
    require(problems, LEVELS, side(TOKENS, 0));
    require(problems, TEXT, side(TOKENS, 0), ANY, config.textWidth());
    require(problems, MASK, side(TOKENS, 0), side(TEXT, 1));
  }

  /** A side of a tensor, if there is one. */
  private long side(String name, int index) {
    return has(name) && file.tensor(name).shape().size() > index
        ? file.tensor(name).shape().get(index)
        : ANY;
  }

  private void require(ModelProblems problems, String name, long... sides) {
    String expected =
        Arrays.stream(sides)
            .mapToObj(side -> side == ANY ? "any" : Long.toString(side))
            .toList()
            .toString();
    if (!has(name)) {
      problems.add("tensor %s is missing (expected: shape %s)".formatted(name, expected));
    } else if (!isOf(file.tensor(name).shape(), sides)) {
      problems.add(
          "tensor %s has shape %s (expected: %s)"
              .formatted(name, file.tensor(name).shape(), expected));
    }
  }

  private static boolean isOf(List<Long> shape, long... sides) {
    if (shape.size() != sides.length) {
      return false;
    }
    for (int i = 0; i < sides.length; i++) {
      if (sides[i] == ANY ? shape.get(i) < 1 : shape.get(i) != sides[i]) {
        return false;
      }
    }
    return true;
  }

  boolean has(String name) {
    return file.tensors().containsKey(name);
  }

  /**
   * A walk of the reference.
   *
   * @param sigmas T + 1 of them
   * @param latents where it ends
   * @param image what that is decoded to
   * @param guidanceScale 1 for none
   */
  record Walk(String sigmas, String latents, String image, double guidanceScale) {}

  /** Those whose noise levels the file has; it may lack where they end. */
  List<Walk> walks() {
    return names().stream()
        .map(WALK::matcher)
        .filter(Matcher::matches)
        .filter(walk -> elements(walk.group()) > 1)
        .map(
            walk ->
                new Walk(
                    walk.group(),
                    "pipeline.%s.latents_out".formatted(walk.group(1)),
                    "pipeline.%s.image".formatted(walk.group(1)),
                    walk.group(2) == null ? 1 : Double.parseDouble(walk.group(2))))
        .toList();
  }

  /** Of all tensors. */
  Set<String> names() {
    return Collections.unmodifiableSet(file.tensors().keySet());
  }

  /** Of tensors that nobody asked for the numbers of. */
  List<String> unread() {
    List<String> unread = new ArrayList<>(names());
    unread.removeAll(read);
    return unread;
  }

  float[] floats(String name) {
    read.add(name);
    return file.floats(name);
  }

  long[] longs(String name) {
    read.add(name);
    return file.longs(name);
  }

  /** k of a tensor (k, …). */
  int rows(String name) {
    return Math.toIntExact(file.tensor(name).shape().getFirst());
  }

  /** How many numbers a tensor has. */
  int elements(String name) {
    return Math.toIntExact(file.tensor(name).elements());
  }

  /** (1, …) of a tensor (k, …). */
  NDArray row(NDManager manager, String name, int row) {
    int size = elements(name) / rows(name);
    long[] shape = file.tensor(name).shape().stream().mapToLong(Long::longValue).toArray();
    shape[0] = 1;
    return manager.create(
        Arrays.copyOfRange(floats(name), row * size, (row + 1) * size), new Shape(shape));
  }

  /** (k, C, h, w) of a tensor (k, C, 1, h, w). */
  NDArray frame(NDManager manager, String name) {
    List<Long> shape = file.tensor(name).shape();
    return manager.create(
        floats(name), new Shape(shape.get(0), shape.get(1), shape.get(3), shape.get(4)));
  }

  /**
   * What a row of the forward is conditioned on: the tokens that its mask does not hide.
   *
   * @throws EngineException if it hides all
   */
  Pipeline.Text text(NDManager manager, int row) {
    long[] mask = longs(MASK);
    int longest = mask.length / rows(MASK);
    int tokens = 0;
    while (tokens < longest && mask[row * longest + tokens] != 0) {
      tokens++;
    }
    if (tokens == 0) {
      throw new EngineException(
          "%s: %s hides all of row %d (expected: one token or more)".formatted(path, MASK, row));
    }
    int width = elements(TEXT) / mask.length;
    int from = row * longest * width;
    return Pipeline.Text.of(
        manager.create(
            Arrays.copyOfRange(floats(TEXT), from, from + tokens * width),
            new Shape(1, tokens, width)));
  }

  @Override
  public void close() {
    file.close();
  }
}
