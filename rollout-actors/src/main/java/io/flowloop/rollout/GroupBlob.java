package io.flowloop.rollout;

import io.flowloop.engine.Sample;
import io.flowloop.reward.Reward;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A group as a blob: magic, index and prompt, the rewards and extra fields of its samples, then the
 * samples as a {@link SampleBlob} has them. Its rows are those of the samples' seeds.
 */
public final class GroupBlob {

  private static final int MAGIC = 0x31474C46;

  /** A total, and no part and no field. */
  private static final int FEWEST_REWARD_BYTES = 16;

  /** An empty name and a score. */
  private static final int FEWEST_PART_BYTES = 12;

  /** An empty name and an empty text. */
  private static final int FEWEST_FIELD_BYTES = 8;

  /**
   * A blob of this group.
   *
   * @throws IllegalArgumentException if a row of it is of another group or prompt
   */
  public static Blob encode(RolloutGroup group) {
    BlobWriter writer = new BlobWriter();
    writer.putInt(MAGIC);
    writer.putInt(group.index());
    writer.putText(group.prompt());
    writer.putInt(group.samples().size());
    for (RewardedSample sample : group.samples()) {
      requireRowOf(group, sample.row());
      write(writer, sample.reward());
      writer.putInt(sample.extraFields().size());
      sample
          .extraFields()
          .forEach(
              (name, text) -> {
                writer.putText(name);
                writer.putText(text);
              });
    }
    SampleBlob.write(writer, group.samples().stream().map(RewardedSample::sample).toList());
    return writer.blob();
  }

  private static void requireRowOf(RolloutGroup group, RolloutRow row) {
    if (row.group() != group.index() || !row.prompt().equals(group.prompt())) {
      throw new IllegalArgumentException(
          "row of group %d, prompt '%s' (expected: %d, '%s')"
              .formatted(row.group(), row.prompt(), group.index(), group.prompt()));
    }
  }

  private static void write(BlobWriter writer, Reward reward) {
    writer.putLong(Double.doubleToRawLongBits(reward.total()));
    writer.putInt(reward.parts().size());
    reward
        .parts()
        .forEach(
            (name, score) -> {
              writer.putText(name);
              writer.putLong(Double.doubleToRawLongBits(score));
            });
  }

  /**
   * The group of a blob.
   *
   * @throws DataException if that is not what it holds
   */
  public static RolloutGroup decode(Blob blob) {
    return BlobReader.read(blob, "a group", GroupBlob::read);
  }

  /** What was scored of a sample. */
  private record Scored(Reward reward, Map<String, String> extraFields) {}

  private static RolloutGroup read(BlobReader reader) {
    reader.expect("magic", MAGIC);
    int index = reader.readInt();
    String prompt = reader.readText();
    int count = reader.readLength(FEWEST_REWARD_BYTES);
    List<Scored> scored = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      scored.add(new Scored(reward(reader), extraFields(reader)));
    }
    List<Sample> samples = SampleBlob.read(reader);
    if (samples.size() != count) {
      throw new IllegalArgumentException(
          "samples: %d (expected: %d)".formatted(samples.size(), count));
    }
    List<RewardedSample> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Sample sample = samples.get(i);
      all.add(
          new RewardedSample(
              new RolloutRow(sample.row().row(), index, prompt, sample.row()),
              sample,
              scored.get(i).reward(),
              scored.get(i).extraFields()));
    }
    return new RolloutGroup(index, prompt, all);
  }

  private static Reward reward(BlobReader reader) {
    double total = Double.longBitsToDouble(reader.readLong());
    int count = reader.readLength(FEWEST_PART_BYTES);
    Map<String, Double> parts = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      add(parts, reader.readText(), Double.longBitsToDouble(reader.readLong()));
    }
    return new Reward(total, parts);
  }

  private static Map<String, String> extraFields(BlobReader reader) {
    int count = reader.readLength(FEWEST_FIELD_BYTES);
    Map<String, String> fields = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      add(fields, reader.readText(), reader.readText());
    }
    return fields;
  }

  private static <T> void add(Map<String, T> named, String name, T value) {
    if (named.putIfAbsent(name, value) != null) {
      throw new IllegalArgumentException("%s: twice (expected: once)".formatted(name));
    }
  }

  private GroupBlob() {}
}
