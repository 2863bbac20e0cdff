package io.flowloop.engine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The tensors of a safetensors file, of a model sharded over several, or of a buffer.
 *
 * <p>Files are memory-mapped: opening reads headers only, whatever the size, and a tensor's pages
 * are read when they are touched. Headers are checked on opening. Reading is thread-safe. A file
 * must not be shortened while it is open.
 */
public final class SafetensorsFile implements AutoCloseable {

  // One mapping a file: a segment, unlike a buffer, may span more than 2 GB. Tensors are slices,
  // unless one is asked for in a mapping of its own.

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What every JVM can allocate: some stop a few elements short of the largest int. */
  static final int MAX_ARRAY = Integer.MAX_VALUE - 8;

  /**
   * One file in memory and what its header says.
   *
   * @param path of the file; empty for a buffer
   */
  private record Shard(Optional<Path> path, MemorySegment file, SafetensorsHeader header) {}

  /**
   * Where a tensor's data lies.
   *
   * @param path of the file; empty for a buffer
   * @param begin its first byte there
   * @param segment its bytes in memory
   */
  private record Data(Optional<Path> path, long begin, MemorySegment segment) {}

  private interface IntToFloat {
    float at(int index);
  }

  private final String origin;
  private final Arena arena = Arena.ofShared();
  private final SortedMap<String, String> metadata = new TreeMap<>();
  private final SortedMap<String, SafetensorsTensor> tensors = new TreeMap<>();
  private final Map<String, Data> data = new HashMap<>();

  private SafetensorsFile(String origin) {
    this.origin = origin;
  }

  /**
   * Opens a {@code .safetensors} file, or all files that a {@code .index.json} names.
   *
   * @throws EngineException if a file is missing, truncated or not what its header says
   */
  public static SafetensorsFile open(Path path) {
    SafetensorsFile file = new SafetensorsFile(path.toString());
    try {
      if (path.toString().endsWith(".json")) {
        file.add(SafetensorsIndex.read(path));
      } else {
        file.add(file.map(path));
      }
      return file;
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Reads a whole file that lies in memory, from the buffer's position to its limit.
   *
   * @param origin what errors call it
   * @throws EngineException if it is truncated or not what its header says
   */
  public static SafetensorsFile of(String origin, ByteBuffer buffer) {
    SafetensorsFile file = new SafetensorsFile(origin);
    MemorySegment whole = MemorySegment.ofBuffer(buffer);
    file.add(new Shard(Optional.empty(), whole, SafetensorsHeader.read(origin, whole)));
    return file;
  }

  /** Free text of the header; of a sharded model, the scalar entries of its index. */
  public SortedMap<String, String> metadata() {
    return Collections.unmodifiableSortedMap(metadata);
  }

  /** Every tensor by its name, in the order of the names. */
  public SortedMap<String, SafetensorsTensor> tensors() {
    return Collections.unmodifiableSortedMap(tensors);
  }

  /**
   * What the file says of one tensor.
   *
   * @throws EngineException if there is no such tensor
   */
  public SafetensorsTensor tensor(String name) {
    SafetensorsTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new EngineException(
          "tensor: %s (expected: one of the %d of %s)".formatted(name, tensors.size(), origin));
    }
    return tensor;
  }

  /**
   * A tensor's data where it lies: read-only, little-endian, and valid until {@link #close}.
   *
   * @throws EngineException if there is no such tensor, or it is larger than a buffer can be
   */
  public ByteBuffer bytes(String name) {
    return buffer(fitting(name).segment());
  }

  /**
   * A tensor's data as {@link #bytes(String)} gives it, valid until {@code arena} is closed: pages
   * of it that were read no longer count as memory of this process then.
   *
   * @throws EngineException if there is no such tensor, it is larger than a buffer can be, or the
   *     file can no longer be read
   */
  public ByteBuffer bytes(String name, Arena arena) {
    Data place = fitting(name);
    if (place.path().isEmpty()) {
      return buffer(place.segment());
    }
    try (FileChannel channel = FileChannel.open(place.path().get(), StandardOpenOption.READ)) {
      return buffer(
          channel.map(
              FileChannel.MapMode.READ_ONLY, place.begin(), place.segment().byteSize(), arena));
    } catch (IOException e) {
      throw unreadable(place.path().get(), e);
    }
  }

  private Data fitting(String name) {
    SafetensorsTensor tensor = tensor(name);
    checkFits(tensor, tensor.bytes(), "bytes");
    return data(tensor);
  }

  private static ByteBuffer buffer(MemorySegment segment) {
    return segment.asByteBuffer().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * A copy of an F32, F16 or BF16 tensor as float32, row-major.
   *
   * @throws EngineException if there is no such tensor, it is of another dtype or larger than an
   *     array can be
   */
  public float[] floats(String name) {
    SafetensorsTensor tensor = tensor(name);
    checkFits(tensor, tensor.elements(), "elements");
    MemorySegment segment = data(tensor).segment();
    int count = (int) tensor.elements();
    return switch (tensor.dtype()) {
      case F32 -> segment.toArray(FLOAT);
      case F16 -> floats(count, i -> Float.float16ToFloat(segment.getAtIndex(SHORT, i)));
      case BF16 -> floats(count, i -> Float.intBitsToFloat(segment.getAtIndex(SHORT, i) << 16));
      default -> throw wrongDtype(tensor, "F32, F16 or BF16");
    };
  }

  /**
   * A copy of an I64 tensor, row-major.
   *
   * @throws EngineException if there is no such tensor, it is of another dtype or larger than an
   *     array can be
   */
  public long[] longs(String name) {
    SafetensorsTensor tensor = tensor(name);
    if (tensor.dtype() != SafetensorsDtype.I64) {
      throw wrongDtype(tensor, "I64");
    }
    checkFits(tensor, tensor.elements(), "elements");
    return data(tensor).segment().toArray(LONG);
  }

  /** Unmaps the files; buffers handed out throw an {@link IllegalStateException} from then on. */
  @Override
  public void close() {
    arena.close();
  }

  private void add(Shard shard) {
    metadata.putAll(shard.header.metadata());
    shard.header.entries().values().forEach(entry -> add(entry, shard));
  }

  private void add(SafetensorsIndex index) {
    metadata.putAll(index.metadata());
    Map<Path, Shard> shards = new HashMap<>();
    index
        .shards()
        .forEach(
            (name, path) -> {
              if (!Files.isRegularFile(path)) {
                throw new EngineException(
                    "%s: %s"
                        .formatted(
                            origin,
                            SafetensorsIndex.notInFolder(name, path.getFileName().toString())));
              }
              Shard shard = shards.computeIfAbsent(path, this::map);
              SafetensorsHeader.Entry entry = shard.header.entries().get(name);
              if (entry == null) {
                throw new EngineException(
                    "tensor: %s, missing in %s (expected: there, as %s says)"
                        .formatted(name, path, origin));
              }
              add(entry, shard);
            });
  }

  private void add(SafetensorsHeader.Entry entry, Shard shard) {
    SafetensorsTensor tensor = entry.tensor();
    tensors.put(tensor.name(), tensor);
    data.put(
        tensor.name(),
        new Data(shard.path, entry.begin(), shard.file.asSlice(entry.begin(), tensor.bytes())));
  }

  private Shard map(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new Shard(Optional.of(path), file, SafetensorsHeader.read(path.toString(), file));
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static EngineException unreadable(Path path, IOException cause) {
    return new EngineException("%s cannot be read: %s".formatted(path, cause), cause);
  }

  private Data data(SafetensorsTensor tensor) {
    return Objects.requireNonNull(data.get(tensor.name()));
  }

  private static float[] floats(int count, IntToFloat element) {
    float[] floats = new float[count];
    for (int i = 0; i < count; i++) {
      floats[i] = element.at(i);
    }
    return floats;
  }

  private void checkFits(SafetensorsTensor tensor, long size, String unit) {
    if (size > MAX_ARRAY) {
      throw new EngineException(
          "size: %d %s of tensor %s in %s (expected: at most %d for one array or buffer)"
              .formatted(size, unit, tensor.name(), origin, MAX_ARRAY));
    }
  }

  private EngineException wrongDtype(SafetensorsTensor tensor, String expected) {
    return new EngineException(
        "dtype: %s of tensor %s in %s (expected: %s)"
            .formatted(tensor.dtype(), tensor.name(), origin, expected));
  }
}
