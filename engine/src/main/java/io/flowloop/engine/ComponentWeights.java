package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * The tensors of one component of a model folder, in one safetensors file or in several with an
 * index, as Hugging Face lays them out.
 *
 * <p>Files are mapped, and each tensor is moved to the device by itself, in a mapping of its own:
 * of files of any size, this process holds no more than one tensor.
 */
public final class ComponentWeights implements AutoCloseable {

  private static final Set<SafetensorsDtype> FLOATS =
      Set.of(SafetensorsDtype.F32, SafetensorsDtype.F16, SafetensorsDtype.BF16);

  private static final int FINGERPRINT_BYTES = 4096;

  /** Weights that are not read: variants, shards without their index, pickles. */
  private static final Pattern OTHER_WEIGHTS =
      Pattern.compile(".*\\.(safetensors|bin|pt|pth|ckpt|gguf)");

  /** How many of them are named. */
  private static final int OTHERS = 3;

  /** A tensor under the name that its file has for it. */
  private record Stored(SafetensorsFile file, SafetensorsTensor tensor) {}

  private final Path model;
  private final String component;
  private final ModelProblems problems;
  private final List<SafetensorsFile> files = new ArrayList<>();
  private final Map<String, Stored> tensors = new TreeMap<>();

  /** Names that a broken or missing file may have held. */
  private final Set<String> unread = new TreeSet<>();

  private boolean whole = true;

  private ComponentWeights(Path model, String component, ModelProblems problems) {
    this.model = model;
    this.component = component;
    this.problems = problems;
  }

  /**
   * Opens {@code folder/component/stem.safetensors}, or all files of {@code
   * stem.safetensors.index.json} beside it.
   *
   * @param folder the model's
   * @param component its folder within that, such as {@code vae}
   * @param stem how the file is called, such as {@code model}
   * @param names our name for a tensor by the file's; empty for one that is of no use here
   * @param problems is told of files that are missing, truncated or no safetensors
   */
  public static ComponentWeights open(
      Path folder,
      String component,
      String stem,
      Function<String, Optional<String>> names,
      ModelProblems problems) {
    ComponentWeights weights = new ComponentWeights(folder, component, problems);
    Path single = folder.resolve(component, stem + ".safetensors");
    Path index = folder.resolve(component, stem + ".safetensors.index.json");
    if (Files.isRegularFile(single)) {
      weights.add(single, List.of(), names);
    } else if (Files.isRegularFile(index)) {
      weights.addAll(index, names);
    } else {
      weights.whole = false;
      problems.add(
          "%s/%s: missing (expected: it, or %s with the files that it names)%s"
              .formatted(
                  component, single.getFileName(), index.getFileName(), weights.inItsPlace()));
    }
    return weights;
  }

  /** What else in the folder looks like weights. */
  private String inItsPlace() {
    try (Stream<Path> files = Files.list(model.resolve(component))) {
      String others =
          files
              .map(file -> String.valueOf(file.getFileName()))
              .filter(file -> OTHER_WEIGHTS.matcher(file).matches())
              .sorted()
              .limit(OTHERS)
              .collect(Collectors.joining(", "));
      return others.isEmpty()
          ? ""
          : "; there is %s: save the model as safetensors, without a variant".formatted(others);
    } catch (IOException e) {
      return "";
    }
  }

  private void addAll(Path index, Function<String, Optional<String>> names) {
    Map<Path, List<String>> shards = new TreeMap<>();
    try {
      SafetensorsIndex.read(index)
          .shards()
          .forEach(
              (name, shard) -> shards.computeIfAbsent(shard, _ -> new ArrayList<>()).add(name));
    } catch (EngineException e) {
      whole = false;
      problems.add(within(e));
    }
    shards.forEach((shard, promised) -> add(shard, promised, names));
  }

  /**
   * @param promised names that the index says are in the file; empty if there is no index
   */
  private void add(Path path, List<String> promised, Function<String, Optional<String>> names) {
    String name = component + "/" + path.getFileName();
    if (!Files.isRegularFile(path)) {
      promised.forEach(tensor -> names.apply(tensor).ifPresent(unread::add));
      problems.add(
          "%s: missing (expected: %d tensors there, as the index says)"
              .formatted(name, promised.size()));
      return;
    }
    try {
      SafetensorsFile file = SafetensorsFile.open(path);
      files.add(file);
      file.tensors()
          .values()
          .forEach(tensor -> names.apply(tensor.name()).ifPresent(own -> add(own, file, tensor)));
    } catch (EngineException e) {
      whole &= !promised.isEmpty();
      promised.forEach(tensor -> names.apply(tensor).ifPresent(unread::add));
      problems.add(within(e));
    }
  }

  /** What is wrong with a file, by its name within the model. */
  private String within(EngineException e) {
    return String.valueOf(e.getMessage()).replace(model + File.separator, "");
  }

  private void add(String name, SafetensorsFile file, SafetensorsTensor tensor) {
    if (tensors.put(name, new Stored(file, tensor)) != null) {
      problems.add("%s: tensor %s is there twice (expected: once)".formatted(component, name));
    }
    if (!FLOATS.contains(tensor.dtype())) {
      problems.add(
          "%s: tensor %s has dtype %s (expected: F32, F16 or BF16)"
              .formatted(component, name, tensor.dtype()));
    }
  }

  /**
   * Finds tensors that are missing, too many, of another shape or too large to be moved.
   *
   * @param layout shapes by our names
   */
  public void check(SequencedMap<String, List<Long>> layout) {
    layout.forEach(
        (name, shape) -> {
          Stored stored = tensors.get(name);
          if (stored != null && !stored.tensor().shape().equals(shape)) {
            problems.add(
                "%s: tensor %s has shape %s (expected: %s)"
                    .formatted(component, name, stored.tensor().shape(), shape));
          } else if (stored != null && stored.tensor().bytes() > SafetensorsFile.MAX_ARRAY) {
            problems.add(
                "%s: tensor %s has %d bytes (expected: at most %d); save the model in bfloat16"
                    .formatted(
                        component, name, stored.tensor().bytes(), SafetensorsFile.MAX_ARRAY));
          } else if (stored == null && whole && !unread.contains(name)) {
            problems.add(
                "%s: tensor %s is missing (expected: shape %s)".formatted(component, name, shape));
          }
        });
    for (Map.Entry<String, Stored> entry : tensors.entrySet()) {
      if (!layout.containsKey(entry.getKey())) {
        problems.add(
            "%s: tensor %s of shape %s is too many (expected: those that config.json describes)"
                .formatted(component, entry.getKey(), entry.getValue().tensor().shape()));
      }
    }
  }

  /**
   * Copies tensors to a device, one after the other.
   *
   * @param names ours; all of them were found by {@link #check}
   * @param manager its device; owns what is returned, whatever scopes are open
   * @param dtype of what is returned
   * @return by our names, in the order of {@code names}
   */
  public SequencedMap<String, NDArray> load(
      Collection<String> names, Kernels kernels, NDManager manager, Dtype dtype) {
    SequencedMap<String, NDArray> loaded = new LinkedHashMap<>();
    for (String name : names) {
      loaded.put(name, load(name, kernels, manager, dtype));
    }
    return loaded;
  }

  /**
   * Copies one tensor to a device.
   *
   * @param name ours, one that was found by {@link #check}
   * @param manager its device; owns what is returned, whatever scopes are open
   * @param dtype of what is returned
   */
  public NDArray load(String name, Kernels kernels, NDManager manager, Dtype dtype) {
    Stored stored = tensors.get(name);
    if (stored == null) {
      throw new EngineException(
          "%s: tensor %s (expected: one of its %d)".formatted(component, name, tensors.size()));
    }
    SafetensorsTensor tensor = stored.tensor();
    Shape shape = new Shape(tensor.shape().stream().mapToLong(Long::longValue).toArray());
    try (Arena arena = Arena.ofConfined();
        TensorScope _ = new TensorScope()) {
      ByteBuffer bytes = stored.file().bytes(tensor.name(), arena);
      // DJL cannot name bfloat16, whose bits travel as float16. On a CPU the tensor lies in the
      // mapped file, so what is kept is a copy.
      NDArray mapped =
          manager.create(
              bytes,
              shape,
              tensor.dtype() == SafetensorsDtype.F32 ? DataType.FLOAT32 : DataType.FLOAT16);
      NDArray values =
          tensor.dtype() == SafetensorsDtype.BF16
              ? kernels.one("from_bfloat16_bits", mapped)
              : mapped;
      return TensorScope.own(
          kernels.one(dtype == Dtype.BFLOAT16 ? "bfloat16_copy" : "float32_copy", values), manager);
    }
  }

  /**
   * Tells these tensors from others without reading all of them: CRC-32C over our names, dtypes,
   * shapes and the first 4 KiB of each.
   */
  public long fingerprint() {
    CRC32C crc = new CRC32C();
    tensors.forEach(
        (name, stored) -> {
          SafetensorsTensor tensor = stored.tensor();
          String line = name + " " + tensor.dtype() + " " + tensor.shape() + "\n";
          crc.update(line.getBytes(StandardCharsets.UTF_8));
          ByteBuffer bytes = stored.file().bytes(tensor.name());
          crc.update(bytes.limit(Math.min(bytes.limit(), FINGERPRINT_BYTES)));
        });
    return crc.getValue();
  }

  /** Unmaps the files; what was loaded stays. */
  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }
}
