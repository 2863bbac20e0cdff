package io.flowloop.rollout;

import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * {@link PolicyWeights} as a blob: magic, version, checksum, then name, shape and values of each
 * tensor in the order of the names.
 */
public final class WeightsBlob {

  private static final int MAGIC = 0x31574C46;

  /** Lengths of name, shape and values. */
  private static final int FEWEST_BYTES = 12;

  /** A blob of these weights. */
  public static Blob encode(PolicyWeights weights) {
    BlobWriter writer = new BlobWriter();
    writer.putInt(MAGIC);
    writer.putLong(weights.version());
    writer.putLong(weights.checksum());
    writer.putInt(weights.tensors().size());
    weights.tensors().forEach((name, tensor) -> write(writer, name, tensor));
    return writer.blob();
  }

  private static void write(BlobWriter writer, String name, HostTensor tensor) {
    writer.putText(name);
    writer.putInt(tensor.shape().size());
    tensor.shape().forEach(writer::putLong);
    writer.putFloats(tensor.values());
  }

  /**
   * The weights of a blob.
   *
   * @throws DataException if that is not what it holds
   */
  public static PolicyWeights decode(Blob blob) {
    return BlobReader.read(blob, "weights", WeightsBlob::read);
  }

  private static PolicyWeights read(BlobReader reader) {
    reader.expect("magic", MAGIC);
    long version = reader.readLong();
    long checksum = reader.readLong();
    int count = reader.readLength(FEWEST_BYTES);
    SortedMap<String, HostTensor> tensors = new TreeMap<>();
    for (int i = 0; i < count; i++) {
      String name = reader.readText();
      if (!tensors.isEmpty() && tensors.lastKey().compareTo(name) >= 0) {
        throw new IllegalArgumentException("tensors (expected: each once, in the order of names)");
      }
      tensors.put(name, new HostTensor(shape(reader), reader.readFloats()));
    }
    return new PolicyWeights(version, tensors, checksum);
  }

  private static List<Long> shape(BlobReader reader) {
    int dimensions = reader.readLength(Long.BYTES);
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < dimensions; i++) {
      shape.add(reader.readLong());
    }
    return shape;
  }

  private WeightsBlob() {}
}
