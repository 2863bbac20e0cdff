package io.flowloop.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A safetensors file of low-rank adapters in the layout that diffusers and peft share.
 *
 * <p>In memory a layer's adapter has the names of {@link LowRank}, the factor alpha / rank is in B,
 * and numbers are float32. What is written here has {@code transformer.} before each name and
 * settings with which diffusers takes B as it is. What is read may be theirs: diffusers' files,
 * peft's folders, and files by the tools around ComfyUI; each alpha is multiplied into its B.
 */
public final class LoraFile {

  // Where a layer's factor comes from, the first of these that is there: an alpha beside A and B,
  // divided by the rank (diffusers forgets it if they are called lora_A and lora_B, the others
  // count it); settings, in the header as diffusers writes them or in peft's adapter_config.json.
  // With neither it is 1, as in diffusers.

  /** What diffusers puts before names of its transformer. */
  static final String TRANSFORMER = "transformer.";

  private static final String FORMAT = "format";
  private static final String SETTINGS = "lora_adapter_metadata";
  private static final String PEFT = "adapter_model.safetensors";
  private static final String PEFT_SETTINGS = "adapter_config.json";
  private static final String EXTENSION = ".safetensors";

  /** What is looked for in a folder: diffusers' file, peft's, and that of a checkpoint of ours. */
  private static final List<String> NAMES =
      List.of("pytorch_lora_weights.safetensors", PEFT, "policy.safetensors");

  /** Entries of a header that belong to the layout. */
  public static final Set<String> METADATA = Set.of(FORMAT, SETTINGS);

  private LoraFile() {}

  /** Whether tensors are adapters and nothing else, so that a file of this layout can hold them. */
  public static boolean canHold(SortedMap<String, HostTensor> tensors) {
    return ranks(tensors).isPresent();
  }

  /** Whether a file says of itself that it has this layout, as each that {@link #write} wrote. */
  public static boolean isLora(SafetensorsFile file) {
    return file.metadata().containsKey(SETTINGS);
  }

  /**
   * Writes adapters.
   *
   * @param metadata more entries for the header, for whoever reads them
   * @throws IllegalArgumentException if the tensors are not what {@link #canHold}
   * @throws IOException if the file cannot be written; it is whole or not there
   */
  public static void write(
      Path file, SortedMap<String, HostTensor> adapters, Map<String, String> metadata)
      throws IOException {
    SortedMap<String, Long> ranks =
        ranks(adapters)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "tensors: %s (expected: lora_A and lora_B of dense layers alone)"
                            .formatted(ModelProblems.several(List.copyOf(adapters.keySet())))));
    SafetensorsWriter writer = new SafetensorsWriter();
    metadata.forEach(writer::metadata);
    writer.metadata(FORMAT, "pt").metadata(SETTINGS, LoraSettings.render(ranks));
    adapters.forEach(
        (name, tensor) -> writer.floats(TRANSFORMER + name, tensor.shape(), tensor.values()));
    writer.write(file);
  }

  /** The rank of each layer; empty if there are none or the tensors are not adapters alone. */
  private static Optional<SortedMap<String, Long>> ranks(SortedMap<String, HostTensor> tensors) {
    SortedMap<String, Long> ranks = new TreeMap<>();
    for (String name : tensors.keySet()) {
      String layer = LowRank.isAdapter(name) ? LowRank.layer(name) : "";
      HostTensor a = tensors.get(LowRank.a(layer));
      HostTensor b = tensors.get(LowRank.b(layer));
      OptionalLong rank =
          a == null || b == null ? OptionalLong.empty() : LowRank.rank(a.shape(), b.shape());
      if (rank.isEmpty()) {
        return Optional.empty();
      }
      ranks.put(layer, rank.getAsLong());
    }
    return ranks.isEmpty() ? Optional.empty() : Optional.of(ranks);
  }

  /**
   * Reads adapters of a model.
   *
   * @param path a file, or a folder with one: diffusers', peft's or a checkpoint
   * @param layers {@link Pipeline#layers()}; names that are written with underscores for dots are
   *     looked up among them
   * @throws EngineException with all that is wrong with the file, with its settings, and with the
   *     adapters as those of this model
   */
  public static SortedMap<String, HostTensor> read(Path path, Map<String, Pipeline.Layer> layers) {
    return read(path, Optional.of(layers));
  }

  /**
   * Reads adapters, of whatever model they are.
   *
   * @param path a file, or a folder with one
   * @throws EngineException with all that is wrong with the file and with its settings; a name with
   *     underscores for dots is, as only a model can tell which layer it means
   */
  public static SortedMap<String, HostTensor> read(Path path) {
    return read(path, Optional.empty());
  }

  private static SortedMap<String, HostTensor> read(
      Path path, Optional<Map<String, Pipeline.Layer>> layers) {
    Path found = Files.isDirectory(path) ? inside(path) : path;
    ModelProblems problems = new ModelProblems();
    try (SafetensorsFile file = SafetensorsFile.open(found)) {
      LoraReader reader = new LoraReader(file, settings(found, file, problems), layers, problems);
      List<LoraReader.Adapter> adapters = reader.find();
      problems.throwIfAny(found);
      return reader.read(adapters);
    }
  }

  private static Path inside(Path folder) {
    try (Stream<Path> all = Files.list(folder)) {
      List<Path> files = all.filter(file -> file.toString().endsWith(EXTENSION)).sorted().toList();
      return NAMES.stream()
          .map(folder::resolve)
          .filter(files::contains)
          .findFirst()
          .orElseGet(() -> only(folder, files));
    } catch (IOException e) {
      throw new EngineException("%s cannot be read: %s".formatted(folder, e), e);
    }
  }

  private static Path only(Path folder, List<Path> files) {
    if (files.size() != 1) {
      throw new EngineException(
          "%s: %d files %s (expected: one, or one of %s); name the file instead of the folder"
              .formatted(folder, files.size(), EXTENSION, String.join(", ", NAMES)));
    }
    return files.getFirst();
  }

  private static Optional<LoraSettings> settings(
      Path path, SafetensorsFile file, ModelProblems problems) {
    if (path.endsWith(PEFT)) {
      Path folder = path.toAbsolutePath().resolveSibling("");
      return JsonSettings.read(folder, PEFT_SETTINGS, problems)
          .map(json -> LoraSettings.of(PEFT_SETTINGS, json));
    }
    return Optional.ofNullable(file.metadata().get(SETTINGS))
        .flatMap(text -> JsonSettings.parse(SETTINGS, text, problems))
        .map(json -> LoraSettings.of(SETTINGS, json));
  }
}
