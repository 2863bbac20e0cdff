package io.flowloop.engine;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Adapters on their way out of an open file: their tensors are found by name and checked, and only
 * then read.
 */
final class LoraReader {

  /**
   * A layer's tensors.
   *
   * @param a its name in the file
   * @param b its name in the file
   * @param scale what B is multiplied by
   */
  record Adapter(String layer, String a, String b, double scale) {}

  private static final Set<SafetensorsDtype> FLOATS =
      Set.of(SafetensorsDtype.F32, SafetensorsDtype.F16, SafetensorsDtype.BF16);

  private final SafetensorsFile file;
  private final Optional<LoraSettings> settings;
  private final Optional<Map<String, Pipeline.Layer>> layers;
  private final ModelProblems problems;

  /** For each part the names of tensors by their layers. */
  private final Map<LoraKey.Part, SortedMap<String, String>> names =
      new EnumMap<>(LoraKey.Part.class);

  /**
   * @param settings of the factors; without them they are 1, but for layers with an alpha
   * @param layers the model's, to check against
   */
  LoraReader(
      SafetensorsFile file,
      Optional<LoraSettings> settings,
      Optional<Map<String, Pipeline.Layer>> layers,
      ModelProblems problems) {
    this.file = file;
    this.settings = settings;
    this.layers = layers;
    this.problems = problems;
    for (LoraKey.Part part : LoraKey.Part.values()) {
      names.put(part, new TreeMap<>());
    }
  }

  /** Finds and checks the adapters; they may be read if there is no problem. */
  List<Adapter> find() {
    sort();
    SortedSet<String> found = new TreeSet<>();
    names.values().forEach(part -> found.addAll(part.keySet()));
    List<Adapter> adapters = new ArrayList<>();
    Map<String, List<Long>> shapes = new HashMap<>();
    for (String layer : found) {
      adapter(layer)
          .ifPresent(
              adapter -> {
                adapters.add(adapter);
                shapes.put(LowRank.a(layer), file.tensor(adapter.a).shape());
                shapes.put(LowRank.b(layer), file.tensor(adapter.b).shape());
              });
    }
    if (found.isEmpty()) {
      problems.add("no adapter (expected: lora_A and lora_B of one layer or more)");
    }
    layers.ifPresent(known -> LowRank.problems(known, shapes).forEach(problems::add));
    return adapters;
  }

  /** Reads adapters that were found. */
  SortedMap<String, HostTensor> read(List<Adapter> adapters) {
    SortedMap<String, HostTensor> tensors = new TreeMap<>();
    for (Adapter adapter : adapters) {
      tensors.put(LowRank.a(adapter.layer), tensor(adapter.a, 1));
      tensors.put(LowRank.b(adapter.layer), tensor(adapter.b, adapter.scale));
    }
    return tensors;
  }

  private HostTensor tensor(String name, double scale) {
    float[] values = file.floats(name);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] * scale);
    }
    return new HostTensor(file.tensor(name).shape(), values);
  }

  /** Gives every tensor its place among the names, or a problem. */
  private void sort() {
    Map<String, String> dotted = new HashMap<>();
    layers.ifPresent(
        known -> known.keySet().forEach(layer -> dotted.put(layer.replace('.', '_'), layer)));
    Map<String, List<String>> strangers = new LinkedHashMap<>();
    for (String name : file.tensors().keySet()) {
      Optional<LoraKey> key = LoraKey.of(name);
      Optional<String> layer =
          key.flatMap(k -> Optional.ofNullable(k.flat() ? dotted.get(k.layer()) : k.layer()));
      if (key.isPresent() && layer.isPresent()) {
        place(key.get().part(), layer.get(), name);
      } else {
        String kind = key.isPresent() ? "of no layer that is known" : LoraKey.kind(name);
        strangers.computeIfAbsent(kind, _ -> new ArrayList<>()).add(name);
      }
    }
    strangers.forEach(
        (kind, found) ->
            problems.add(
                "%d %s %s: %s (expected: lora_A, lora_B and alpha of the model's dense layers)"
                    .formatted(
                        found.size(),
                        found.size() == 1 ? "tensor" : "tensors",
                        kind,
                        ModelProblems.several(found))));
  }

  private void place(LoraKey.Part part, String layer, String name) {
    String other = Objects.requireNonNull(names.get(part)).putIfAbsent(layer, name);
    if (other != null) {
      problems.add(
          "tensors %s and %s are both %s of %s (expected: one)"
              .formatted(other, name, part, layer));
    }
  }

  private Optional<Adapter> adapter(String layer) {
    String a = name(LoraKey.Part.A, layer);
    String b = name(LoraKey.Part.B, layer);
    if (a == null || b == null) {
      problems.add(
          "adapter of %s: no %s (expected: both lora_A and lora_B)"
              .formatted(layer, a != null ? "lora_B" : b != null ? "lora_A" : "tensor but alpha"));
      return Optional.empty();
    }
    SafetensorsTensor first = file.tensor(a);
    SafetensorsTensor second = file.tensor(b);
    OptionalLong rank = LowRank.rank(first.shape(), second.shape());
    if (rank.isEmpty()) {
      problems.add(
          "adapter of %s with shapes %s and %s (expected: [rank, in] and [out, rank])"
              .formatted(layer, first.shape(), second.shape()));
    }
    requireFloats(first);
    requireFloats(second);
    return rank.isPresent()
        ? Optional.of(new Adapter(layer, a, b, scale(layer, rank.getAsLong())))
        : Optional.empty();
  }

  private void requireFloats(SafetensorsTensor tensor) {
    if (!FLOATS.contains(tensor.dtype())) {
      problems.add(
          "tensor %s: %s (expected: F32, F16 or BF16)".formatted(tensor.name(), tensor.dtype()));
    }
  }

  private double scale(String layer, long rank) {
    String alpha = name(LoraKey.Part.ALPHA, layer);
    return alpha != null
        ? alpha(file.tensor(alpha)) / rank
        : settings.map(known -> known.scale(layer, rank, problems)).orElse(1.0);
  }

  /** The one number of a tensor. */
  private double alpha(SafetensorsTensor tensor) {
    boolean whole = tensor.dtype() == SafetensorsDtype.I64;
    if (tensor.elements() == 1 && (whole || FLOATS.contains(tensor.dtype()))) {
      double alpha = whole ? file.longs(tensor.name())[0] : file.floats(tensor.name())[0];
      if (Double.isFinite(alpha)) {
        return alpha;
      }
    }
    problems.add(
        "tensor %s: %s %s (expected: one finite F32, F16, BF16 or I64)"
            .formatted(tensor.name(), tensor.dtype(), tensor.shape()));
    return 1;
  }

  private @Nullable String name(LoraKey.Part part, String layer) {
    return Objects.requireNonNull(names.get(part)).get(layer);
  }
}
