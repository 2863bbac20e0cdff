package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.Sample;
import io.flowloop.reward.Reward;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GroupBlobTest {

  private static RolloutGroup group() {
    Map<String, Double> parts = new LinkedHashMap<>();
    parts.put("ocr", -0.0);
    parts.put("größe", 0.1);
    return new RolloutGroup(
        2, "a \"7\" — é", List.of(row(4, parts, Map.of()), row(5, parts, Map.of("text", "7"))));
  }

  private static RewardedSample row(int index, Map<String, Double> parts, Map<String, String> of) {
    Sample sample = WireMessages.sample(index);
    return new RewardedSample(
        new RolloutRow(index, 2, "a \"7\" — é", sample.row()),
        sample,
        new Reward(0.1 * index, parts),
        of);
  }

  @Test
  void decode_ofAGroup_isTheSame() {
    RolloutGroup decoded = GroupBlob.decode(GroupBlob.encode(group()));

    assertThat(decoded).usingRecursiveComparison().isEqualTo(group());
    assertThat(decoded.samples().getFirst().reward().parts().keySet())
        .containsExactly("ocr", "größe");
  }

  @Test
  void encode_rowOfAnotherPrompt_isRefused() {
    RolloutGroup other = new RolloutGroup(2, "b", group().samples());

    assertThatThrownBy(() -> GroupBlob.encode(other))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("row of group 2, prompt 'a \"7\" — é' (expected: 2, 'b')");
  }

  /** As {@link BlobCodecTest} has it for samples. */
  @Test
  void decode_mutated_isRefusedOrWhatItsBytesSay() {
    byte[] bytes = BlobCodecTest.bytes(GroupBlob.encode(group()));
    Random random = new Random(1);
    int refused = 0;
    for (int i = 0; i < 5_000; i++) {
      byte[] mutated = Mutation.of(bytes, random);
      try {
        Blob again = GroupBlob.encode(GroupBlob.decode(Blob.copyOf(mutated)));
        assertThat(BlobCodecTest.bytes(again)).isEqualTo(mutated);
      } catch (DataException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(1_000, 4_900);
  }

  @Test
  void readFrom_whatWasWritten_isTheSameBlobAndNothingBehindIt() throws IOException {
    byte[] bytes = new byte[2 * Blob.CHUNK + 5];
    new Random(1).nextBytes(bytes);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Blob.copyOf(bytes).writeTo(Channels.newChannel(out));
    out.write(1);
    ByteArrayInputStream in = new ByteArrayInputStream(out.toByteArray());

    Blob read = Blob.readFrom(Channels.newChannel(in), bytes.length);

    assertThat(BlobCodecTest.bytes(read)).isEqualTo(bytes);
    assertThat(read.crc32c()).isEqualTo(Blob.copyOf(bytes).crc32c());
    assertThat(in.available()).isEqualTo(1);
  }

  @Test
  void readFrom_endsBefore_throws() {
    byte[] bytes = Arrays.copyOf(new byte[] {1, 2}, Blob.CHUNK + 1);
    ByteArrayInputStream in = new ByteArrayInputStream(bytes);

    assertThatThrownBy(() -> Blob.readFrom(Channels.newChannel(in), Blob.CHUNK + 2))
        .isInstanceOf(EOFException.class);
  }
}
