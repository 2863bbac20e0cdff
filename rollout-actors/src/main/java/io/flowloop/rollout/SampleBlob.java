package io.flowloop.rollout;

import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.engine.SdeWindow;
import io.flowloop.engine.Trajectory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * Samples as a blob: magic, the prompt embeddings once each, then the samples, which name theirs by
 * its index and share the object again where they are decoded.
 */
public final class SampleBlob {

  private static final int MAGIC = 0x31534C46;

  /** Width, and lengths of mask and values. */
  private static final int FEWEST_EMBEDDING_BYTES = 12;

  /** All numbers and lengths of a sample whose arrays are empty. */
  private static final int FEWEST_SAMPLE_BYTES = 120;

  /** A blob of these samples. */
  public static Blob encode(List<Sample> samples) {
    BlobWriter writer = new BlobWriter();
    write(writer, samples);
    return writer.blob();
  }

  /** Writes them as a part of a blob. */
  static void write(BlobWriter writer, List<Sample> samples) {
    IdentityHashMap<PromptEmbedding, Integer> indices = new IdentityHashMap<>();
    List<PromptEmbedding> embeddings = new ArrayList<>();
    for (Sample sample : samples) {
      if (indices.putIfAbsent(sample.promptEmbedding(), embeddings.size()) == null) {
        embeddings.add(sample.promptEmbedding());
      }
    }
    writer.putInt(MAGIC);
    writer.putInt(embeddings.size());
    embeddings.forEach(embedding -> write(writer, embedding));
    writer.putInt(samples.size());
    for (Sample sample : samples) {
      writer.putInt(indices.getOrDefault(sample.promptEmbedding(), 0));
      write(writer, sample);
    }
  }

  private static void write(BlobWriter writer, PromptEmbedding embedding) {
    byte[] mask = new byte[embedding.tokens()];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = (byte) (embedding.mask()[i] ? 1 : 0);
    }
    writer.putInt(embedding.width());
    writer.putBytes(mask);
    writer.putFloats(embedding.values());
  }

  private static void write(BlobWriter writer, Sample sample) {
    writer.putInt(sample.row().row());
    writer.putLong(sample.row().seed());
    writer.putLong(sample.policyVersion());
    writer.putInt(sample.image().width());
    writer.putInt(sample.image().height());
    writer.putBytes(sample.image().rgb());
    write(writer, sample.trajectory());
    write(writer, sample.timings());
  }

  private static void write(BlobWriter writer, Trajectory trajectory) {
    writer.putInt(trajectory.latents().length);
    for (float[] latents : trajectory.latents()) {
      writer.putFloats(latents);
    }
    writer.putFloats(trajectory.finalLatents());
    writer.putFloats(trajectory.sigmas());
    writer.putInt(trajectory.window().start());
    writer.putInt(trajectory.window().size());
    writer.putFloats(trajectory.logProbs());
  }

  private static void write(BlobWriter writer, SampleTimings timings) {
    writer.putLong(timings.forward());
    writer.putInt(timings.rowOfForward());
    writer.putInt(timings.rowsPerForward());
    writer.putInt(timings.forwards());
    writer.putInt(timings.oomSplits());
    write(writer, timings.encode());
    write(writer, timings.denoise());
    write(writer, timings.decode());
  }

  private static void write(BlobWriter writer, Duration duration) {
    writer.putLong(duration.getSeconds());
    writer.putInt(duration.getNano());
  }

  /**
   * The samples of a blob.
   *
   * @throws DataException if that is not what it holds
   */
  public static List<Sample> decode(Blob blob) {
    return BlobReader.read(blob, "samples", SampleBlob::read);
  }

  /** Reads what {@link #write} wrote. */
  static List<Sample> read(BlobReader reader) {
    reader.expect("magic", MAGIC);
    int embeddingCount = reader.readLength(FEWEST_EMBEDDING_BYTES);
    List<PromptEmbedding> embeddings = new ArrayList<>();
    for (int i = 0; i < embeddingCount; i++) {
      embeddings.add(embedding(reader));
    }
    int count = reader.readLength(FEWEST_SAMPLE_BYTES);
    List<Sample> samples = new ArrayList<>();
    int named = 0;
    for (int i = 0; i < count; i++) {
      int index = reader.readInt();
      // In the order of their first use, so that equal samples are equal bytes.
      if (index < 0 || index > named || index >= embeddings.size()) {
        throw new IllegalArgumentException(
            "embedding: %d (expected: 0 to %d)".formatted(index, named));
      }
      named = Math.max(named, index + 1);
      samples.add(sample(reader, embeddings.get(index)));
    }
    if (named != embeddings.size()) {
      throw new IllegalArgumentException(
          "embeddings: %d (expected: %d, as samples name them)"
              .formatted(embeddings.size(), named));
    }
    return List.copyOf(samples);
  }

  private static PromptEmbedding embedding(BlobReader reader) {
    int width = reader.readInt();
    byte[] flags = reader.readBytes();
    boolean[] mask = new boolean[flags.length];
    for (int i = 0; i < mask.length; i++) {
      if (flags[i] != 0 && flags[i] != 1) {
        throw new IllegalArgumentException("mask: " + flags[i] + " (expected: 0 or 1)");
      }
      mask[i] = flags[i] == 1;
    }
    return new PromptEmbedding(reader.readFloats(), mask, width);
  }

  private static Sample sample(BlobReader reader, PromptEmbedding embedding) {
    RowSeed row = new RowSeed(reader.readInt(), reader.readLong());
    long policyVersion = reader.readLong();
    RgbImage image = new RgbImage(reader.readInt(), reader.readInt(), reader.readBytes());
    return new Sample(row, image, trajectory(reader), embedding, policyVersion, timings(reader));
  }

  private static Trajectory trajectory(BlobReader reader) {
    float[][] latents = new float[reader.readLength(Integer.BYTES)][];
    for (int i = 0; i < latents.length; i++) {
      latents[i] = reader.readFloats();
    }
    float[] finalLatents = reader.readFloats();
    float[] sigmas = reader.readFloats();
    SdeWindow window = new SdeWindow(reader.readInt(), reader.readInt());
    return new Trajectory(latents, finalLatents, sigmas, window, reader.readFloats());
  }

  private static SampleTimings timings(BlobReader reader) {
    return new SampleTimings(
        reader.readLong(),
        reader.readInt(),
        reader.readInt(),
        reader.readInt(),
        reader.readInt(),
        duration(reader),
        duration(reader),
        duration(reader));
  }

  private static Duration duration(BlobReader reader) {
    long seconds = reader.readLong();
    int nanos = reader.readInt();
    if (nanos < 0 || nanos > 999_999_999) {
      throw new IllegalArgumentException("nanoseconds: " + nanos + " (expected: below a second)");
    }
    return Duration.ofSeconds(seconds, nanos);
  }

  private SampleBlob() {}
}
